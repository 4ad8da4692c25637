"""The graph functions are the numpy functions, and Keras agrees about the formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from annotools import boxes
from annotools.augment.graph import boxes as graph_boxes
from annotools.boxes import BOX_FORMATS

Float = NDArray[np.float64]
numbers = st.floats(-50, 50, width=32)


@st.composite
def some_boxes(draw: st.DrawFn) -> Float:
    corners = draw(arrays.arrays(np.float64, (draw(st.integers(0, 4)), 2, 2), elements=numbers))
    return np.concatenate([corners.min(1), corners.max(1) + 0.5], -1)


@st.composite
def matrices(draw: st.DrawFn) -> Float:
    matrix = draw(arrays.arrays(np.float64, (2, 3), elements=st.floats(-3, 3, width=32)))
    matrix[0, 0] += np.copysign(4, matrix[0, 0])  # far from singular
    matrix[1, 1] += np.copysign(4, matrix[1, 1])
    return matrix


@settings(max_examples=40, deadline=None)
@given(some_boxes(), some_boxes(), matrices(), arrays.arrays(np.float64, 4, elements=numbers))
def test_parity(first: Float, second: Float, matrix: Float, edges: Float) -> None:
    window = np.concatenate([np.minimum(edges[:2], edges[2:]), np.maximum(edges[:2], edges[2:]) + 1])
    a, b, m, w = (tf.constant(values) for values in (first, second, matrix, window))
    same: Any = {"rtol": 1e-9, "atol": 1e-7}
    np.testing.assert_allclose(graph_boxes.area(a), boxes.area(first), **same)
    np.testing.assert_allclose(graph_boxes.iou(a, b), boxes.iou(first, second), **same)
    np.testing.assert_array_equal(graph_boxes.clip(a, w), boxes.clip(first, window))
    shapes: tuple[boxes.Shape, ...] = ("corner", "ellipse")
    for shape in shapes:
        np.testing.assert_allclose(
            graph_boxes.affine(a, m, shape=shape), boxes.affine(first, matrix, shape=shape), **same
        )
    found, expected = graph_boxes.visible_bounds(a, m, w).numpy(), boxes.visible_bounds(first, matrix, window)
    touching = boxes.area(expected) < 1e-6  # a box that only touches the window may count as outside or not
    np.testing.assert_allclose(found[~touching], expected[~touching], rtol=1e-6, atol=1e-5)
    assert (boxes.area(found[touching]) < 1e-3).all()


@given(matrices())
@settings(max_examples=20, deadline=None)
def test_inverse_and_compose(matrix: Float) -> None:
    back = graph_boxes.inverse(tf.constant(matrix))
    there_and_back = graph_boxes.compose(back[:, :2], back[:, 2], tf.constant(matrix))
    np.testing.assert_allclose(there_and_back, np.eye(2, 3), atol=1e-9)
    point = np.array([3.0, -7.0])
    moved = graph_boxes.apply_linear(tf.constant(matrix[:, :2]), tf.constant(point))
    np.testing.assert_allclose(moved, matrix[:, :2] @ point, rtol=1e-12)


@pytest.mark.parametrize("source", BOX_FORMATS)
@pytest.mark.parametrize("target", BOX_FORMATS)
def test_convert_as_numpy_and_as_keras(source: str, target: str) -> None:
    from keras.utils import bounding_boxes

    corners = np.array([[[2, 3, 10, 7], [0, 0, 20, 10], [5.5, 1.25, 6, 9]]], np.float32)
    given_boxes = boxes.convert(corners, "xyxy", source, image_size=(10, 20))
    found = graph_boxes.convert(tf.constant(given_boxes), source, target, image_size=(10, 20))
    np.testing.assert_allclose(found, boxes.convert(corners, "xyxy", target, image_size=(10, 20)), rtol=1e-5)
    theirs = bounding_boxes.convert_format(
        {"boxes": given_boxes, "labels": np.zeros((1, 3))}, source, target, height=10, width=20
    )
    np.testing.assert_allclose(found, theirs["boxes"], rtol=1e-5)


def test_a_batch_gives_the_bits_of_each_of_its_members() -> None:
    draw = np.random.default_rng(0)
    many = tf.constant(np.sort(draw.normal(size=(37, 5, 2, 2)), 2).reshape(37, 5, 4) * 40)
    maps = tf.constant(draw.normal(size=(37, 1, 2, 3)) + np.eye(2, 3) * 4)
    window = tf.constant([[-20.0, -20, 20, 20]], tf.float64)
    functions: tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], ...] = (
        lambda b, m: graph_boxes.affine(b, m),
        lambda b, m: graph_boxes.affine(b, m, shape="ellipse"),
        lambda b, m: graph_boxes.visible_bounds(b, m, window),
        lambda b, m: graph_boxes.inverse(m),
    )
    for function in functions:
        together = function(many, maps).numpy()
        for index in (0, 1, 18, 36):
            alone = function(many[index : index + 1], maps[index : index + 1]).numpy()
            np.testing.assert_array_equal(together[index : index + 1], alone)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_visible_bounds_of_a_batch_in_a_graph(count: int) -> None:
    """TensorFlow's graph optimizer rewrites slices of stacks, and once lost an axis of the inverse maps."""
    draw = np.random.default_rng(count)
    many = tf.constant(np.sort(draw.normal(size=(count, 2, 2, 2)), 2).reshape(count, 2, 4) * 40)
    maps = tf.constant(draw.normal(size=(count, 1, 2, 3)) + np.eye(2, 3) * 4)
    windows = tf.constant(np.sort(draw.normal(size=(count, 1, 2, 2)), 2).reshape(count, 1, 4) * 60)
    found = tf.function(graph_boxes.visible_bounds)(many, maps, windows)
    for index in range(count):
        one = (tensor[index].numpy() for tensor in (many, maps[:, 0], windows[:, 0]))
        expected = boxes.visible_bounds(*one)
        np.testing.assert_allclose(found[index], expected, atol=1e-9)
