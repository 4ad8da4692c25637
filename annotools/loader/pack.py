"""From plans to the rows of a batch: fixed shapes, padding, and what was left out."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from annotools.augment import DROP_REASONS, Plan, Sample, graph_boxes
from annotools.loader.parse import checked

Overflow = Literal["error", "drop_smallest"]
KeepDifficult = Literal["keep", "drop", "ignore"]

PAD = -1
"""Boxes and labels of the rows of a batch that hold no object, as Keras has it."""
IGNORE = -2
"""The label of an object that is neither object nor background, as KerasHub's label encoder has it."""
LEFT_OUT = (*DROP_REASONS, "difficult", "max-boxes")
"""Why an object of a record is not in a batch: the columns of `left_out`."""


def without_difficult(samples: Sample) -> Sample:
    """The samples (of a batch) without their difficult objects."""
    return samples._replace(labels=tf.where(samples.difficult, PAD, samples.labels))


def pack(
    plan: Plan,
    names: tf.Tensor,
    *,
    max_boxes: int,
    overflow: Overflow,
    keep_difficult: KeepDifficult,
    box_format: str,
    difficult_dropped: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """boxes (B, M, 4) float32, labels (B, M) int32, num_boxes (B,) int32, left_out (B, len(LEFT_OUT)) int32;
    and which rows of the plan these are, (B, up to M) int32.

    More than M objects raise InvalidArgumentError with the image's name, or lose those of the smallest area
    in the output, of equal ones the last.
    """
    labels = tf.where(plan.ignore, IGNORE, plan.labels)
    if keep_difficult == "ignore":
        labels = tf.where(plan.difficult, IGNORE, labels)
    boxes, count = plan.boxes, plan.num_boxes
    rows = tf.range(tf.shape(boxes)[1])
    if overflow == "error":
        problem = (
            f"more than max_boxes={max_boxes} objects (overflow='drop_smallest' leaves out the smallest) in"
        )
        boxes = checked(boxes, count <= max_boxes, problem, names, count)
        keep = tf.zeros_like(labels)[:, :max_boxes] + rows[:max_boxes]
    else:
        areas = tf.where(rows < count[:, None], graph_boxes.area(boxes), -1.0)
        order = tf.argsort(areas, direction="DESCENDING", stable=True)
        keep = tf.sort(order[:, :max_boxes], 1)
    boxes, labels = tf.gather(boxes, keep, batch_dims=1), tf.gather(labels, keep, batch_dims=1)
    kept = tf.minimum(count, max_boxes)
    room = max_boxes - tf.shape(keep)[1]
    boxes = graph_boxes.convert(boxes, "xyxy", box_format, image_size=plan.size[0])
    is_object = tf.range(max_boxes) < kept[:, None]
    boxes = tf.where(is_object[..., None], tf.pad(boxes, [[0, 0], [0, room], [0, 0]]), PAD)
    labels = tf.where(is_object, tf.pad(labels, [[0, 0], [0, room]]), PAD)
    values = {
        "boxes": tf.ensure_shape(boxes, [None, max_boxes, 4]),
        "labels": tf.ensure_shape(labels, [None, max_boxes]),
        "num_boxes": kept,
        "left_out": tf.concat([plan.drops, difficult_dropped[:, None], (count - kept)[:, None]], 1),
    }
    return values, keep
