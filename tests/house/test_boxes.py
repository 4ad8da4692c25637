"""Box geometry in numpy, against counting pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotools import boxes as geometry
from annotools.boxes import BOX_FORMATS, affine, area, clip, convert, iou, visible_bounds
from annotools.errors import OptionError

HEIGHT, WIDTH = 17, 23
FORMATS: dict[str, list[float]] = {
    "xyxy": [2, 3, 10, 7],
    "yxyx": [3, 2, 7, 10],
    "xywh": [2, 3, 8, 4],
    "center_xywh": [6, 5, 8, 4],
    "center_yxhw": [5, 6, 4, 8],
    "rel_xyxy": [2 / 20, 3 / 10, 10 / 20, 7 / 10],
    "rel_yxyx": [3 / 10, 2 / 20, 7 / 10, 10 / 20],
    "rel_xywh": [2 / 20, 3 / 10, 8 / 20, 4 / 10],
    "rel_center_xywh": [6 / 20, 5 / 10, 8 / 20, 4 / 10],
}


@st.composite
def whole_boxes(draw: st.DrawFn) -> list[int]:
    """A box on whole pixels inside HEIGHT x WIDTH."""
    x = sorted(draw(st.lists(st.integers(0, WIDTH), min_size=2, max_size=2, unique=True)))
    y = sorted(draw(st.lists(st.integers(0, HEIGHT), min_size=2, max_size=2, unique=True)))
    return [x[0], y[0], x[1], y[1]]


def mask(box: Any) -> NDArray[np.bool_]:
    painted = np.zeros((HEIGHT, WIDTH), bool)
    x1, y1, x2, y2 = (int(edge) for edge in box)
    painted[y1:y2, x1:x2] = True
    return painted


def extent(painted: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.nonzero(painted)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@given(whole_boxes(), whole_boxes())
def test_area_and_iou_count_pixels(first: list[int], second: list[int]) -> None:
    a, b = mask(first), mask(second)
    assert area([first]) == [a.sum()]
    assert iou([first], [second])[0, 0] == pytest.approx((a & b).sum() / (a | b).sum(), abs=1e-6)


def test_a_box_without_extent_or_with_exchanged_corners_has_no_area() -> None:
    assert area([[3, 3, 3, 9], [5, 5, 2, 2], [5, 0, 2, 9]]).tolist() == [0, 0, 0]
    assert iou([[3, 3, 3, 3]], [[3, 3, 3, 3]]).tolist() == [[0]]


@given(whole_boxes(), whole_boxes())
def test_clip_leaves_the_common_pixels(box: list[int], window: list[int]) -> None:
    clipped = clip([box], window)[0]
    assert (mask(clipped) == (mask(box) & mask(window))).all()


@given(whole_boxes())
def test_flips_and_turns_are_those_of_the_picture(box: list[int]) -> None:
    painted = mask(box)
    assert geometry.horizontal_flip([box], WIDTH)[0].tolist() == extent(painted[:, ::-1])
    assert geometry.vertical_flip([box], HEIGHT)[0].tolist() == extent(painted[::-1])
    for turns in range(-1, 5):
        turned = geometry.rot90([box], (HEIGHT, WIDTH), turns)[0]
        assert turned.tolist() == extent(np.rot90(painted, turns))


def test_every_format_is_spelt_as_keras_spells_it() -> None:
    assert set(FORMATS) == set(BOX_FORMATS)


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_formats(source: str, target: str) -> None:
    found = convert([FORMATS[source]], source, target, image_size=(10, 20))
    np.testing.assert_allclose(found, [FORMATS[target]], rtol=1e-6)


def test_the_dtype_of_the_boxes_stays_and_integers_become_float32() -> None:
    for dtype, expected in ((np.float64, np.float64), (np.float32, np.float32), (np.int64, np.float32)):
        given_boxes = np.array([[0, 0, 4, 4]], dtype)
        for found in (area(given_boxes), clip(given_boxes, [0, 0, 2, 2]), affine(given_boxes, np.eye(2, 3))):
            assert found.dtype == expected


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4), np.float32)])
def test_no_boxes(empty: Any) -> None:
    assert area(empty).shape == (0,)
    assert iou(empty, [[0, 0, 1, 1]]).shape == (0, 1)
    assert clip(empty, [0, 0, 1, 1]).shape == (0, 4)
    assert convert(empty, "xyxy", "center_xywh").shape == (0, 4)
    assert affine(empty, np.eye(2, 3), shape="ellipse").shape == (0, 4)
    assert visible_bounds(empty, np.eye(2, 3), [0, 0, 1, 1]).shape == (0, 4)


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(OptionError, match=r"unknown box format.*'voc'.*center_yxhw"):
        convert([[0, 0, 1, 1]], "voc", "xyxy")
    with pytest.raises(OptionError, match="image_size"):
        convert([[0, 0, 1, 1]], "xyxy", "rel_xyxy")
    with pytest.raises(OptionError, match=r"boxes must be \(R, 4\)"):
        area([[0, 0, 1]])


def rotation(degrees: float, center: tuple[float, float]) -> NDArray[np.float64]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = np.array(center)
    return np.column_stack([linear, middle - linear @ middle])


def test_corners_grow_under_rotation_and_an_ellipse_of_equal_sides_does_not() -> None:
    square = [[0, 0, 20, 20]]
    turned = rotation(45, (10, 10))
    reach = 10 * np.sqrt(2)
    np.testing.assert_allclose(
        affine(square, turned), [[10 - reach, 10 - reach, 10 + reach, 10 + reach]], rtol=1e-6
    )
    np.testing.assert_allclose(affine(square, turned, shape="ellipse"), square, atol=1e-5)


@settings(max_examples=40)
@given(whole_boxes(), st.floats(-180, 180), st.floats(0.3, 3), st.floats(-20, 20), whole_boxes())
def test_affine_and_visible_bounds_against_many_points(
    box: list[int], degrees: float, scale: float, shift: float, window: list[int]
) -> None:
    matrix = rotation(degrees, (8, 6)) * scale
    matrix[:, 2] += shift
    x1, y1, x2, y2 = box
    side = np.linspace(0, 1, 201)
    points = np.stack(np.meshgrid(x1 + (x2 - x1) * side, y1 + (y2 - y1) * side), -1).reshape(-1, 2)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    bounds = affine(np.array([box], float), matrix)[0]
    np.testing.assert_allclose(bounds, [*moved.min(0), *moved.max(0)], atol=1e-9)

    inside = moved[(moved >= window[:2]).all(1) & (moved <= window[2:]).all(1)]
    found = visible_bounds(np.array([box], float), matrix, window)[0]
    spacing = scale * max(x2 - x1, y2 - y1) / 200 * 1.5
    if len(inside):
        # the sampled points lie inside the exact bounds, and the bounds less than a sample away
        dense = np.array([*inside.min(0), *inside.max(0)])
        outward = np.concatenate([dense[:2] - found[:2], found[2:] - dense[2:]])
        assert (outward > -1e-9).all()
        center = (found[:2] + found[2:]) / 2
        assert (center >= np.array(window[:2]) - 1e-9).all()
        thin = min(found[2] - found[0], found[3] - found[1]) < 4 * spacing
        assert thin or (outward < 4 * spacing).all()
    else:
        assert area([found])[0] <= (4 * spacing) ** 2 + 4 * spacing * (WIDTH + HEIGHT)
