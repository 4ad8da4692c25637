"""`annotools.targets.matching` for batches, in TensorFlow: the same anchors get the same rows.

The obvious code compares every box with every anchor: 4.9 CPU ms an image for 8732 anchors and 20 boxes, more
than decoding the image. Here that is done for a few anchors only. Two boxes with an IoU of t have an IoU of t
or more along x and along y, as intervals. A grid has few different intervals (334 in x and in y among those
8732), so each axis is looked at alone, with one bit for each box, and what both axes let pass is compared
exactly. A box that is left without an anchor looks at all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.errors import OptionError
from annotools.targets.coding import as_boxes
from annotools.targets.graph.coding import as_tensor
from annotools.targets.matching import BACKGROUND, IGNORED, LEAST_IOU, Matching, check_rule

_SLACK = 1 - 1e-4
"""The first look may let too much pass, never too little."""
_BITS = 31
"""Boxes in a word of int32; the sign stays free."""


_FAR = 2**31 - 1


class _Pairs(NamedTuple):
    """What may matter: K anchors, and L pairs of one of them with a box.

    image, anchor (K,) int32; owner (L,) int32, which of the K; box (L,) int32, which of the image's; overlap
    (L,), the IoU, none below the lower threshold
    """

    image: tf.Tensor
    anchor: tf.Tensor
    owner: tf.Tensor
    box: tf.Tensor
    overlap: tf.Tensor


class _Claims(NamedTuple):
    """What each box wants: value (B, M), the IoU, 0 where there is nothing; anchor (B, M) int32."""

    value: tf.Tensor
    anchor: tf.Tensor


class _Problem(NamedTuple):
    """boxes (B, M, 4), zeros where nothing is; is_object (B, M) bool; anchors (A, 4); and the thresholds."""

    boxes: tf.Tensor
    is_object: tf.Tensor
    anchors: NDArray[Any]
    positive: float
    low: float


def match(
    boxes: Any,
    labels: Any,
    anchors: Any,
    *,
    matching: Matching = "caffe",
    positive: float = 0.5,
    negative: float | None = None,
) -> tf.Tensor:
    """(B, A) int32 for boxes (B, M, 4) and labels (B, M), (A,) for (M, 4) and (M,): as `targets.match`.

    The anchors are known when the graph is made: an array or Anchors, not a tensor of the graph.
    """
    low = check_rule(matching, positive, negative)
    boxes = as_tensor(boxes)
    labels = tf.zeros(tf.shape(boxes)[:-1], tf.int32) if labels is None else tf.cast(labels, tf.int32)
    if boxes.shape.rank not in (2, 3) or labels.shape.rank != boxes.shape.rank - 1:
        raise OptionError(
            "one label for each box",
            field="boxes",
            found=tuple(boxes.shape),
            expected="(B, M, 4) with labels (B, M), or (M, 4) with (M,)",
        )
    places = as_boxes("anchors", anchors).astype(boxes.dtype.as_numpy_dtype)
    if boxes.shape.rank == 2:
        rows = _match(boxes[None], labels[None], places, (matching, positive, low))[0]
        return tf.ensure_shape(rows, [len(places)])
    rows = _match(boxes, labels, places, (matching, positive, low))
    return tf.ensure_shape(rows, [boxes.shape[0], len(places)])


def _match(
    boxes: tf.Tensor, labels: tf.Tensor, anchors: NDArray[Any], rule: tuple[Matching, float, float]
) -> tf.Tensor:
    matching, positive, low = rule
    batch = tf.shape(boxes)[0]
    if not len(anchors):
        return tf.zeros([batch, 0], tf.int32)
    is_object = labels >= 0
    counts = is_object | (labels == IGNORED)
    boxes = tf.where(counts[..., None], boxes, 0)
    problem = _Problem(boxes, is_object, anchors, positive, low)
    pairs = _pairs(problem)
    reaches = tf.greater_equal if matching == "caffe" else tf.greater
    several = tf.shape(pairs.anchor)[0]
    largest = tf.math.unsorted_segment_max(pairs.overlap, pairs.owner, several)
    neutral = tf.where(reaches(largest, low), IGNORED, BACKGROUND)
    pairs = _of_objects(problem, pairs)
    best = tf.math.unsorted_segment_max(pairs.overlap, pairs.owner, several)
    is_best = pairs.overlap >= tf.gather(best, pairs.owner)
    row = tf.math.unsorted_segment_min(tf.where(is_best, pairs.box, _FAR), pairs.owner, several)
    found = tf.where(reaches(best, positive), row, neutral)
    claims = _claims(problem, pairs)
    count = len(anchors)
    if matching == "caffe":
        claims = _settle(problem, claims)
    else:
        claims = claims._replace(value=tf.where(claims.value <= positive, claims.value, 0))
        claims = claims._replace(value=tf.where(~_is_beaten(claims), claims.value, 0))
    flat = tf.tensor_scatter_nd_update(
        tf.fill([batch * count], BACKGROUND), (pairs.image * count + pairs.anchor)[:, None], found
    )
    winners = tf.cast(tf.where(claims.value > 0), tf.int32)
    place = winners[:, 0] * count + tf.gather_nd(claims.anchor, winners)
    taker = winners[:, 1]
    if matching == "ssd_keras":  # a better box keeps its anchor
        there = tf.gather(flat, place)
        taker = tf.where(there >= 0, there, taker)
    return tf.reshape(tf.tensor_scatter_nd_update(flat, place[:, None], taker), [batch, count])


def _pairs(problem: _Problem) -> _Pairs:
    boxes, anchors = problem.boxes, problem.anchors
    x1, y1, x2, y2 = tf.unstack(boxes, num=4, axis=-1)
    words = tf.bitwise.bitwise_and(
        _passing(x1, x2, anchors[:, [0, 2]], problem.low), _passing(y1, y2, anchors[:, [1, 3]], problem.low)
    )
    some = words != 0
    found = tf.cast(tf.where(some[..., 0] if words.shape[2] == 1 else tf.reduce_any(some, -1)), tf.int32)
    anchor, image = tf.unstack(found, num=2, axis=1)
    count = tf.shape(boxes)[1]
    size = _word_size(x1)
    bits = tf.bitwise.left_shift(1, tf.range(size))
    flags = tf.bitwise.bitwise_and(tf.gather_nd(words, found)[..., None], bits) != 0
    flags = tf.reshape(flags, [tf.shape(found)[0], tf.shape(words)[2] * size])[:, :count]
    owner, box = tf.unstack(tf.cast(tf.where(flags), tf.int32), num=2, axis=1)
    sources = tf.stack([tf.gather(image, owner), box], 1)
    of_anchor = tf.gather(tf.constant(anchors), tf.gather(anchor, owner))
    overlap = iou(tf.gather_nd(boxes, sources), of_anchor)
    keep = tf.where(overlap >= problem.low)[:, 0]
    return _Pairs(image, anchor, *(tf.gather(part, keep) for part in (owner, box, overlap)))


def _of_objects(problem: _Problem, pairs: _Pairs) -> _Pairs:
    """The same with an overlap of 0 for ignored boxes."""
    sources = tf.stack([tf.gather(pairs.image, pairs.owner), pairs.box], 1)
    is_object = tf.gather_nd(problem.is_object, sources)
    return pairs._replace(overlap=tf.where(is_object, pairs.overlap, 0))


def _passing(low: tf.Tensor, high: tf.Tensor, sides: NDArray[Any], least: float) -> tf.Tensor:
    """(A, B, words) int32, one bit for each box that may reach the IoU `least`, as far as one axis tells."""
    unique, places = np.unique(np.ascontiguousarray(sides), axis=0, return_inverse=True)
    start, stop = (tf.constant(unique[:, side, None, None]) for side in (0, 1))
    common = tf.minimum(high, stop) - tf.maximum(low, start)
    share = least * _SLACK
    passes = common * (1 + share) >= (high - low) * share + (stop - start) * share
    batch, count = tf.unstack(tf.shape(low), num=2)
    size = _word_size(low)
    words = tf.cast(passes, tf.int32) * tf.bitwise.left_shift(1, tf.range(count) % size)
    missing = -count % size
    if low.shape[1] != size:
        words = tf.pad(words, [[0, 0], [0, 0], [0, missing]])
    several = 1 if low.shape[1] == size else (count + missing) // size
    words = tf.reshape(words, [len(unique), batch, several, size])
    return tf.gather(tf.reduce_sum(words, -1), places.reshape(-1).astype(np.int32))


def _word_size(rows: tf.Tensor) -> int:
    """Boxes in a word for (B, M): all of them, where that is known to fit."""
    return min(rows.shape[1] or _BITS, _BITS)


def iou(boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """(..., 4) and (..., 4) -> (...), operation by operation as `targets.matching.iou`."""
    x1, y1, x2, y2 = tf.unstack(boxes, num=4, axis=-1)
    left, top, right, bottom = tf.unstack(anchors, num=4, axis=-1)
    width = tf.nn.relu(tf.minimum(x2, right) - tf.maximum(x1, left))
    height = tf.nn.relu(tf.minimum(y2, bottom) - tf.maximum(y1, top))
    common = width * height
    union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common
    return tf.math.divide_no_nan(common, union)


def _claims(problem: _Problem, pairs: _Pairs) -> _Claims:
    """The best anchor of each object: from the pairs, or from all anchors where no pair is good enough."""
    batch, count = tf.unstack(tf.shape(problem.is_object), num=2)
    place = tf.gather(pairs.image, pairs.owner) * count + pairs.box
    value = tf.nn.relu(tf.math.unsorted_segment_max(pairs.overlap, place, batch * count))
    is_best = pairs.overlap >= tf.gather(value, place)
    anchor = tf.where(is_best, tf.gather(pairs.anchor, pairs.owner), _FAR)
    anchor = tf.math.unsorted_segment_min(anchor, place, batch * count)
    known = value >= problem.low
    value, anchor, known = (
        tf.reshape(part, [batch, count])
        for part in (tf.where(known, value, 0), tf.where(known, anchor, 0), known)
    )
    claims = _Claims(value, anchor)
    missing = tf.cast(tf.where(problem.is_object & ~known), tf.int32)
    return _look_at_all(problem, claims, missing, tf.zeros_like(value))


def _look_at_all(problem: _Problem, claims: _Claims, missing: tf.Tensor, rivals: tf.Tensor) -> _Claims:
    """New claims for the boxes `missing` (F, 2): the best of all anchors.

    rivals (B, M): the values of the claims that count; an anchor that one of them deserves more is out.
    """
    overlap = iou(tf.gather_nd(problem.boxes, missing)[:, None], tf.constant(problem.anchors))
    image, row = tf.unstack(missing, num=2, axis=1)
    value, anchor = tf.gather(rivals, image), tf.gather(claims.anchor, image)  # (F, M)
    mine = tf.gather(overlap, anchor, batch_dims=1)
    earlier = tf.range(tf.shape(value)[1]) < row[:, None]
    taken = tf.where((value > mine) | ((value == mine) & earlier))
    places = tf.stack([tf.cast(taken[:, 0], tf.int32), tf.gather_nd(anchor, taken)], 1)
    overlap = tf.tensor_scatter_nd_update(overlap, places, tf.zeros_like(places[:, 0], overlap.dtype))
    return _Claims(
        tf.tensor_scatter_nd_update(claims.value, missing, tf.reduce_max(overlap, 1)),
        tf.tensor_scatter_nd_update(claims.anchor, missing, tf.argmax(overlap, 1, output_type=tf.int32)),
    )


def _is_beaten(claims: _Claims) -> tf.Tensor:
    """(B, M) bool: another box of the image wants the same anchor with a larger IoU or an earlier row."""
    value, anchor = claims
    mine, other = value[..., None], value[:, None]
    earlier = tf.range(tf.shape(value)[1])[None, :] < tf.range(tf.shape(value)[1])[:, None]
    stronger = (other > mine) | ((other == mine) & earlier)
    same = (anchor[..., None] == anchor[:, None]) & (mine > 0)
    return tf.reduce_any(same & stronger, -1)


def _settle(problem: _Problem, claims: _Claims) -> _Claims:
    """Caffe's greedy matching as offers and refusals: who is beaten asks the next best anchor, until none is.

    Boxes and anchors rank each other by the same numbers, so there is one stable result, the greedy one.
    """
    floor = tf.constant(LEAST_IOU, claims.value.dtype)

    def drop(claims: _Claims) -> _Claims:
        return claims._replace(value=tf.where(claims.value > floor, claims.value, 0))

    def again(value: tf.Tensor, anchor: tf.Tensor, beaten: tf.Tensor) -> list[tf.Tensor]:
        rivals = tf.where(beaten, tf.zeros_like(value), value)
        missing = tf.cast(tf.where(beaten), tf.int32)
        claims = drop(_look_at_all(problem, _Claims(value, anchor), missing, rivals))
        return [*claims, _is_beaten(claims)]

    claims = drop(claims)
    start = [*claims, _is_beaten(claims)]
    value, anchor, _ = tf.while_loop(
        lambda value, anchor, beaten: tf.reduce_any(beaten), again, start, parallel_iterations=1
    )
    return _Claims(value, anchor)
