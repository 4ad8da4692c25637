"""The VOC writer: nothing is lost, other tools can read it, and what XML cannot hold is refused."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools import testing
from annotools.errors import OutputError
from annotools.formats import voc
from annotools.records import Annotation, Box, Object, Part, Point, Polygon, RotatedBox, Size

SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
BOX = Box(1, 2, 3, 4)

# labelImg needs a file name and a box, and knows nothing of shapes
labelimg_annotations = testing.annotations(testing.objects(bndbox=testing.boxes())).map(
    lambda annotation: dataclasses.replace(annotation, filename=annotation.filename or "a.jpg")
)


@SLOW
@given(testing.annotations())
def test_read_is_the_inverse_of_write(annotation: Annotation) -> None:
    data = voc.to_xml(annotation)
    again, issues = voc.inspect(data)
    assert again == annotation
    assert issues == []
    assert voc.to_xml(again) == data


def test_the_layout_is_that_of_labelimg() -> None:
    annotation = Annotation(
        "a b.jpg", "shelf", "/photos/shelf/a b.jpg", None, Size(640, 480, 3), False,
        (Object("R&D <1>", Box(12.0, 0.5, 1e16, -0.0), "Unspecified", True, False),),
        (("verified", "yes"),),
    )  # fmt: skip
    assert voc.to_xml(annotation).decode() == (
        '<annotation verified="yes">\n'
        "\t<folder>shelf</folder>\n"
        "\t<filename>a b.jpg</filename>\n"
        "\t<path>/photos/shelf/a b.jpg</path>\n"
        "\t<size>\n\t\t<width>640</width>\n\t\t<height>480</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        "\t<segmented>0</segmented>\n"
        "\t<object>\n"
        "\t\t<name>R&amp;D &lt;1&gt;</name>\n"
        "\t\t<pose>Unspecified</pose>\n"
        "\t\t<truncated>1</truncated>\n"
        "\t\t<difficult>0</difficult>\n"
        "\t\t<bndbox>\n"
        "\t\t\t<xmin>12</xmin>\n"
        "\t\t\t<ymin>0.5</ymin>\n"
        "\t\t\t<xmax>1e+16</xmax>\n"
        "\t\t\t<ymax>-0.0</ymax>\n"
        "\t\t</bndbox>\n"
        "\t</object>\n"
        "</annotation>\n"
    )


@SLOW
@given(labelimg_annotations)
def test_elementtree_reads_what_labelimg_asks_for(annotation: Annotation) -> None:
    """Another parser, and what labelImg's reader demands: int(float(text)) for sides, int(text) for flags."""
    root = ElementTree.fromstring(voc.to_xml(annotation))
    assert (root.findtext("filename") or "").strip(" \t\r\n") == annotation.filename
    items = root.findall("object")
    assert len(items) == len(annotation.objects)
    for item, expected in zip(items, annotation.objects, strict=True):
        assert expected.bndbox is not None
        assert item.findtext("name") == expected.name
        box = item.find("bndbox")
        assert box is not None
        for side in ("xmin", "ymin", "xmax", "ymax"):
            assert int(float(box.findtext(side) or "")) == int(getattr(expected.bndbox, side))
        difficult = item.find("difficult")
        assert (None if difficult is None else bool(int(difficult.text or ""))) == expected.difficult


@SLOW
@given(annotation=labelimg_annotations)
def test_labelimg_opens_it(annotation: Annotation, tmp_path: Path) -> None:
    """`pip install --no-deps labelImg` brings the module; its own dependency PyQt5 is not needed for it."""
    try:
        labelimg = importlib.import_module("libs.pascal_voc_io")
    except ImportError:
        pytest.skip("labelImg is not installed (pip install --no-deps labelImg)")
    file = tmp_path / "a.xml"
    file.write_bytes(voc.to_xml(annotation))
    reader = labelimg.PascalVocReader(str(file))
    assert reader.verified == (("verified", "yes") in annotation.xml_attributes)
    shapes: list[Any] = reader.get_shapes()
    assert len(shapes) == len(annotation.objects)
    for (label, corners, _, _, difficult), item in zip(shapes, annotation.objects, strict=True):
        assert item.bndbox is not None
        assert (label, difficult) == (item.name, bool(item.difficult))
        assert (*corners[0], *corners[2]) == tuple(int(side) for side in item.bndbox.as_tuple())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_exactly(number: float) -> None:
    box = voc.parse(voc.to_xml(Annotation(objects=(Object("a", Box(number, 0, 0, 0)),)))).objects[0].bndbox
    assert box is not None
    assert repr(box.xmin) == repr(number)


def test_integers_in_a_record_are_written_as_such() -> None:
    assert b"<xmin>1</xmin>" in voc.to_xml(Annotation(objects=(Object("a", BOX),)))


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Object("a\x00", BOX), "name"),
        (Object("a\ud800", BOX), "name"),
        (Object("a\uffff", BOX), "name"),
        (Object("a", BOX, "\x1b"), "pose"),
        (Object("a", Box(float("nan"), 0, 0, 0)), "xmin"),
        (Object("a", Box(0, 0, float("inf"), 0)), "xmax"),
        (Object("a", point=Point(0, float("-inf"))), "y"),
        (Object("a", rotated=RotatedBox(0, 0, 0, 0, float("nan"))), "angle"),
        (Object("a", rotated=Polygon((Point(1, 2), Point(3, 4)))), "robndbox"),
        (Object("a", BOX, actions=(("not a name", True),)), None),
        (Object("a", BOX, actions=(("1st", True),)), None),
        (Object("a", BOX, xml_attributes=(("a b", "1"),)), None),
        (Object("a", BOX, xml_attributes=(("a", "1"), ("a", "2"))), "object"),
        (Object("a", BOX, xml_attributes=(("a", "\x00"),)), "a"),
        (Object("a", BOX, extras=("<open>",)), "extras"),
        (Object("a", BOX, extras=("text",)), "extras"),
        (Object("a", BOX, extras=("",)), "extras"),
        (Object("a", BOX, extras=("<a/><b/>",)), "extras"),
        (Object("a", BOX, extras=("<!DOCTYPE a><a/>",)), "extras"),
        (Object("a", BOX, extras=("<name>b</name>",)), "extras"),
        (Object("a", BOX, extras=("<Difficult>1</Difficult>",)), "extras"),
        (Object("a", BOX, extras=("<attributes>b</attributes>",), attributes=(("c", "d"),)), "extras"),
        (Object("a", BOX, parts=(Part("b", extras=("<bndbox/>",)),)), "extras"),
        (Object("a", BOX, polygon=Polygon((Point(1, 2),), ("<x7>1</x7>",))), "extras"),
    ],
)
def test_what_xml_cannot_hold_is_refused(item: Object, field: str | None) -> None:
    with pytest.raises(OutputError) as caught:
        voc.to_xml(Annotation(objects=(item,), xml_path="a.xml"))
    assert caught.value.field == field
    assert caught.value.path == "a.xml"
    assert caught.value.expected


def test_write_makes_one_file_for_each(tmp_path: Path) -> None:
    records = [
        Annotation("a.jpg"),
        Annotation("b.tar.png"),
        Annotation("C:\\pictures\\c"),
        Annotation("货.jpg"),
    ]
    assert voc.write(records, tmp_path / "new" / "folder") == 4
    names = sorted(file.name for file in (tmp_path / "new" / "folder").iterdir())
    assert names == ["a.xml", "b.tar.xml", "c.xml", "货.xml"]
    assert list(voc.read(tmp_path / "new" / "folder")) == records


@pytest.mark.parametrize("filename", [None, "", "..", "a/..", "/", "...", "a\0.jpg", "x" * 300 + ".jpg"])
def test_write_needs_a_usable_name(tmp_path: Path, filename: str | None) -> None:
    with pytest.raises(OutputError):
        voc.write([Annotation(filename)], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("filename", ["../out.jpg", "/etc/out.jpg", "..\\out.jpg", "a/../../out.jpg"])
def test_write_stays_in_its_folder(tmp_path: Path, filename: str) -> None:
    voc.write([Annotation(filename)], tmp_path / "folder")
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.xml")] == ["folder/out.xml"]


def test_write_overwrites_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.xml"):
        voc.write([Annotation("a.jpg", "one"), Annotation("a.png", "two")], tmp_path)
    assert b"one" in (tmp_path / "a.xml").read_bytes()
