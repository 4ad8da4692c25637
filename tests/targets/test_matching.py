"""The rules of Caffe and of ssd_keras: what their own code gave, an independent reading, and the twin.

The digests come from weiliu89/caffe 4817bf8 (MatchBBox, compiled) and rykov8/ssd_keras a560b91
(assign_boxes), run on the scenes of conftest.py.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotools.errors import OptionError
from annotools.targets import SSD300_KERAS, SSD300_VOC, graph, grid_anchors, match

CAFFE = "bfeeea2cd4bee19c712ed86d806f50ab9568d97f609dae328ba6a2685930b28b"
SMALL = grid_anchors([6, 3], 60, [[(10, 10), (14, 7), (7, 14)], [(30, 30), (40, 20)]]).boxes
"""126 anchors, so that collisions are usual."""


def test_caffe_itself(scenes: list[Any]) -> None:
    rows = [match(boxes.astype(np.float32), labels, SSD300_VOC) for boxes, labels in scenes]
    found = np.stack(rows).astype("<i4")
    assert (found >= 0).sum() == 2140
    assert np.flatnonzero(found[8] >= 0)[:6].tolist() == [6065, 6162, 6164, 6168, 6170, 6179]
    assert hashlib.sha256(found.tobytes()).hexdigest() == CAFFE


def overlap(box: NDArray[Any], anchor: NDArray[Any]) -> float:
    width = min(box[2], anchor[2]) - max(box[0], anchor[0])
    height = min(box[3], anchor[3]) - max(box[1], anchor[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (box[2] - box[0]) * (box[3] - box[1]) + (anchor[2] - anchor[0]) * (anchor[3] - anchor[1])
    return float(width * height / (area - width * height))


def read_caffe(boxes: NDArray[Any], anchors: NDArray[Any]) -> list[int]:
    """All pairs, sorted once: the greedy rule as the paper says it."""
    pairs = [(overlap(b, a), -p, -r) for r, b in enumerate(boxes) for p, a in enumerate(anchors)]
    rows, done = [-1] * len(anchors), set()
    for value, p, r in sorted(pairs, reverse=True):
        if value > 1e-6 and rows[-p] == -1 and -r not in done:
            rows[-p] = -r
            done.add(-r)
    for p, anchor in enumerate(anchors):
        values = [overlap(box, anchor) for box in boxes]
        if rows[p] == -1 and values and max(values) >= 0.5:
            rows[p] = values.index(max(values))
    return rows


def read_ssd_keras(boxes: NDArray[Any], anchors: NDArray[Any]) -> list[int]:
    rows, held = [-1] * len(anchors), [0.0] * len(anchors)
    for r, box in enumerate(boxes):
        values = [overlap(box, anchor) for anchor in anchors]
        wanted = [p for p, value in enumerate(values) if value > 0.5] or [values.index(max(values))]
        for p in wanted:
            if values[p] > held[p]:
                rows[p], held[p] = r, values[p]
    return rows


def crowd(draw: np.random.RandomState, rows: int) -> NDArray[np.float64]:
    """Boxes on a coarse grid: ties, repeats, and more of them in one place than there are anchors."""
    corners = draw.randint(0, 13, (rows, 2, 2)) / 12
    return np.concatenate([corners.min(1), corners.max(1) + 1 / 12], axis=1)


@pytest.mark.parametrize("seed", range(8))
def test_an_independent_reading(seed: int) -> None:
    draw = np.random.RandomState(seed)
    anchors = SMALL.astype(np.float64)
    for rows in (0, 1, 2, 9, 30):
        boxes = (
            crowd(draw, rows)
            if seed % 2
            else np.sort(draw.uniform(-0.2, 1.2, (rows, 2, 2)), 1).reshape(-1, 4)
        )
        assert match(boxes, None, anchors).tolist() == read_caffe(boxes, anchors)
        assert match(boxes, None, anchors, matching="ssd_keras").tolist() == read_ssd_keras(boxes, anchors)


@st.composite
def batches(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    source = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    count, rows = draw(st.integers(1, 4)), draw(st.sampled_from([0, 1, 3, 8, 33, 64]))
    boxes = np.stack([crowd(source, rows) for _ in range(count)]).astype(np.float32)
    return boxes, source.randint(-2, 3, (count, rows)).astype(np.int32)


MATCHERS = {
    (matching, negative): tf.function(
        lambda boxes, labels, rule=(matching, negative): graph.match(
            boxes, labels, SMALL, matching=rule[0], negative=rule[1]
        ),
        input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
    )
    for matching in ("caffe", "ssd_keras")
    for negative in (None, 0.3)
}


@given(batches())
@settings(max_examples=40)
def test_the_graph_gives_the_same_rows(batch: tuple[NDArray[np.float32], NDArray[np.int32]]) -> None:
    """In float32 bit for bit, ties too; with B and M unknown to the graph."""
    boxes, labels = batch
    for (rule, negative), function in MATCHERS.items():
        matching: Any = rule
        found = function(boxes, labels).numpy()
        for index in range(len(boxes)):
            expected = match(boxes[index], labels[index], SMALL, matching=matching, negative=negative)
            np.testing.assert_array_equal(found[index], expected)


def test_the_graph_on_the_large_grids(scenes: list[Any]) -> None:
    for anchors in (SSD300_VOC, SSD300_KERAS):
        for boxes, labels in scenes[:6]:
            small = boxes.astype(np.float32)
            for matching in ("caffe", "ssd_keras"):
                found = graph.match(small, labels, anchors, matching=matching)
                expected = match(small, labels, anchors, matching=matching)
                np.testing.assert_array_equal(found, expected)


def test_the_graph_keeps_static_shapes() -> None:
    function = MATCHERS["caffe", None].get_concrete_function()
    assert function.structured_outputs.shape.as_list() == [None, len(SMALL)]


def test_every_object_has_an_anchor_with_caffe() -> None:
    draw = np.random.RandomState(5)
    boxes = np.concatenate([crowd(draw, 12), np.tile([[0.3, 0.3, 0.4, 0.4]], (5, 1))])
    assert set(match(boxes, None, SMALL).tolist()) >= set(range(17))  # the five equal ones too


def test_ignored_boxes_make_neutral_anchors() -> None:
    anchors = np.array([[0, 0, 1, 1], [0, 0, 1, 0.5], [2, 2, 3, 3]], np.float32)
    boxes = np.array([[0, 0, 1, 0.9], [2, 2, 3, 3]], np.float32)
    for twin in (match, graph.match):
        both: Any = twin
        assert list(np.asarray(both(boxes, [-2, 1], anchors))) == [-2, -2, 1]
        assert list(np.asarray(both(boxes, [-2, -1], anchors))) == [-2, -2, -1]
        assert list(np.asarray(both(boxes, [-2, -2], anchors, positive=0.8))) == [-2, -1, -2]
        # an object keeps its anchor beside an ignored box, and an ignored box never gets one
        assert list(np.asarray(both(boxes[[0, 0]], [0, -2], anchors))) == [0, 0, -1]
        assert list(np.asarray(both(boxes[:1], [-2], anchors[:0]))) == []


def test_between_negative_and_positive() -> None:
    anchors = np.array([[0, 0, 1, 1], [0, 0, 1, 0.45], [0, 0, 1, 0.3]], np.float32)
    box = np.array([[0, 0, 1, 1]], np.float32)
    for twin in (match, graph.match):
        both: Any = twin
        assert list(np.asarray(both(box, [0], anchors, negative=0.4))) == [0, -2, -1]
        assert list(np.asarray(both(box, [0], anchors))) == [0, -1, -1]


def test_boxes_that_touch_no_anchor_and_boxes_without_extent() -> None:
    boxes = np.array([[5, 5, 6, 6], [0.2, 0.2, 0.2, 0.5], [0.5, 0.5, 0.4, 0.4]], np.float32)
    for matching in ("caffe", "ssd_keras"):
        for twin in (match, graph.match):
            both: Any = twin
            assert (np.asarray(both(boxes, None, SMALL, matching=matching)) == -1).all()


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("matching", {"matching": "torchvision"}),
        ("positive", {"positive": 0}),
        ("positive", {"positive": "half"}),
        ("negative", {"negative": 0.6}),
        ("negative", {"negative": 0}),
    ],
)
def test_rules_that_make_no_sense(field: str, options: dict[str, Any]) -> None:
    for twin in (match, graph.match):
        both: Any = twin
        with pytest.raises(OptionError) as caught:
            both(np.zeros((1, 4), np.float32), [0], SMALL, **options)
        assert caught.value.field == field
    with pytest.raises(OptionError, match="labels"):
        match(np.zeros((2, 4)), [0], SMALL)
    with pytest.raises(OptionError, match="labels"):
        match(np.zeros((1, 4)), ["shoes"], SMALL)
    with pytest.raises(OptionError, match="boxes"):
        graph.match(np.zeros((2, 2, 2, 4), np.float32), None, SMALL)
