"""What a conversion says of many faults, of a split of which nothing is left, of boxes that graze an edge."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools.cli import main
from annotools.formats import tfrecord
from annotools.issues import DataError


def call(tree: Any, tmp_path: Path, *flags: str) -> int:
    command = ["convert", str(tree.root), str(tmp_path / "out"), "--to", "tfrecord", "--workers", "1"]
    return main([*command, *flags])


def test_errors_are_grouped_by_rule_with_the_fix_of_each(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        tree.add(f"a{number:02d}", [("shoes", 5, 6, 61 + number, 35), ("pen", 7, 6, 7, 35)])
    assert call(tree, tmp_path) == 1
    said = capsys.readouterr().err
    heads = re.findall(r"^error: ([a-z-]+) \((\d+)\)", said, re.MULTILINE)
    assert heads == [("box-outside-image", "12"), ("box-zero-area", "12")]
    assert re.findall(r"^  repair: (.*)$", said, re.MULTILINE) == ["--fix clip", "--fix drop-zero-area"]
    assert said.count("... and 2 more (--report FILE has them)") == 2
    assert len(said.splitlines()) < 80  # places with their lines of source


def test_many_places_of_one_cause_are_one_line(
    tree: Any, tmp_path: Path, make_xml: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    box = ("shoes", 5, 6, 30, 35)
    for number in range(60):
        tree.add(f"a{number:02d}", xml=make_xml(f"a{number:02d}.png", [box]))
    tree.add("b", xml=make_xml("another.jpg", [box]))
    assert main(["validate", str(tree.root), "--select", "filename-*"]) == 0
    out = capsys.readouterr().out
    assert "filename-mismatch (61)" in out
    folder, beside = tree.root / "Annotations", "the image beside this annotation"
    assert [line for line in out.splitlines() if "expected" in line] == [
        f"  60 such as {folder}/a00.xml: filename: 'a00.png', expected 'a00.jpg', {beside}",
        f"  {folder}/b.xml: filename: 'another.jpg', expected 'b.jpg', {beside}",
    ]
    (tree.root / "Annotations" / "b.xml").unlink()
    (tree.root / "JPEGImages" / "b.jpg").unlink()
    assert main(["validate", str(tree.root), "--select", "filename-*"]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "expected" in line]
    assert "filename-mismatch (60)" in line
    assert "'a00.png', expected 'a00.jpg'" in line
    assert main(["validate", str(tree.root), "--select", "filename-*", "--examples", "3"]) == 0
    assert capsys.readouterr().out.count("expected") == 3
    assert call(tree, tmp_path) == 0
    assert "filename-mismatch (60)" in capsys.readouterr().err  # of which a shard keeps 50


@pytest.mark.parametrize("lists", [False, True])
def test_a_split_of_which_nothing_is_left_is_an_error(
    tree: Any, tmp_path: Path, lists: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("a", image=None).add("b", image=None)
    if lists:
        tree.add("c").lists(train=["c"], val=["a", "b"])
    assert call(tree, tmp_path, "--on-error", "skip") == 1
    said = capsys.readouterr().err
    split = "val" if lists else "train"
    assert f"no image is left of the split '{split}' (image-missing 2)" in said
    assert not (tmp_path / "out").exists()


def test_a_split_of_which_no_box_is_left_is_an_error(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("shoes", 30, 6, 30, 35)]).add("b", [])
    with pytest.raises(DataError) as caught:
        annotools.convert(tree.root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert "no object is left of the split 'train' (box-zero-area 1)" in str(caught.value)


def test_a_split_without_any_objects_is_none(tree: Any, tmp_path: Path) -> None:
    tree.add("a", []).add("b")
    tree.lists(train=["b"], val=["a"])
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert result.ledger.images.written == 2


GRAZING = [("shoes", 10, 10, 60.04, 35), ("shoes", "-0.01", 5, 30, 30), ("shoes", 5, "39.2", 30, "40.49")]


@pytest.mark.parametrize("to", ["tfrecord", "tfds", "pickle", "ssd-pickle"])
def test_below_half_a_pixel_a_box_is_clipped_and_counted(tree: Any, tmp_path: Path, to: str) -> None:
    tree.add("a", GRAZING)
    found = annotools.validate(tree.root).issues
    assert [(i.rule, i.severity, i.object_index) for i in found if i.rule == "box-outside-image"] == [
        ("box-outside-image", "info", index) for index in range(3)
    ]
    out = tmp_path / "out"
    result = annotools.convert(tree.root, out, to=to)
    assert result.counts["box-outside-image"] == 3
    assert result.manifest["issues"]["box-outside-image"] == 3
    assert result.ledger.objects.written == 3
    assert annotools.verify(out, against=tree.root).faults == ()
    if to == "tfrecord":
        (example,) = tfrecord.read(out)
        np.testing.assert_allclose(example.boxes, [(10, 10, 60, 35), (0, 5, 30, 30), (5, 39.2, 30, 40)])
    if to == "pickle":
        (annotation,) = annotools.read(next(out.glob("*.pkl")))
        boxes = [obj.bndbox and obj.bndbox.as_tuple() for obj in annotation.objects]
        assert boxes == [(10, 10, 60, 35), (0, 5, 30, 30), (5, 39.2, 30, 40)]


@pytest.mark.parametrize(
    "box",
    [(10, 10, 60.5, 35), ("-0.5", 5, 30, 30), ("-0.4", 5, "-0.1", 30), ("60.1", 5, "60.4", 30)],
)
def test_from_half_a_pixel_on_and_nowhere_inside_it_is_an_error(tree: Any, box: tuple[Any, ...]) -> None:
    tree.add("a", [("shoes", *box)])
    (issue,) = annotools.validate(tree.root, select="box-outside-image").issues
    assert (issue.severity, issue.repair) == ("error", "clip")


def test_counted_from_one_half_a_pixel_is_the_same(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("shoes", "0.8", 1, 60.2, 40)])
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", box_origin="one-based")
    (example,) = tfrecord.read(tmp_path / "out")
    np.testing.assert_allclose(example.boxes, [(0, 0, 60, 40)])
    assert result.counts["box-outside-image"] == 1


@pytest.mark.parametrize(
    ("box", "rules"),
    [((50, 40, 10, 10), ["box-inverted"]), ((50, 40, 10, 40), ["box-inverted"])],
)
def test_a_box_has_one_finding_of_a_rule_and_that_is_in_the_ledger(
    tree: Any, tmp_path: Path, box: tuple[int, ...], rules: list[str]
) -> None:
    tree.add("a", [("shoes", *box), ("shoes", 5, 6, 30, 35)], size=(60, 40, 3))
    assert [issue.rule for issue in annotools.validate(tree.root, select="box-*").issues] == rules
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert dict(result.ledger.objects.lost) == {rules[0]: 1}


@pytest.mark.parametrize(
    ("box", "proposed"),
    [
        ((29.2, 36.8, 52.4, 29.2), False),  # xmin copied into ymax
        ((40, 10, 20, 40), False),  # xmin copied into ymax, or ymax into xmin
        ((40, 10, 20, 30), True),
        ((30, 30, 10, 10), True),  # a square on the diagonal
        ((30, 1, 1, 20), True),  # both at the border
    ],
)
def test_swapping_is_not_proposed_where_a_field_was_copied(
    tree: Any, box: tuple[float, ...], proposed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("a", [("shoes", *box)])
    assert main(["validate", str(tree.root)]) == 1
    assert ("--fix swap-inverted" in capsys.readouterr().out) == proposed
