"""`SSDTargets` on a batch, in TensorFlow."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.targets.graph.batch import read_batch, without_autograph
from annotools.targets.graph.coding import encode_boxes, to_shares
from annotools.targets.graph.matching import match
from annotools.targets.matching import BACKGROUND, Matching


class Spec(Protocol):
    """What is asked of a SSDTargets."""

    @property
    def anchor_boxes(self) -> NDArray[np.float32]: ...

    @property
    def scale(self) -> NDArray[np.float32]: ...

    @property
    def matching(self) -> Matching: ...

    @property
    def positive(self) -> float: ...

    @property
    def negative(self) -> float | None: ...

    @property
    def layout(self) -> str: ...

    @property
    def num_classes(self) -> int | None: ...

    @property
    def box_format(self) -> str: ...


def ssd_targets(spec: Spec, values: tuple[Any, ...]) -> tuple[tf.Tensor, Any]:
    """(images, {"boxes": (B, A, 4) float32, "labels": (B, A) int32}), or the table of ssd_keras."""
    found: tuple[tf.Tensor, Any] = without_autograph(_ssd_targets)(spec, values)
    return found


def _ssd_targets(spec: Spec, values: tuple[Any, ...]) -> tuple[tf.Tensor, Any]:
    batch = read_batch(values)
    boxes = to_shares(batch.boxes, spec.box_format, batch.image_size)
    rows = match(
        boxes,
        batch.labels,
        spec.anchor_boxes,
        matching=spec.matching,
        positive=spec.positive,
        negative=spec.negative,
    )
    places = tf.cast(tf.where(rows >= 0), tf.int32)
    image, anchor = tf.unstack(places, num=2, axis=1)
    sources = tf.stack([image, tf.gather_nd(rows, places)], 1)
    offsets = encode_boxes(
        tf.gather_nd(boxes, sources),
        tf.gather(tf.constant(spec.anchor_boxes, boxes.dtype), anchor),
        spec.scale,
    )
    found = tf.cast(offsets, tf.float32), tf.gather_nd(batch.labels, sources)
    if spec.layout == "ssd_keras":
        return batch.restore(batch.images), batch.restore(_table(spec, rows, places, found))
    shape = [tf.shape(rows)[0], len(spec.anchor_boxes), 4]
    targets = {
        "boxes": tf.ensure_shape(tf.scatter_nd(places, found[0], shape), [*rows.shape, 4]),
        "labels": tf.tensor_scatter_nd_update(rows, places, found[1]),
    }
    return batch.restore(batch.images), batch.restore(targets)


def _table(spec: Spec, rows: tf.Tensor, places: tf.Tensor, found: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    assert spec.num_classes is not None
    offsets, labels = found
    problem = f"num_classes={spec.num_classes}, but there is a larger label"
    fits = tf.debugging.assert_less(labels, spec.num_classes, problem)
    with tf.control_dependencies([] if fits is None else [fits]):
        kinds = tf.one_hot(labels, spec.num_classes)
    one = tf.ones_like(offsets[:, :1])
    lines = tf.concat([offsets, 0 * one, kinds, one, tf.zeros([tf.shape(one)[0], 7])], 1)
    width = 4 + 1 + spec.num_classes + 8
    table = tf.scatter_nd(places, lines, [tf.shape(rows)[0], len(spec.anchor_boxes), width])
    background = tf.cast(rows == BACKGROUND, tf.float32)[..., None]
    table += background * tf.one_hot(4, width)
    return tf.ensure_shape(table, [*rows.shape, width])
