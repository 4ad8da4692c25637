"""The bad-input table: each fault gives a message with file, line, field, found and expected, the right exit
code, and no half-written output. Under `skip` it costs the smallest unit that is wrong, and is counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.issues import DataError

GOOD = ("shoes", 5, 6, 30, 35)
BUILD = Callable[[Any, Callable[..., bytes], Callable[..., bytes]], object]


@dataclass
class Case:
    """One fault: how to build it, and what must be said of it. The set also holds one good image."""

    rule: str
    build: BUILD
    says: str  # a regular expression on the line of the issue
    objects_lost: int = 0
    images_lost: int = 0


CASES = {
    "unreadable XML": Case(
        "unparsable",
        lambda t, xml, pic: t.add("bad", xml=xml("bad.jpg", [GOOD])[:200]),
        r"bad\.xml:\d+: ",
        images_lost=1,
    ),
    "wrong root": Case(
        "wrong-root",
        lambda t, xml, pic: t.add("bad", xml=b"<annotations><image/></annotations>"),
        r"bad\.xml:1: .*annotations.*expected.*annotation",
        images_lost=1,
    ),
    "missing bndbox": Case(
        "box-missing",
        lambda t, xml, pic: t.add(
            "bad", xml=re.sub(rb"<bndbox>.*?</bndbox>", b"", xml("bad.jpg", [GOOD]), flags=re.S)
        ),
        r"bad\.xml:4: .*bndbox",
        objects_lost=1,
    ),
    "text for a number": Case(
        "field-invalid",
        lambda t, xml, pic: t.add("bad", [GOOD, ("shoes", 5, "abc", 30, 35)]),
        r"bad\.xml:19: .*ymin.*found 'abc'.*expected.*number",
        objects_lost=1,
    ),
    "NaN": Case(
        "box-not-finite",
        lambda t, xml, pic: t.add("bad", [("shoes", "nan", 6, 30, 35), GOOD]),
        r"bad\.xml:8: .*xmin.*is not finite.*nan.*expected a number",
        objects_lost=1,
    ),
    "inverted": Case(
        "box-inverted",
        lambda t, xml, pic: t.add("bad", [("shoes", 30, 6, 5, 35), GOOD]),
        r"bad\.xml:7: .*xmin.* 30 .*xmax.* 5.*expected",
        objects_lost=1,
    ),
    "zero area": Case(
        "box-zero-area",
        lambda t, xml, pic: t.add("bad", [("shoes", 30, 6, 30, 35)]),
        r"bad\.xml:7: .*width is 0.*expected",
        objects_lost=1,
    ),
    "outside": Case(
        "box-outside-image",
        lambda t, xml, pic: t.add("bad", [("shoes", 5, 6, 61, 35), GOOD]),
        r"bad\.xml:7: .*xmax.*61.*1 px.*expected 60",
        objects_lost=1,
    ),
    "unknown class": Case(
        "class-unknown",
        lambda t, xml, pic: t.add("bad", [("Shoes", 5, 6, 30, 35), GOOD]),
        r"bad\.xml:4: .*'Shoes'.*did you mean 'shoes'",
        objects_lost=1,
    ),
    "missing image": Case(
        "image-missing",
        lambda t, xml, pic: t.add("bad", image=None),
        r"bad\.xml: .*bad\.jpg",
        images_lost=1,
        objects_lost=1,
    ),
    "truncated image": Case(
        "image-truncated",
        lambda t, xml, pic: t.add("bad", image=pic(600, 400)[:-40]),
        r"bad\.jpg: .*found \d+ bytes",
        images_lost=1,
        objects_lost=1,
    ),
    "image that is none": Case(
        "image-unreadable",
        lambda t, xml, pic: t.add("bad", image=b"<!DOCTYPE html><html>404</html>"),
        r"bad\.jpg: .*found.*expected JPEG",
        images_lost=1,
        objects_lost=1,
    ),
    "empty image file": Case(
        "image-unreadable",
        lambda t, xml, pic: t.add("bad", image=b""),
        r"bad\.jpg: ",
        images_lost=1,
        objects_lost=1,
    ),
}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    file = tmp_path / "classes.txt"
    file.write_text("shoes\nwatch\n")
    return file


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("to", ["tfrecord", "tfds"])
def test_fail_names_it_and_writes_nothing(
    case: Case,
    to: str,
    tree: Any,
    make_xml: Any,
    make_picture: Any,
    classes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree.add("good")
    case.build(tree, make_xml, make_picture)
    out = tmp_path / "new" / "out"
    code = main(
        ["convert", str(tree.root), str(out), "--to", to, "--classes", str(classes), "--workers", "1"]
    )
    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    lines = said.err.splitlines()
    (head,) = [place for place, line in enumerate(lines) if line.startswith("error: ")]
    assert lines[head].startswith(f"error: {case.rule} (1)")
    assert re.search(case.says, lines[head + 1]), lines[head + 1]
    assert str(tree.root) in lines[head + 1]
    assert not out.parent.exists()  # nothing is left, not even the folder that was made for it


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_skip_costs_the_smallest_unit(
    case: Case, tree: Any, make_xml: Any, make_picture: Any, classes: Path, tmp_path: Path
) -> None:
    tree.add("good")
    case.build(tree, make_xml, make_picture)
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", classes=classes, on_error="skip")
    images, objects = result.ledger.images, result.ledger.objects
    assert images.found == 2
    assert dict(images.lost) == ({case.rule: 1} if case.images_lost else {})
    assert dict(objects.lost) == ({case.rule: case.objects_lost} if case.objects_lost else {})
    assert [i.rule for i in result.issues if i.severity == "error"] == [case.rule]
    records = list(annotools.read(tmp_path / "out"))
    assert len(records) == images.written == 2 - case.images_lost
    assert sum(len(a.objects) for a in records) == objects.written
    if not case.images_lost:
        assert {a.filename for a in records} == {"good.jpg", "bad.jpg"}  # a negative rather than a gap


def test_fail_lists_every_problem(
    tree: Any, make_xml: Any, make_picture: Any, classes: Path, tmp_path: Path
) -> None:
    for number, case in enumerate(CASES.values()):
        part = type(tree)(tmp_path / "parts" / str(number))
        case.build(part, make_xml, make_picture)
        for old in list(part.root.rglob("bad.*")):
            folder = tree.root / old.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            old.rename(folder / f"bad{number:02d}{old.suffix}")
    with pytest.raises(DataError) as caught:
        annotools.convert(tree.root, tmp_path / "out", to="tfrecord", classes=classes)
    found = {i.rule for i in caught.value.issues if i.severity == "error"}
    assert found == {case.rule for case in CASES.values()}
    places = [(i.path or "", i.line or 0) for i in caught.value.issues]
    assert places == sorted(places)  # as one reads a folder, not as shards have them
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["convert", "classes"])
def test_a_source_without_one_readable_file_says_what_is_wrong_with_them(
    command: str, tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("bad", xml=b"<annotation>\n<object>")
    tree.add("worse", xml="<annotation>\n<filename>手机</filename></annotation>".encode("gbk"))
    out = [str(tmp_path / "out"), "--to", "tfrecord"] if command == "convert" else []
    assert main([command, str(tree.root), *out]) == 1
    said = capsys.readouterr().err
    assert re.search(r"^error: unparsable \(1\) .*\n  .*bad\.xml:2: ", said, re.MULTILINE)
    assert re.search(r"^error: encoding \(1\) .*\n  .*worse\.xml:2: ", said, re.MULTILINE)
    assert "no object with a class name was found" in said


def test_path_traversal_never_leaves_the_source(tree: Any, make_xml: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"\xff\xd8 not yours")
    for number, name in enumerate(["../secret.jpg", "../../secret.jpg", str(secret), "..\\secret.jpg"]):
        tree.add(f"bad{number}", image=None, xml=make_xml(name, [GOOD]))
    tree.add("good")
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert result.ledger.images.lost == {"image-missing": 4}
    shard = (tmp_path / "out" / "train-00000-of-00001.tfrecord").read_bytes()
    assert b"not yours" not in shard


def test_an_existing_output_is_refused(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: Any
) -> None:
    tree.add("good")
    out = tmp_path / "out"
    call = ["convert", str(tree.root), str(out), "--to", "tfrecord", "--workers", "1", "--quiet"]
    assert main(call) == 0
    before = snapshot(out)
    assert main([*call, "--shards", "2"]) == 2
    said = capsys.readouterr().err
    assert "--overwrite" in said
    assert "--shards: None, now 2" in said
    assert snapshot(out) == before
    (out / "mine.txt").write_text("keep me")
    tree.add("second")
    assert main([*call, "--overwrite", "--shards", "2"]) == 0
    after = snapshot(out)
    assert after["mine.txt"] == b"keep me"
    assert {n for n in after if n.endswith(".tfrecord")} == {
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    }


def test_a_folder_that_is_not_ours_is_never_replaced(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: Any
) -> None:
    tree.add("good")
    out = tmp_path / "photos"
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"precious")
    call = ["convert", str(tree.root), str(out), "--to", "tfrecord", "--overwrite", "--quiet"]
    assert main(call) == 2
    assert str(out) in capsys.readouterr().err
    assert snapshot(out) == {"holiday.jpg": b"precious"}


def test_a_failing_overwrite_leaves_the_old_output(tree: Any, tmp_path: Path, snapshot: Any) -> None:
    tree.add("good")
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="tfrecord")
    before = snapshot(out)
    tree.add("bad", [("shoes", 5, 6, 99, 35)])
    with pytest.raises(DataError):
        annotools.convert(tree.root, out, to="tfrecord", overwrite=True)
    assert snapshot(out) == before


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs a read-only place")
def test_an_output_that_cannot_be_written(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.add("good")
    assert main(["convert", str(tree.root), "/proc/self/out", "--to", "pickle"]) == 2
    assert "/proc/self/out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (["--split", "train=0.5"], "--split"),
        (["--split", "nosuch,other"], "--split"),
        (["--shards", "0"], "--shards"),
        (["--shard-size", "big"], "--shard-size"),
        (["--workers", "0"], "--workers"),
        (["--seed", "x", "--split", "a=0.5,b=0.5"], "--seed"),
        (["--group-by", "(", "--split", "a=0.5,b=0.5"], "--group-by"),
    ],
)
def test_a_senseless_option_is_named(
    flags: list[str], field: str, tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("good")
    out = tmp_path / "out"
    assert main(["convert", str(tree.root), str(out), "--to", "tfrecord", *flags]) == 2
    said = capsys.readouterr().err
    assert field in said
    assert "expected" in said
    assert not out.exists()


@pytest.mark.parametrize(
    "flags", [["--to", "yolov5"], [], ["--nonsense"], ["--to", "pickle", "--exif", "no"]]
)
def test_usage_errors_end_with_2(flags: list[str], tree: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["convert", str(tree.root), str(tmp_path / "out"), *flags])
    assert ended.value.code == 2


def test_a_source_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(tmp_path / "nowhere"), str(tmp_path / "out"), "--to", "pickle"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_class_file_that_does_not_exist(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("good")
    call = ["convert", str(tree.root), str(tmp_path / "out"), "--to", "pickle", "--classes", "nowhere.txt"]
    assert main(call) == 2
    assert "nowhere.txt" in capsys.readouterr().err
    (tmp_path / "empty.txt").touch()
    assert main([*call[:-1], str(tmp_path / "empty.txt")]) == 2
    assert main(["classes", str(tree.root), "-o", str(tmp_path / "labels.xyz")]) == 2
    assert "expected .txt, .json, .pbtxt" in capsys.readouterr().err
