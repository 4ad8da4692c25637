"""What the rules say in words, and the cost that conversion pays for them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from annotools.records import Annotation, Box, Image, Object, Point, Polygon, RotatedBox, Size
from annotools.testing import make_annotation
from annotools.validation.rules.box import boxes
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID
from annotools.validation.rules.image import annotated_size, exif_blocks, size_verdict, sizes
from annotools.validation.rules.objects import rotations
from annotools.validation.rules.overlap import overlaps
from annotools.validation.rules.rule import Sample
from annotools.validation.validate import validate


def messages(box: Box | None, *, one_based: bool = False) -> list[str]:
    annotation = Annotation(objects=(Object("cup", box, line=3, bndbox_line=5),), xml_path="a.xml")
    sample = Sample(annotation, width=100, height=50, one_based=one_based)
    return [str(issue) for issue in boxes(sample)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 1, 4, 9), "box-inverted: bndbox: xmin is 10 and xmax is 4, expected xmin below xmax"),
        ((1, 9, 4, 1), "box-inverted: bndbox: ymin is 9 and ymax is 1, expected ymin below ymax"),
        ((4, 1, 4, 9), "box-zero-area: bndbox: width is 0 (xmax is 4), expected more than 0 pixels"),
        (
            (-3, 1, 4, 9),
            "box-outside-image: bndbox: xmin is -3, 3 px before the image, expected 0 or more",
        ),
        (
            (1, 1, 110.5, 9),
            "box-outside-image: bndbox: xmax is 110.5, 10.5 px past the image, "
            "expected 100 (the width) or less",
        ),
        ((1, math.nan, 4, 9), "box-not-finite: bndbox: ymin is nan, expected a finite number of pixels"),
        ((1, 1, math.inf, 9), "box-not-finite: bndbox: xmax is inf, expected a finite number of pixels"),
    ],
)
def test_box_message_has_field_found_and_expected(box: tuple[float, ...], expected: str) -> None:
    assert messages(Box(*box)) == [f"a.xml:5: {expected}"]


def test_counted_from_one_the_numbers_of_the_file_are_shown() -> None:
    (message,) = messages(Box(0, 1, 100, 50), one_based=True)
    assert message.endswith("xmin is 0, 1 px before the image, expected 1 or more")
    assert messages(Box(1, 1, 100, 50), one_based=True) == []
    assert messages(Box(5, 5, 5, 5), one_based=True) == []


def test_an_inverted_box_outside_the_image_has_two_faults() -> None:
    inverted, outside = messages(Box(120, 1, -1, 9))
    assert "box-inverted" in inverted
    assert "xmax is -1, 1 px before the image" in outside
    assert "xmin is 120, 20 px past the image" in outside


def test_without_a_size_only_the_near_edges_count() -> None:
    record = make_annotation([("cup", 1, 1, 1e9, 9), ("cup", -1, 1, 5, 9), ("cup", 1, 1, math.inf, 9)])
    found = [(issue.rule, issue.object_index) for issue in boxes(Sample(record))]
    assert found == [("box-outside-image", 1), ("box-not-finite", 2)]


PORTRAIT = Image("jpeg", 100, 50, 3, 6)


@pytest.mark.parametrize(
    ("claim", "image", "word"),
    [
        ((100, 50), PORTRAIT, "equal"),
        ((50, 100), PORTRAIT, "EXIF-rotated"),
        ((50, 100), Image("jpeg", 100, 50, 3, 1), "swapped"),
        ((50, 100), Image("jpeg", 100, 50, 3, 3), "swapped"),
        ((200, 100), PORTRAIT, "scaled"),
        ((33, 17), PORTRAIT, "scaled"),
        ((101, 51), PORTRAIT, "close"),
        ((98, 52), PORTRAIT, "close"),
        ((103, 51), PORTRAIT, "scaled"),
        ((150, 300), PORTRAIT, "scaled"),
        ((100, 77), PORTRAIT, "unrelated"),
        ((30, 30), PORTRAIT, "unrelated"),
    ],
)
def test_size_verdict(claim: tuple[int, int], image: Image, word: str) -> None:
    assert size_verdict(claim, image).split(":")[0].split()[0] == word
    issues = sizes(Sample(Annotation(size=Size(*claim, 3)), image=image))
    assert [word in issue.message for issue in issues] == ([] if word == "equal" else [True])


@pytest.mark.parametrize(
    ("size", "frame"),
    [(Size(100, 50), (100, 50)), (Size(50, 100), (50, 100)), (None, (50, 100)), (Size(7, 9), (50, 100))],
)
def test_boxes_are_judged_in_the_frame_that_size_names(size: Size | None, frame: tuple[int, int]) -> None:
    assert annotated_size(Annotation(size=size), PORTRAIT) == frame


def test_place_of_a_blank_name_counts_the_lines_before_the_root(tree: Any) -> None:
    xml = b"\n\n<annotation>\n<object>\n<name>cup </name>\n</object>\n</annotation>\n"
    tree.add("a", xml=xml)
    (issue,) = validate(tree.root, select="class-case-or-blank-variant").issues
    assert (issue.line, issue.object_index) == (5, 0)


def test_catalogue_is_in_order() -> None:
    assert len(RULES_BY_ID) == len(RULES)
    topics = [rule.topic for rule in RULES]
    assert sorted(set(topics), key=topics.index) == ["file", "image", "box", "dataset"]
    assert topics == sorted(topics, key=["file", "image", "box", "dataset"].index)


def test_a_box_inside_several_others_is_told_once() -> None:
    nested = tuple(Object("cup", Box(side, side, 100 - side, 100 - side)) for side in range(0, 40, 10))
    found = [(issue.rule, issue.object_index) for issue in overlaps(Sample(Annotation(objects=nested)))]
    assert sorted(found) == [("contained-same-class", index) for index in (1, 2, 3)]


def test_a_rotated_box_alone_is_told_from_one_beside_an_upright_box() -> None:
    alone = Object("ship", None, rotated=RotatedBox(30, 30, 20, 10, 0.5))
    beside = Object("ship", Box(20, 20, 40, 40), rotated=alone.rotated)
    said = [issue.message for issue in rotations(Sample(Annotation(objects=(alone, beside))))]
    assert "and no bndbox" in said[0]
    assert "only the axis-aligned bndbox is used" in said[1]


@pytest.mark.parametrize(("orientation", "severity"), [(0, "info"), (9, "warning")])
def test_an_exif_orientation_of_0_is_nothing_to_worry_about(orientation: int, severity: str) -> None:
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, orientation]) + bytes(6)
    head = b"\xff\xd8\xff\xe1" + (len(exif) + 8).to_bytes(2) + b"Exif\0\0" + exif
    (issue,) = exif_blocks(Sample(Annotation(image_path="a.jpg"), head=head))
    assert (issue.rule, issue.severity) == ("exif-invalid", severity)
    assert f"orientation is {orientation}" in issue.message


def test_what_the_reader_has_said_of_a_missing_box_is_not_said_again(tree: Any) -> None:
    shape = "<polygon><x1>1</x1><y1>2</y1><x2>30</x2><y2>2</y2><x3>9</x3><y3>20</y3></polygon>"
    one_flag = "<object><name>cup</name><occluded>{}</occluded>{}{}</object>"
    tree.add("graded", xml=f"<annotation>{one_flag.format(2, '', shape)}</annotation>".encode())
    tree.add("unread", xml=f"<annotation>{one_flag.format('maybe', '', shape)}</annotation>".encode())
    tree.add("neither", xml=f"<annotation>{one_flag.format(1, '', '')}</annotation>".encode())
    found = [
        (Path(issue.path or "").stem, issue.rule)
        for issue in validate(tree.root, select=["box-missing", "field-invalid"])
    ]
    assert found == [
        ("graded", "field-invalid"),
        ("graded", "box-missing"),
        ("neither", "box-missing"),
        ("unread", "field-invalid"),
    ]


def test_class_names_that_differ_in_what_nobody_sees_are_variants(tree: Any) -> None:
    tree.add("a", [("cup", 1, 2, 9, 9), ("cup", 11, 2, 19, 9), ("cu\u200bp", 1, 12, 9, 19)])
    (issue,) = validate(tree.root, select="class-case-or-blank-variant")
    assert (issue.object_index, "is a spelling variant of 'cup'" in issue.message) == (2, True)


def test_an_object_with_another_shape_is_told_how_to_get_a_box() -> None:
    """Every object of LabelMe's own XML is a polygon, and those that were deleted are still in it."""
    polygon = Polygon((Point(1, 2), Point(30, 2), Point(30, 20)))
    deleted = Object("car", None, polygon=polygon, extras=("<deleted>1</deleted>",))
    objects = (Object("car", None, polygon=polygon), deleted, Object("car", None))
    found = boxes(Sample(Annotation(objects=objects), width=100, height=50))
    assert [(issue.rule, issue.object_index) for issue in found] == [("box-missing", 0), ("box-missing", 2)]
    assert "--fix box-from-shape" in found[0].message
    assert "expected xmin, ymin, xmax and ymax" in found[1].message
