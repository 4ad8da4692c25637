"""`convert --fix`: repairs on the way, each counted and listed, and the ledger still adds up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.errors import OptionError
from annotools.formats import tfrecord
from annotools.issues import DataError
from annotools.repair.fix import fix


def read_boxes(out: Path) -> list[tuple[int, ...]]:
    return [tuple(round(v) for v in box) for e in tfrecord.read(out) for box in e.boxes]


def test_each_repair_does_what_it_says(tree: Any, tmp_path: Path) -> None:
    tree.add(
        "a",
        [
            ("shoes", 30, 6, 5, 35),  # inverted
            ("shoes", -4, 6, 64, 35),  # outside on both sides
            ("shoes", 9, 6, 9, 35),  # no width
            ("watch", 5, 6, 30, 35),
            ("watch", 5, 6, 30, 35),  # the same once more
        ],
    )
    result = annotools.convert(
        tree.root, tmp_path / "out", to="tfrecord", fix="clip,swap-inverted,drop-zero-area,drop-duplicates"
    )
    assert read_boxes(tmp_path / "out") == [(5, 6, 30, 35), (0, 6, 60, 35), (5, 6, 30, 35)]
    objects = result.ledger.objects
    assert (objects.found, objects.written) == (5, 3)
    assert dict(objects.lost) == {"drop-zero-area": 1, "drop-duplicates": 1}
    assert result.manifest["repairs"] == {
        "clip": 1,
        "drop-duplicates": 1,
        "drop-zero-area": 1,
        "swap-inverted": 1,
    }
    assert [(r.fix, r.object_index) for r in result.repairs] == [
        ("swap-inverted", 0),
        ("clip", 1),
        ("drop-zero-area", 2),
        ("drop-duplicates", 4),
    ]
    assert not result.issues


def test_what_a_fix_does_not_mend_is_still_an_error(tree: Any, tmp_path: Path) -> None:
    # object 1 is removed by a fix, so the fault of object 2 must keep its own number and line
    tree.add("a", [("shoes", 5, 6, 30, 35), ("shoes", 5, 6, 30, 35), ("shoes", 5, 6, 99, 35)])
    result = annotools.convert(
        tree.root, tmp_path / "out", to="tfrecord", fix=["drop-duplicates"], on_error="skip"
    )
    (issue,) = [i for i in result.issues if i.severity == "error"]
    assert (issue.rule, issue.object_index, issue.line) == ("box-outside-image", 2, 27)
    assert dict(result.ledger.objects.lost) == {"drop-duplicates": 1, "box-outside-image": 1}
    assert read_boxes(tmp_path / "out") == [(5, 6, 30, 35)]


def test_class_names_are_repaired_before_ids_are_given(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("Shoes", 5, 6, 30, 35), ("shoes", 5, 6, 20, 35), ("watch", 5, 6, 30, 35)])
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", map_classes={"Shoes": "shoes"})
    assert result.manifest["classes"] == {"shoes": 1, "watch": 2}
    assert result.manifest["options"]["fix"] == ["map-classes"]
    assert result.manifest["options"]["map_classes"] == {"Shoes": "shoes"}
    assert [n for e in tfrecord.read(tmp_path / "out") for n in e.names] == ["shoes", "shoes", "watch"]


def test_names_and_sizes_follow_the_image(tree: Any, tmp_path: Path, make_picture: Any) -> None:
    tree.add("a", image=make_picture(fmt="PNG"), size=(0, 0, 3))
    result = annotools.convert(
        tree.root, tmp_path / "out", to="tfrecord", fix="size-from-image,extension-from-content"
    )
    (example,) = tfrecord.read(tmp_path / "out")
    assert (example.filename, example.format) == ("a.png", "png")
    assert result.counts == {}
    annotools.convert(tree.root, tmp_path / "p", to="pickle", fix="size-from-image,extension-from-content")
    (annotation,) = annotools.read(tmp_path / "p" / "train.pkl")
    assert annotation.size is not None
    assert (annotation.size.width, annotation.size.height) == (60, 40)
    assert annotation.filename == "a.png"


def test_repairs_are_listed_and_reported(tree: Any, tmp_path: Path, capsys: Any) -> None:
    tree.add("a", [("shoes", 5, 6, 64, 35)])
    report = tmp_path / "r.json"
    call = ["convert", str(tree.root), str(tmp_path / "out"), "--to", "tfrecord", "--workers", "1"]
    assert main([*call, "--fix", "clip", "--report", str(report)]) == 0
    said = capsys.readouterr()
    assert f"{tree.root}/Annotations/a.xml:7: clip:" in said.err
    assert "repairs: clip 1" in said.out
    assert [r["fix"] for r in json.loads(report.read_text())["repairs"]] == ["clip"]


def test_an_unknown_fix_is_named(tree: Any, tmp_path: Path) -> None:
    tree.add("a")
    with pytest.raises(OptionError, match="did you mean clip"):
        annotools.convert(tree.root, tmp_path / "out", to="tfrecord", fix="clp")


SHAPES = {
    "roLabelImg": (
        b"<robndbox><cx>30</cx><cy>20</cy><w>20</w><h>10</h><angle>0.7853981634</angle></robndbox>",
        (19.39, 9.39, 40.61, 30.61),  # 15 / sqrt(2) on each side of the centre
    ),
    "DIOR-R": (
        b"<robndbox><x_left_top>10</x_left_top><y_left_top>5</y_left_top><x_right_top>30</x_right_top>"
        b"<y_right_top>8</y_right_top><x_right_bottom>28</x_right_bottom><y_right_bottom>20</y_right_bottom>"
        b"<x_left_bottom>8</x_left_bottom><y_left_bottom>17</y_left_bottom></robndbox>",
        (8, 5, 30, 20),
    ),
    "LabelMe": (
        b"<polygon><pt><x>3</x><y>4</y></pt><pt><x>40</x><y>9</y></pt><pt><x>20</x><y>30</y></pt></polygon>",
        (3, 4, 40, 30),
    ),
}


@pytest.mark.parametrize(("shape", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_a_box_can_be_made_of_another_shape(
    shape: bytes, expected: tuple[float, ...], tree: Any, tmp_path: Path, make_xml: Any
) -> None:
    xml = re.sub(rb"\t\t<bndbox>.*?</bndbox>", shape, make_xml("a.jpg", [("shoes", 1, 2, 3, 4)]), flags=re.S)
    tree.add("a", xml=xml)
    with pytest.raises(DataError) as caught:
        annotools.convert(tree.root, tmp_path / "none", to="tfrecord")
    assert [i.rule for i in caught.value.issues] == ["box-missing"]
    annotools.convert(tree.root, tmp_path / "out", to="tfrecord", fix="box-from-shape")
    (example,) = tfrecord.read(tmp_path / "out")
    assert example.boxes[0] == pytest.approx(expected, abs=0.01)
    fix(tree.root, tmp_path / "fixed", fixes="box-from-shape")
    fixed = (tmp_path / "fixed" / "Annotations" / "a.xml").read_bytes()
    (annotation,) = annotools.read(tmp_path / "fixed")
    assert annotation.objects[0].bndbox is not None
    assert annotation.objects[0].bndbox.as_tuple() == pytest.approx(expected, abs=0.01)
    assert shape in fixed  # nothing else has changed
    assert not fix(tree.root.parent / "fixed", tmp_path / "again", fixes="box-from-shape").repairs
