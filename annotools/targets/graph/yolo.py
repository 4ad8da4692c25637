"""`YoloTargets` on a batch, in TensorFlow."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.targets.graph.batch import Batch, read_batch, without_autograph
from annotools.targets.graph.coding import to_shares
from annotools.targets.matching import BACKGROUND, IGNORED


class Spec(Protocol):
    """What is asked of a YoloTargets."""

    @property
    def version(self) -> str: ...

    @property
    def shapes(self) -> tuple[NDArray[np.float64], ...]: ...

    @property
    def box_format(self) -> str: ...

    def __len__(self) -> int: ...

    def columns(self) -> tuple[NDArray[np.int32], ...]: ...


def yolo_targets(spec: Spec, values: tuple[Any, ...]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """(images, {"boxes": (B, A, 4) float32, "labels": (B, A) int32})."""

    def make(values: tuple[Any, ...]) -> Any:
        batch = read_batch(values)
        return batch.restore(batch.images), batch.restore(_targets(spec, batch))

    found: tuple[tf.Tensor, dict[str, tf.Tensor]] = without_autograph(make)(values)
    return found


def yolo_lost(spec: Spec, values: tuple[Any, ...]) -> tf.Tensor:
    """(B,) int32, objects that no cell answers for."""

    def count(values: tuple[Any, ...]) -> tf.Tensor:
        batch = read_batch(values)
        objects = tf.math.count_nonzero(batch.labels >= 0, -1, dtype=tf.int32)
        kept = tf.math.count_nonzero(_targets(spec, batch)["labels"] >= 0, -1, dtype=tf.int32)
        return batch.restore(objects - kept)

    return without_autograph(count)(values)


def _targets(spec: Spec, batch: Batch) -> dict[str, tf.Tensor]:
    boxes = to_shares(batch.boxes, spec.box_format, batch.image_size)
    slots, answers = _answers(spec, boxes)
    several = tf.shape(boxes)[1]
    same = slots[:, :, None] == slots[:, None]
    is_object = (batch.labels >= 0) & (slots >= 0)
    order = tf.range(several)[:, None] - tf.range(several)[None]
    before = order > 0 if spec.version == "v1" else order < 0  # who has it if two want it
    taken = tf.reduce_any(same & before & is_object[:, None], -1)
    places = tf.cast(tf.where(is_object & ~taken), tf.int32)
    ignored = tf.cast(tf.where((batch.labels == IGNORED) & (slots >= 0)), tf.int32)
    shape = [tf.shape(boxes)[0], len(spec)]
    labels = tf.fill(shape, BACKGROUND)
    labels = tf.tensor_scatter_nd_update(
        labels, _into(ignored, slots), tf.fill([tf.shape(ignored)[0]], IGNORED)
    )
    into = _into(places, slots)
    labels = tf.tensor_scatter_nd_update(labels, into, tf.gather_nd(batch.labels, places))
    found = tf.scatter_nd(into, tf.cast(tf.gather_nd(answers, places), tf.float32), [*shape, 4])
    static = [boxes.shape[0], len(spec)]
    return {"boxes": tf.ensure_shape(found, [*static, 4]), "labels": tf.ensure_shape(labels, static)}


def _into(places: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
    return tf.stack([places[:, 0], tf.gather_nd(slots, places)], 1)


def _answers(spec: Spec, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """slots (B, M) int32, -1 without extent or outside; answers (B, M, 4). As `YoloTargets._answers`."""
    low, high = tf.split(boxes, 2, axis=-1)
    size, centre = high - low, 0.5 * (low + high)
    fits = tf.reduce_all((size > 0) & (centre >= 0) & (centre <= 1), -1)
    safe = tf.where(fits[..., None], size, 1)
    every = tf.constant(np.concatenate(spec.shapes), boxes.dtype)
    common = tf.reduce_prod(tf.minimum(safe[..., None, :], every), -1)
    union = tf.reduce_prod(safe, -1)[..., None] + tf.reduce_prod(every, -1) - common
    anchor = tf.argmax(common / union, -1, output_type=tf.int32)
    wide, tall, several, start, own = (tf.gather(tf.constant(part), anchor) for part in spec.columns())
    cells = tf.cast(tf.stack([wide, tall], -1), boxes.dtype)
    place = tf.where(fits[..., None], centre, 0) * cells
    cell = tf.minimum(tf.floor(place), cells - 1)
    growth = safe if spec.version == "v1" else tf.math.log(safe / tf.gather(every, anchor))
    column, row = tf.unstack(tf.cast(cell, tf.int32), num=2, axis=-1)
    slots = tf.where(fits, start + (row * wide + column) * several + own, -1)
    return slots, tf.concat([place - cell, growth], -1)
