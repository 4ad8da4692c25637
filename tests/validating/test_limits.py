"""Where a box rule begins to apply, to the pixel, on either axis, counted from 0 and from 1."""

from __future__ import annotations

import pytest

from annotools.issues import Issue
from annotools.records import TOLERANCE, Annotation, Box, Object
from annotools.validation.rules.box import boxes, extents
from annotools.validation.rules.rule import Sample

WIDTH, HEIGHT = 100, 60


def one(box: tuple[float, float, float, float], *, turned: bool) -> Annotation:
    """A box in an image of 100 x 60; turned: the same with x and y exchanged, in one of 60 x 100."""
    x1, y1, x2, y2 = box
    return Annotation(objects=(Object("a", Box(y1, x1, y2, x2) if turned else Box(x1, y1, x2, y2)),))


def rules(issues: list[Issue]) -> list[str]:
    return [issue.rule for issue in issues]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("box", "one_based", "expected"),
    [
        ((0, 0, 100, 60), False, []),
        ((-0.9 * TOLERANCE, 0, 100 + 0.9 * TOLERANCE, 60), False, []),
        ((-1.1 * TOLERANCE, 0, 50, 60), False, ["box-outside-image"]),
        ((0, 0, 100 + 1.1 * TOLERANCE, 60), False, ["box-outside-image"]),
        ((10, 10, 10, 20), False, ["box-zero-area"]),
        ((10, 10, 9, 20), False, ["box-inverted"]),
        # counted from 1, a pixel is a box from itself to itself, and 0 is outside
        ((1, 1, 100, 60), True, []),
        ((100, 60, 100, 60), True, []),
        ((0, 1, 50, 60), True, ["box-outside-image"]),
        ((1, 1, 101, 60), True, ["box-outside-image"]),
        ((10, 10, 9, 20), True, ["box-zero-area"]),
        ((10, 10, 8, 20), True, ["box-inverted"]),
    ],
)
def test_box_faults(
    box: tuple[float, float, float, float], one_based: bool, expected: list[str], turned: bool
) -> None:
    width, height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    found = boxes(Sample(one(box, turned=turned), width=width, height=height, one_based=one_based))
    assert rules(found) == expected


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("box", "one_based", "expected"),
    [
        ((10, 10, 12, 40), False, []),
        ((10, 10, 11.99, 40), False, ["box-tiny"]),
        ((10, 10, 10, 40), False, []),  # without extent: box-zero-area
        ((10, 10, 11, 40), True, []),
        ((10, 10, 10, 40), True, ["box-tiny"]),
        ((10, 10, 9, 40), True, []),
        # a pixel less at any edge may still be the whole image, two may not
        ((0, 0, 100, 60), False, ["box-whole-image"]),
        ((1, 1, 100, 60), False, ["box-whole-image"]),
        ((0, 0, 99, 59), False, ["box-whole-image"]),
        ((0, 0, 98, 60), False, []),
        ((2, 0, 101, 60), False, []),
        ((1, 1, 100, 60), True, ["box-whole-image"]),
    ],
)
def test_extent(
    box: tuple[float, float, float, float], one_based: bool, expected: list[str], turned: bool
) -> None:
    width, height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    found = extents(Sample(one(box, turned=turned), width=width, height=height, one_based=one_based))
    assert rules(found) == expected


def test_messages_give_the_numbers_of_the_file() -> None:
    (issue,) = boxes(Sample(one((-2, 5, 104, 50), turned=False), width=WIDTH, height=HEIGHT))
    assert issue.message == (
        "bndbox: xmin is -2, 2 px before the image, expected 0 or more; "
        "xmax is 104, 4 px past the image, expected 100 (the width) or less"
    )
    sample = Sample(one((0, 5, 50, 64), turned=False), width=WIDTH, height=HEIGHT, one_based=True)
    (issue,) = boxes(sample)
    assert issue.message == (
        "bndbox: xmin is 0, 1 px before the image, expected 1 or more; "
        "ymax is 64, 4 px past the image, expected 60 (the height) or less"
    )
