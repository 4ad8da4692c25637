"""The PTransforms, in pipelines as people write them, against the functions that do the same without Beam."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from annotools.classes.class_map import ClassMap
from annotools.conversion.run import convert
from annotools.errors import OptionError, OutputError, SourceError
from annotools.formats import tfrecord
from annotools.issues import Issue
from annotools.sources.read import read
from annotools.validation.rules.catalogue import CHECKS
from annotools.validation.validate import validate

beam = pytest.importorskip("apache_beam")

from annotools.beam import ReadExamples, ReadVoc, Validate, WriteTFRecord  # noqa: E402
from annotools.conversion.plan import hash_of, shard_of  # noqa: E402

CLASSES = ClassMap.from_names(["shoes", "watch"])

# What Beam's DirectRunner comes down to, if Prism, which it would download, is not there.
RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
FLAGS = [f"--runner={RUNNER}"]
PROCESSES = [*FLAGS, "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def run(build: Callable[[Any], None], flags: list[str] = FLAGS) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        build(pipeline)


def kept(pcoll: Any, path: Path) -> None:
    """Write the repr of each element, a line each."""
    write = beam.io.WriteToText(str(path), shard_name_template="")
    _ = pcoll | f"Show {path.name}" >> beam.Map(repr) | f"Keep {path.name}" >> write


def lines(path: Path) -> Counter[str]:
    return Counter(path.read_text().splitlines())


def reprs(elements: Iterable[object]) -> Counter[str]:
    return Counter(map(repr, elements))


@pytest.fixture
def store(tree: Any) -> Any:
    """70 images, 2 of them without an object."""
    for number in range(70):
        names = ["shoes", "watch"][: number % 3] if number > 1 else []
        tree.add(f"img{number:02}", [(name, 5, 6, 30 + number % 9, 35) for name in names])
    return tree.lists(train=tree.names[:60], val=tree.names[60:])


def test_read_voc(store: Any, tmp_path: Path) -> None:
    def build(pipeline: Any) -> None:
        kept(pipeline | "Train" >> ReadVoc(store.root, split="train"), tmp_path / "train")
        kept(pipeline | "All" >> ReadVoc(store.root, headers=True), tmp_path / "all")

    run(build)
    assert lines(tmp_path / "train") == reprs(read(store.root, split="train"))
    assert lines(tmp_path / "all") == reprs(read(store.root, headers=True))


def test_faulty_files_go_to_the_issues_or_end_the_pipeline(store: Any, tmp_path: Path) -> None:
    good = reprs(read(store.root, headers=True))
    store.add("bad", [("shoes", "x", 1, 2, 3), ("watch", 1, "y", 2, 3)])
    store.add("worse", xml=b"<annotation>")
    store.add("image", image=b"no image")

    def build(pipeline: Any) -> None:
        annotations, issues = pipeline | ReadVoc(store.root, headers=True, on_error="skip")
        kept(annotations, tmp_path / "annotations")
        kept(issues | beam.Map(lambda issue: f"{Path(issue.path).name} {issue.rule}"), tmp_path / "issues")

    run(build)
    # bad, worse and image are in no list of the tree
    assert lines(tmp_path / "annotations") == good
    assert lines(tmp_path / "issues") == Counter(
        ["'bad.xml field-invalid'"] * 2 + ["'worse.xml unparsable'", "'image.jpg image-unreadable'"]
    )
    with pytest.raises(Exception, match=r"(bad|worse)\.xml|image\.jpg"):
        run(lambda pipeline: pipeline | ReadVoc(store.root, headers=True))


def test_validate_finds_what_validate_finds_in_single_files(store: Any, tmp_path: Path) -> None:
    store.add("bad", [("shoes", 30, 1, 2, 300), ("wach", 1, 2, 20, 30)]).add("lone", xml=None)
    store.add("worse", xml=b"<annotation>").add("wide", size=(61, 40, 3))
    run(lambda pipeline: kept(pipeline | Validate(store.root, classes=CLASSES), tmp_path / "issues"))
    of_files = {rule for check in CHECKS for rule in check.rules}

    def about_files(issues: Iterable[Issue]) -> Counter[str]:
        return reprs(issue for issue in issues if issue.rule in of_files)

    whole = list(validate(store.root, classes=CLASSES))
    found = lines(tmp_path / "issues")
    assert not found - reprs(whole)
    assert not about_files(whole) - found
    assert "annotation-missing" in "".join(found)
    assert len(found) > 5


@pytest.mark.parametrize("flags", [FLAGS, PROCESSES], ids=["in-process", "processes"])
def test_examples_written_are_the_shards_of_convert(
    flags: list[str], store: Any, tmp_path: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    convert(store.root, tmp_path / "local", to="tfrecord", split="train", shards=3, classes=CLASSES)

    def build(pipeline: Any) -> None:
        examples = pipeline | ReadExamples(store.root, classes=CLASSES, split="train")
        kept(examples | WriteTFRecord(tmp_path / "out", classes=CLASSES, shards=3), tmp_path / "manifests")

    run(build, flags)
    local, out = snapshot(tmp_path / "local"), snapshot(tmp_path / "out")
    for files in (local, out):
        for name in [name for name in files if name.startswith(".annotools/")]:
            del files[name]  # fingerprints are of files, which a pipeline does not know
    assert out == local
    assert len(lines(tmp_path / "manifests")) == 1


def test_a_pipeline_of_ones_own(store: Any, tmp_path: Path) -> None:
    """Filtered, with more shards than images, into an output that is there already."""
    store.add("bad", [("wach", 1, 2, 20, 30)], image=None)

    def build(pipeline: Any) -> None:
        examples, issues = pipeline | ReadExamples(store.root, classes=CLASSES, on_error="skip")
        few = examples | beam.Filter(lambda example: example.id in ("img05", "img69"))
        _ = few | WriteTFRecord(tmp_path / "out", classes=CLASSES, shards=5, overwrite=True)
        kept(issues | beam.Map(lambda issue: issue.rule), tmp_path / "issues")

    convert(store.root, tmp_path / "out", to="tfrecord", shards=20, classes=CLASSES, on_error="skip")
    run(build)
    assert sorted(example.filename for example in tfrecord.read(tmp_path / "out")) == [
        "img05.jpg",
        "img69.jpg",
    ]
    assert len(list((tmp_path / "out").glob("*.tfrecord"))) == 5
    assert "'image-missing'" in lines(tmp_path / "issues")
    with pytest.raises(OutputError, match="made in another way"):
        convert(store.root, tmp_path / "out", to="tfrecord", shards=5, classes=CLASSES, on_error="skip")


def test_mistakes_are_told_while_the_pipeline_is_built(store: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        ReadVoc(tmp_path / "nowhere")
    with pytest.raises(OptionError):
        ReadVoc(store.root, on_error="ignore")
    with pytest.raises(OptionError):
        Validate(store.root, images="all")
    with pytest.raises(OptionError):
        WriteTFRecord(tmp_path / "out", classes=CLASSES, shards=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(OutputError):
        run(
            lambda pipeline: (
                pipeline | beam.Create([]) | WriteTFRecord(tmp_path / "full", classes=CLASSES, shards=1)
            )
        )


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 1000])
def test_shards_have_the_borders_of_the_plan(shards: int) -> None:

    borders = [(index << 64) // shards for index in range(shards + 1)]
    for number in range(300):
        index = shard_of(hash_of(f"image {number}"), shards)
        assert borders[index] <= hash_of(f"image {number}") < borders[index + 1]


def test_the_commands_of_the_page_have_flags_that_beam_knows(caplog: pytest.LogCaptureFixture) -> None:
    import apache_beam.runners.dask.dask_runner  # noqa: F401  # makes its options known
    from apache_beam.options.pipeline_options import PipelineOptions

    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    commands = re.findall(r"^annotools convert .* --runner beam -- (.*)$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        PipelineOptions(command.split()).get_all_options()
        assert not [record for record in caplog.records if "iscarding" in record.message], command


def test_the_pipeline_of_the_page_runs(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    CLASSES.save(tmp_path / "classes.txt")
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "VOCdevkit" / "VOC2007").symlink_to(store.root)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.py").write_text(code)
    runpy.run_path(str(tmp_path / "page.py"))
    assert (tmp_path / "large_images" / "manifest.json").exists()
    assert list(tmp_path.glob("issues.txt*"))
