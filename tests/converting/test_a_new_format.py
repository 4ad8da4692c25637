"""A format is a file and a row: one that has neither shards nor a single file, made up here, is converted,
continued and verified like the others.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FORMAT = '''
"""Each image and its boxes as a line of text an object, in folders; a list of the images of each split."""

from pathlib import Path

from annotools.formats.entry import Entry


def shard_name(split, index, count):
    return f"lists/{split}.txt"


def write(examples, path, *, classes):
    root, names = path.parents[1], []
    for example in examples:
        stem, _, ending = example.filename.rpartition(".")
        names.append(example.filename)
        for folder, name, data in (
            ("labels", f"{stem}.txt", lines_of(example).encode()),
            ("images", example.filename, example.encoded),
        ):
            file = root / folder / path.stem / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    path.write_text("".join(f"{name}\\n" for name in names))


def lines_of(example):
    return "".join(f"{name} {' '.join(map(str, box))}\\n" for name, box in zip(example.names, example.boxes))


def write_sidecars(folder, splits, classes):
    (Path(folder) / "names.txt").write_text(classes.to_txt(), encoding="utf-8")


def stored_classes(path):
    return None


def entries(path, classes, *, upright):
    root = path.parents[1]
    for name in path.read_text().split("\\n")[:-1]:
        label = root / "labels" / path.stem / f"{name.rpartition('.')[0]}.txt"
        yield entry(name, label.read_text())


def entry_of(example, classes, *, upright):
    return entry(example.filename, lines_of(example))


def entry(name, text):
    rows = [line.rsplit(" ", 4) for line in text.split("\\n")[:-1]]
    boxes = [tuple(map(float, row[1:])) for row in rows]
    return Entry(name, lambda: {"text": text}, boxes=boxes, size=(None, None), names=[row[0] for row in rows])
'''

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from annotools.conversion import output_formats
row = output_formats.OutputFormat(
    "folders", "folders", stores_pixels=True, shards="refused", sidecars="label-map"
)
output_formats.FORMATS["folders"] = row
from annotools.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    (tmp_path / "folders.py").write_text(FORMAT)

    def call(*command: object) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", RUN, str(tmp_path), *map(str, command)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    return call


def names(out: Path) -> set[str]:
    return {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and ".annotools" not in path.parts
    }


def test_folders_of_files(run: Any, tree: Any, tmp_path: Path) -> None:
    for name in "abc":
        tree.add(name, [("cup", 1, 2, 9, 9)])
    tree.lists(train=["a", "b"], val=["c"])
    out = tmp_path / "out"
    convert = ("convert", tree.root, out, "--to", "folders", "--workers", "2", "--quiet")
    done = run(*convert)
    assert done.returncode == 0, done.stderr
    files = {f"images/train/{name}.jpg" for name in "ab"} | {f"labels/train/{name}.txt" for name in "ab"}
    files |= {"images/val/c.jpg", "labels/val/c.txt", "lists/train.txt", "lists/val.txt"}
    assert names(out) == files | {"names.txt", "label_map.pbtxt", "manifest.json"}
    assert (out / "images" / "train" / "a.jpg").read_bytes() == (
        tree.root / "JPEGImages" / "a.jpg"
    ).read_bytes()

    verified = run("verify", out, "--against", tree.root)
    assert verified.returncode == 0, verified.stdout
    assert "2 files, 3 records, 3 objects" in verified.stdout

    tree.lists(train=["a"], val=["c"])
    done = run(*convert)
    assert done.returncode == 0, done.stderr
    assert names(out) == {name for name in files if "/b." not in name} | {
        "names.txt",
        "label_map.pbtxt",
        "manifest.json",
    }
    assert run("verify", out, "--against", tree.root).returncode == 0

    (out / "labels" / "train" / "a.txt").write_text("cup 1.0 2.0 8.0 9.0\n")
    (out / "names.txt").write_text("mug\n")
    verified = run("verify", out, "--against", tree.root)
    assert verified.returncode == 1
    assert (
        "lists/train.txt: record 0: different: text: 'a.jpg' is not what the source gives" in verified.stdout
    )
    assert (
        "names.txt: label-map: 0: not what the manifest says (found 'mug', expected 'cup')" in verified.stdout
    )


def test_options_about_shards_are_refused(run: Any, tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("cup", 1, 2, 9, 9)])
    for flags in (["--shards", "2"], ["--shard-size", "1MB"]):
        done = run("convert", tree.root, tmp_path / "out", "--to", "folders", *flags)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"{flags[0]}: --to folders has no shards" in done.stderr
    assert not (tmp_path / "out").exists()
