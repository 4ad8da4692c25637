"""`annotools diff`: what changed, from whatever to whatever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import annotools
from annotools import schema
from annotools.cli import main


@pytest.fixture
def versions(make_tree: Any, tmp_path: Path) -> tuple[Path, Path]:
    """a stays, b changes in every way, c goes, d comes."""
    old, new = make_tree(tmp_path / "old"), make_tree(tmp_path / "new")
    for one in (old, new):
        one.add("a", [("cup", 1, 2, 30, 31)])
    old.add("b", [("cup", 1, 2, 20, 21), ("pen", 30, 2, 50, 21), ("cup", 1, 30, 9, 38)]).add("c", [])
    new.add("b", [("cup", 1, 2, 20, 24), ("cup", 30, 2, 50, 21), ("hat", 40, 30, 55, 38)]).add(
        "d", [("hat", 1, 2, 9, 9)]
    )
    return old.root, new.root


def test_text(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *map(str, versions)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "~ b",
        "    moved: cup: 1 2 20 21 is now 1 2 20 24",
        "    renamed: pen is now cup",
        "    removed: cup 1 30 9 38",
        "    added: hat 40 30 55 38",
        "+ d",
        "- c",
        "hat: 0 objects, now 2",
        "pen: 1 objects, now 0",
        "images: 1 the same, 1 changed, 1 added, 1 removed; objects: 1 added, 1 moved, 1 removed, 1 renamed",
    ]


def test_json(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *map(str, versions), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema.load("diff.schema.json")).validate(found)
    assert [(one["id"], one["kind"], len(one["changes"])) for one in found["images"]] == [
        ("b", "changed", 4), ("d", "added", 0), ("c", "removed", 0),
    ]  # fmt: skip
    assert found["summary"]["classes"] == {"hat": [0, 2], "pen": [1, 0]}


def test_the_same_data_have_no_difference(
    versions: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(versions[0], tmp_path / "copy")
    assert main(["diff", str(versions[0]), str(tmp_path / "copy")]) == 0
    assert capsys.readouterr().out == "images: 3 the same, 0 changed, 0 added, 0 removed\n"


@pytest.mark.parametrize("to", ["tfrecord", "pickle"])
def test_an_output_against_its_source(to: str, tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("cup", 1.25, 2, 29.4, 31)]).add("b", [("cup", 1, 2, 30, 31), ("cup", 1, 2, 30, 31.5)])
    tree.lists(train=["a", "b"])
    out = tmp_path / ("out" if to == "tfrecord" else "out.pkl")
    annotools.convert(tree.root, out, to=to)
    assert annotools.diff(tree.root, out).is_empty
    tree.add("b", [("cup", 1, 2, 30, 31)])
    found = annotools.diff(out, tree.root, split="train")
    assert [(one.id, [change.kind for change in one.changes]) for one in found.images] == [("b", ["removed"])]


def test_boxes_are_the_same_though_their_corners_are_exchanged(make_tree: Any, tmp_path: Path) -> None:
    old, new = make_tree(tmp_path / "old"), make_tree(tmp_path / "new")
    old.add("a", [("cup", 1, 2, 30, 31), ("pen", 1, 2, 9, 9)])
    new.add("a", [("cup", 30, 2, 1, 31), ("pen", 1, 2, 59, 9)])
    (found,) = annotools.diff(old.root, new.root).images
    assert [change.kind for change in found.changes] == ["moved", "moved"]


def test_a_split_and_a_source_that_is_not_there(versions: tuple[Path, Path]) -> None:
    assert main(["diff", str(versions[0]), str(versions[1]) + "x"]) == 2
    assert main(["diff", *map(str, versions), "--split", "val"]) == 2
