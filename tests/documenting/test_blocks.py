"""Every code block of README and docs runs, document by document, in a folder with what a reader has."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
import unittest
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from model_on_demand import ModelOnDemand
from PIL import Image
from shell_blocks import run, run_block, run_console
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

import annotools

REPOSITORY = Path(__file__).parents[2]
MADE = {"docs/cli.md", "docs/codes.md", "docs/changelog.md", "docs/api.md"}
DOCUMENTS = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in [*REPOSITORY.glob("README*.md"), *(REPOSITORY / "docs").rglob("*.md")]
)
MAY_SKIP = {"docs/scale.md"}  # engines of Beam that are not at hand; a test checks the names of their flags


def run_toml(example: Any) -> None:
    """Settings of a project: they become its pyproject.toml, and `annotools validate` takes them."""
    settings = tomllib.loads(example.parsed)
    Path("pyproject.toml").write_text(example.parsed, encoding="utf-8")
    assert set(settings["tool"]) <= {"annotools", "pytest"}
    if "annotools" in settings["tool"]:
        run("annotools validate VOCdevkit/VOC2007 --quiet")


def run_yaml(example: Any) -> None:
    """Hooks exist; steps of a job that run annotools run."""
    found = yaml.safe_load(example.parsed)
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    for repo in found.get("repos", ()):
        assert {hook["id"] for hook in repo["hooks"]} <= {hook["id"] for hook in hooks}
    for job in found.get("jobs", {}).values():
        for step in job["steps"]:
            if step.get("run", "").startswith("annotools"):
                run(step["run"])


def run_xml(example: Any) -> None:
    text = example.parsed
    annotools.parse((text if text.startswith("<annotation") else f"<annotation>{text}</annotation>").encode())


def run_json(example: Any) -> None:
    json.loads(example.parsed)


RUN = {
    "sh": run_block,
    "console": run_console,
    "toml": run_toml,
    "yaml": run_yaml,
    "xml": run_xml,
    "json": run_json,
}
PARSERS: list[Any] = [
    SkipParser(),
    PythonCodeBlockParser(),
    *(CodeBlockParser(name, each) for name, each in RUN.items()),
]


def blocks_of(name: str) -> list[str]:
    """The languages of all fenced blocks; "" without one."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return re.findall(r"^ *```([a-z]*)[^\n]*\n.*?^ *```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def readers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sample_data under the names that the texts use, an older state of it, and what it is converted to."""
    folder = tmp_path_factory.mktemp("reader") / "folder"
    sample = REPOSITORY / "sample_data"
    shutil.copytree(sample, folder / "sample_data")
    for name in ("VOCdevkit/VOC2007", "VOCdevkit.old/VOC2007", "data/voc"):
        for part in ("Annotations", "ImageSets", "JPEGImages"):
            shutil.copytree(sample / part, folder / name / part)
    (folder / "VOCdevkit.old/VOC2007/Annotations/shelf-004.xml").unlink()
    shutil.copytree(folder / "data" / "voc", folder / "broken")
    slip = folder / "broken" / "Annotations" / "shelf-005.xml"
    slip.write_text(slip.read_text().replace("<xmax>", "<xmax>9", 1))
    _exports(sample, folder)
    (folder / "cases").symlink_to(REPOSITORY / "tests" / "data" / "voc" / "invalid")
    for name in ("examples", "benchmarks"):
        (folder / name).symlink_to(REPOSITORY / name)
    shutil.copy(sample / "JPEGImages" / "shelf-003.jpg", folder / "shoe.jpg")
    shutil.copy(sample / "classes.txt", folder / "classes.txt")
    annotools.convert(sample, folder / "out", to="tfrecord")
    annotools.convert(sample, folder / "gt.pkl", to="ssd-pickle")
    shutil.copy(folder / "out" / "label_map.pbtxt", folder / "labels.pbtxt")
    classes = annotools.ClassMap.from_file(folder / "labels.pbtxt")
    found = [
        {
            "image_id": Path(annotation.filename or "").stem,
            "category_id": classes.id(obj.name),
            "bbox": [box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin],
            "score": 0.9 - number / 100,
        }
        for annotation in annotools.read(sample, split="test")
        for number, obj in enumerate(annotation.objects)
        if (box := obj.bndbox)
    ]
    (folder / "detections.json").write_text(json.dumps(found))
    for name in ("shop_records", "street_records"):
        shutil.copytree(folder / "out", folder / name)
    (folder / "results" / "VOC2007" / "Main").mkdir(parents=True)
    for name in classes:
        lines = [
            f"{one['image_id']} {one['score']:.2f} 10 10 60 60"
            for one in found
            if one["category_id"] == classes.id(name)
        ]
        file = folder / "results" / "VOC2007" / "Main" / f"comp4_det_test_{name}.txt"
        file.write_text("".join(f"{line}\n" for line in lines))
    return folder


def _exports(sample: Path, folder: Path) -> None:
    """The sample data as other tools lay them out."""
    annotations, pictures = sample / "Annotations", sample / "JPEGImages"
    shutil.copytree(annotations, folder / "labelimg")
    shutil.copytree(pictures, folder / "labelimg", dirs_exist_ok=True)
    shutil.copytree(folder / "VOCdevkit" / "VOC2007", folder / "vott")
    shutil.rmtree(folder / "vott" / "ImageSets")
    (folder / "vott" / "ImageSets" / "Main").mkdir(parents=True)
    lines = [
        f"{file.name} {1 if number % 2 else -1}" for number, file in enumerate(sorted(pictures.iterdir()))
    ]
    (folder / "vott" / "ImageSets" / "Main" / "phone_train.txt").write_text("\n".join(lines))
    with ZipFile(folder / "cvat.zip", "w") as cvat, ZipFile(folder / "label-studio.zip", "w") as studio:
        for file in sorted(annotations.iterdir()):
            text = file.read_text(encoding="utf-8")
            cvat.writestr(f"Annotations/{file.name}", text.replace("<depth>3</depth>", "<depth></depth>"))
            studio.writestr(f"Annotations/1a2b-{file.name}", text)
        for file in sorted(pictures.iterdir()):
            cvat.write(file, f"JPEGImages/{file.name}")
            studio.write(file, f"images/1a2b-{file.name}")
        cvat.writestr("labelmap.txt", "# label:color_rgb:parts:actions\nphone:1,2,3::\n")
        cvat.write(sample / "ImageSets" / "Main" / "train.txt", "ImageSets/Main/train.txt")
    with ZipFile(folder / "roboflow.zip", "w") as roboflow:
        for number, file in enumerate(sorted(pictures.iterdir())):
            split = ("train", "valid", "test")[number % 3]
            stem = f"{file.stem}{file.suffix.replace('.', '_')}.rf.{number:032x}"
            roboflow.write(file, f"{split}/{stem}{file.suffix}")
            text = (annotations / f"{file.stem}.xml").read_text(encoding="utf-8")
            roboflow.writestr(f"{split}/{stem}.xml", text.replace(file.name, f"{stem}{file.suffix}"))


@pytest.fixture
def names(readers_folder: Path) -> dict[str, Any]:
    """What a text takes for granted beside files."""
    detections = {
        Path(annotation.filename or "").stem: (
            [[b.xmin, b.ymin, b.xmax, b.ymax] for obj in annotation.objects if (b := obj.bndbox)],
            [0.9] * len(annotation.objects),
            [classes.index(obj.name) for obj in annotation.objects],
        )
        for classes in [annotools.ClassMap.from_file(readers_folder / "labels.pbtxt")]
        for annotation in annotools.read(readers_folder / "sample_data", split="test")
    }
    xml = (readers_folder / "sample_data" / "Annotations" / "shelf-003.xml").read_bytes()
    image = np.asarray(Image.open(readers_folder / "shoe.jpg"))
    boxes, labels = np.array([[56, 75, 209, 204]], np.float32), np.array([3], np.int32)
    return {
        "model": ModelOnDemand(),
        "detections": detections,
        "xml_bytes": xml,
        "image": image,
        "boxes": boxes,
        "labels": labels,
    }


@pytest.fixture
def beside(readers_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "folder"
    shutil.copytree(readers_folder, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    return folder


@pytest.fixture
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket s3://shop with the sample data, for the one document that speaks of it."""
    bucket = request.getfixturevalue("bucket")
    bucket.fs.mkdir("shop")
    for file in (REPOSITORY / "sample_data").rglob("*.[xjp][mpn][lg]"):
        bucket.fs.pipe_file(
            f"shop/voc/{file.relative_to(REPOSITORY / 'sample_data').as_posix()}", file.read_bytes()
        )


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in MADE and blocks_of(name)])
def test_blocks_run(name: str, names: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if "s3://shop" in (REPOSITORY / name).read_text(encoding="utf-8"):
        request.getfixturevalue("store")
    parsers = [
        parser for parser in PARSERS if (name, getattr(parser, "language", "")) != ("docs/rules.md", "xml")
    ]
    document = Document.parse(str(REPOSITORY / name), *parsers)
    document.namespace.update(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pytest.PytestUnraisableExceptionWarning)
        for example in document.examples():
            try:
                example.evaluate()
            except unittest.SkipTest:
                continue
            except Exception as error:
                error.add_note(f"{name}, the block in line {example.line}")
                raise


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in MADE])
def test_every_block_says_what_it_is_and_few_are_skipped(name: str) -> None:
    known = {"python", *RUN, *({"text"} if name == "docs/rules.md" else ())}  # there: bytes that are no XML
    assert set(blocks_of(name)) <= known
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert "<!-- skip" not in text or name in MAY_SKIP


def test_a_wrong_block_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (
        "```python\nassert False\n```\n",
        "```sh\nannotools validate nothing\n```\n",
        "```sh\nannotools --version  # exit code 1\n```\n",
        "```console\n$ annotools --version\nannotools 0\n```\n",
        "```sh\nmake coffee\n```\n",
        "```sh\npip install '.[coffee]'\n```\n",
    ):
        (tmp_path / "a.md").write_text(text)
        examples = list(Document.parse(str(tmp_path / "a.md"), *PARSERS).examples())
        assert len(examples) == 1
        with pytest.raises(AssertionError):
            examples[0].evaluate()
