"""Images that were resized after they were labelled: an error that names the repair, and the repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.issues import DataError
from annotools.records import Point, Polygon, RotatedBox

BOX = ("cup", 10, 10, 90, 70)


@pytest.fixture
def resized(tree: Any, make_picture: Callable[..., bytes]) -> Any:
    """One image of 100x80 that was labelled at 200x160, and one that fits."""
    tree.add("big", [BOX], size=(200, 160, 3), image=make_picture(100, 80, quality=50))
    return tree.add("good", [BOX], size=(100, 80, 3), image=make_picture(100, 80))


def test_a_scaled_size_is_an_error_that_names_its_repair(
    resized: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (issue,) = annotools.validate(resized.root).issues
    assert (issue.rule, issue.severity, issue.repair) == ("size-mismatch", "error", "scale-boxes")
    assert "200x160, expected 100x80 as in the image header; scaled: by 2" in issue.message
    assert main(["validate", str(resized.root)]) == 1
    assert "repair: annotools fix --fix scale-boxes" in capsys.readouterr().out
    with pytest.raises(DataError) as caught:
        annotools.convert(resized.root, tmp_path / "out", to="tfrecord")
    assert [one.rule for one in caught.value.issues if one.severity == "error"] == ["size-mismatch"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["tfrecord", "pickle"])
def test_skip_leaves_the_image_out(resized: Any, tmp_path: Path, to: str) -> None:
    result = annotools.convert(resized.root, tmp_path / "out", to=to, on_error="skip")
    assert result.ledger.images.lost == {"size-mismatch": 1}
    assert result.ledger.objects.lost == {"size-mismatch": 1}
    assert result.ledger.images.written == 1


@pytest.mark.parametrize("to", ["tfrecord", "pickle"])
def test_scale_boxes_multiplies_while_converting(resized: Any, tmp_path: Path, to: str) -> None:
    result = annotools.convert(resized.root, tmp_path / "out.pkl", to="pickle", fix="scale-boxes")
    boxes = {a.filename: a.objects[0].bndbox for a in annotools.read(tmp_path / "out.pkl")}
    assert {name: box and box.as_tuple() for name, box in boxes.items()} == {
        "big.jpg": (5, 5, 45, 35),
        "good.jpg": (10, 10, 90, 70),
    }
    assert [one.fix for one in result.repairs] == ["scale-boxes"]
    assert "200x160 is now 100x80" in result.repairs[0].message
    assert result.ledger.images.lost == {}


@pytest.mark.parametrize("size", [(200, 160, 3), (90, 80, 3)])
def test_size_from_image_refuses_what_may_be_wrong_with_the_boxes(
    tree: Any, make_picture: Callable[..., bytes], tmp_path: Path, size: tuple[int, int, int]
) -> None:
    tree.add("a", [BOX], size=size, image=make_picture(100, 80))
    result = annotools.fix(tree.root, tmp_path / "fixed", fixes="size-from-image")
    assert result.repairs == []
    assert [one.rule for one in result.problems] == ["size-mismatch"]
    for name in ("Annotations/a.xml", "JPEGImages/a.jpg"):
        assert (tmp_path / "fixed" / name).read_bytes() == (tree.root / name).read_bytes()


def test_the_file_has_every_shape_multiplied(
    tree: Any, make_picture: Callable[..., bytes], tmp_path: Path
) -> None:
    text = """<annotation>
\t<size><width>200</width><height>80</height><depth>3</depth></size>
\t<object>
\t\t<name>cup</name>
\t\t<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>190</xmax><ymax>70</ymax></bndbox>
\t\t<part><name>head</name><bndbox><xmin>20</xmin><ymin>20</ymin><xmax>40</xmax><ymax>40</ymax></bndbox></part>
\t\t<point><x>30</x><y>30</y></point>
\t\t<polygon><x1>10</x1><y1>10</y1><x2>190</x2><y2>10</y2><x3>190</x3><y3>70</y3></polygon>
\t\t<robndbox><cx>100</cx><cy>40</cy><w>40</w><h>40</h><angle>40</angle></robndbox>
\t</object>
</annotation>
"""
    tree.add("a", xml=text.encode(), image=make_picture(100, 80))
    annotools.fix(tree.root, tmp_path / "fixed", fixes="scale-boxes")
    (fixed,) = annotools.read(tmp_path / "fixed")
    (obj,) = fixed.objects
    assert obj.bndbox is not None
    assert obj.bndbox.as_tuple() == (5, 10, 95, 70)
    assert obj.parts[0].bndbox is not None
    assert obj.parts[0].bndbox.as_tuple() == (10, 20, 20, 40)
    assert obj.point == Point(15, 30)
    assert obj.polygon == Polygon((Point(5, 10), Point(95, 10), Point(95, 70)))
    assert obj.rotated == RotatedBox(50, 40, 20, 40, 40)
    assert fixed.size is not None
    assert (fixed.size.width, fixed.size.height) == (100, 80)
    assert annotools.validate(tmp_path / "fixed", ignore="rotated-box-ignored").issues == []
    result = annotools.convert(tree.root, tmp_path / "out", to="pickle", fix="scale-boxes")
    assert result.counts.get("size-mismatch") is None


def test_counted_from_one_the_edges_are_multiplied(
    tree: Any, make_picture: Callable[..., bytes], tmp_path: Path
) -> None:
    tree.add("a", [("cup", 1, 11, 200, 160)], size=(200, 160, 3), image=make_picture(100, 80))
    annotools.fix(tree.root, tmp_path / "fixed", fixes="scale-boxes", box_origin="one-based")
    (fixed,) = annotools.read(tmp_path / "fixed")
    assert fixed.objects[0].bndbox is not None
    assert fixed.objects[0].bndbox.as_tuple() == (1, 6, 100, 80)


@pytest.mark.parametrize(
    ("boxes", "verdict"),
    [
        ([("cup", 10, 10, 190, 60)], "error"),  # fits into <size> only
        ([("cup", 10, 10, 90, 60)], "warning"),  # fits into both: unrelated
        ([("cup", 10, 10, 190, 60), ("cup", 5, 5, 290, 60)], "warning"),  # fits into neither
    ],
)
def test_boxes_tell_whether_an_image_was_stretched(
    tree: Any, make_picture: Callable[..., bytes], boxes: list[Any], verdict: str
) -> None:
    tree.add("a", boxes, size=(200, 100, 3), image=make_picture(100, 80))
    (issue,) = annotools.validate(tree.root, select="size-mismatch").issues
    assert issue.severity == verdict
    assert ("stretched: by 2 and 1.25" in issue.message) == (verdict == "error")


def test_boxes_on_a_turned_image_follow_the_frame_that_was_resized(
    tree: Any, make_picture: Callable[..., bytes], tmp_path: Path
) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    turned = make_picture(100, 50, exif=exif.tobytes())  # upright: 50x100
    tree.add("upright", [("cup", 10, 20, 90, 180)], size=(100, 200, 3), image=turned)
    tree.add("stored", [("cup", 20, 10, 180, 90)], size=(200, 100, 3), image=turned)
    annotools.fix(tree.root, tmp_path / "fixed", fixes="scale-boxes")
    fixed = {a.xml_path and Path(a.xml_path).stem: a for a in annotools.read(tmp_path / "fixed")}
    found = {name: (a.size, a.objects[0].bndbox) for name, a in fixed.items()}
    assert {name: box and box.as_tuple() for name, (_, box) in found.items()} == {
        "upright": (5, 10, 45, 90),
        "stored": (10, 5, 90, 45),
    }
    assert {name: size and (size.width, size.height) for name, (size, _) in found.items()} == {
        "upright": (50, 100),
        "stored": (100, 50),
    }
