"""Offsets go there and back, equal Keras's, and TensorFlow's twin gives the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from annotools import boxes as pixel_boxes
from annotools.errors import OptionError
from annotools.targets import SSD300_VOC, coding, decode_boxes, encode_boxes, graph
from annotools.targets.graph import coding as graph_coding

Float = NDArray[np.float64]


@st.composite
def box_rows(draw: st.DrawFn, rows: int) -> Float:
    numbers = arrays.arrays(np.float64, (rows, 2), elements=st.integers(-64, 64).map(lambda n: n / 32))
    sizes = arrays.arrays(np.float64, (rows, 2), elements=st.floats(2**-7, 2, width=32))
    low = draw(numbers)
    return np.concatenate([low, low + draw(sizes)], axis=1)


@given(st.integers(0, 5).flatmap(lambda rows: st.tuples(box_rows(rows), box_rows(rows))))
@settings(max_examples=60)
def test_there_and_back(pair: tuple[Float, Float]) -> None:
    boxes, anchors = pair
    back = decode_boxes(encode_boxes(boxes, anchors), anchors)
    np.testing.assert_allclose(back, boxes, rtol=1e-9, atol=1e-9)
    offsets = encode_boxes(boxes, anchors, SSD300_VOC.variances)
    np.testing.assert_allclose(decode_boxes(offsets, anchors, SSD300_VOC.variances), boxes, atol=1e-9)


@given(st.integers(1, 5).flatmap(lambda rows: st.tuples(box_rows(rows), box_rows(rows))))
@settings(max_examples=30)
def test_the_graph_is_the_same(pair: tuple[Float, Float]) -> None:
    for dtype, exact in ((np.float32, 1e-5), (np.float64, 1e-12)):
        boxes, anchors = (part.astype(dtype) for part in pair)
        offsets = encode_boxes(boxes, anchors)
        twin = graph.encode_boxes(tf.constant(boxes), anchors)
        assert twin.dtype.as_numpy_dtype == offsets.dtype == dtype
        np.testing.assert_allclose(twin, offsets, rtol=exact, atol=exact)
        np.testing.assert_allclose(
            graph.decode_boxes(twin, anchors), decode_boxes(offsets, anchors), rtol=exact, atol=exact
        )


def test_keras_has_the_same_offsets() -> None:
    from keras.utils.bounding_boxes import encode_box_to_deltas

    draw = np.random.RandomState(0)
    low = draw.uniform(0, 1, (2, 50, 2))
    both = np.concatenate([low, low + draw.uniform(0.05, 1, (2, 50, 2))], -1).astype(np.float32)
    theirs = encode_box_to_deltas(
        both[0],
        both[1],
        anchor_format="xyxy",
        box_format="xyxy",
        encoding_format="center_xywh",
        variance=[0.1, 0.1, 0.2, 0.2],
    )
    np.testing.assert_allclose(encode_boxes(both[1], both[0]), np.array(theirs), atol=1e-4, rtol=1e-5)


def test_dtypes_shapes_and_boxes_without_extent() -> None:
    anchor = np.array([0, 0, 1, 1], np.float32)
    assert encode_boxes([[0, 0, 1, 1]], anchor).dtype == np.float32  # whole numbers
    assert encode_boxes(np.zeros((3, 5, 4)) + anchor, anchor).shape == (3, 5, 4)
    assert encode_boxes([], SSD300_VOC.boxes[:0]).shape == (0, 4)
    flat = encode_boxes([[0.5, 0.2, 0.5, 0.4]], anchor)
    assert flat[0, 2] == -np.inf
    assert np.isfinite(flat[0, [0, 1, 3]]).all()


@pytest.mark.parametrize(
    ("boxes", "anchors", "variances", "field"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), (0.1,) * 4, "boxes"),
        (np.zeros((2, 4)), np.zeros((3, 4)), (0.1,) * 4, "boxes"),
        (np.zeros((2, 4)), "anchors", (0.1,) * 4, "anchors"),
        (None, np.zeros((3, 4)), (0.1,) * 4, "boxes"),
        ([[1, 2, 3, 4], [1]], np.zeros((3, 4)), (0.1,) * 4, "boxes"),
        (np.zeros((2, 4)), np.zeros((2, 4)), (0.1, 0.2), "variances"),
    ],
)
def test_what_does_not_fit(boxes: object, anchors: object, variances: object, field: str) -> None:
    with pytest.raises(OptionError) as caught:
        encode_boxes(boxes, anchors, variances)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.found is not None or caught.value.expected is not None


@pytest.mark.parametrize("box_format", coding.CORNERS)
def test_every_format_of_a_batch(box_format: str) -> None:
    corners = np.array([[2, 3, 10, 7], [0, 0, 20, 10], [5.5, 1.25, 6, 9]], np.float32)
    written = pixel_boxes.convert(corners, "xyxy", box_format, image_size=(10, 20))
    shares = corners / np.array([20, 10, 20, 10], np.float32)
    np.testing.assert_allclose(coding.to_shares(written, box_format, (10, 20)), shares, atol=1e-6)
    twin = graph_coding.to_shares(tf.constant(written), box_format, tf.constant([10, 20]))
    np.testing.assert_allclose(twin, shares, atol=1e-6)


def test_all_formats_of_the_loader_are_known() -> None:
    assert set(coding.CORNERS) == set(pixel_boxes.BOX_FORMATS)
