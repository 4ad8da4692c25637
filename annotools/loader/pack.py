"""From plans to the rows of a batch: fixed shapes, padding, and what was left out."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from annotools.augment import DROP_REASONS, Plan, Sample, graph_boxes, lean
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
    labels = lean.choose(plan.ignore, IGNORE, plan.labels)
    if keep_difficult == "ignore":
        labels = lean.choose(plan.difficult, IGNORE, labels)
    boxes, count = plan.boxes, plan.num_boxes
    counts = lean.expand(count)
    rows = tf.range(lean.length(boxes, 1))
    if overflow == "error":
        problem = (
            f"more than max_boxes={max_boxes} objects (overflow='drop_smallest' leaves out the smallest) in"
        )
        boxes = checked(boxes, count <= lean.constant(max_boxes), problem, names, count)
        keep = (lean.zeros(labels) + rows)[:, :max_boxes]
    else:
        areas = tf.where(rows < counts, graph_boxes.area(boxes), -1.0)
        order = tf.argsort(areas, direction="DESCENDING", stable=True)
        keep = tf.sort(order[:, :max_boxes], 1)
    boxes = lean.gather(boxes, keep, axis=1, batch_dims=1)
    labels = lean.gather(labels, keep, axis=1, batch_dims=1)
    kept = tf.minimum(counts, lean.constant(max_boxes))
    size = plan.size[0] if box_format.startswith("rel_") else None
    boxes = graph_boxes.convert(boxes, "xyxy", box_format, image_size=size)
    # up to M rows of anything, which are then overwritten
    every = tf.minimum(lean.constant(tuple(range(max_boxes))), lean.length(keep, 1) - lean.constant(1))
    is_object = lean.constant(tuple(range(max_boxes))) < kept
    boxes = lean.choose(lean.expand(is_object), lean.gather(boxes, every, axis=1), PAD)
    labels = lean.choose(is_object, lean.gather(labels, every, axis=1), PAD)
    values = {
        "boxes": tf.ensure_shape(boxes, [None, max_boxes, 4]),
        "labels": tf.ensure_shape(labels, [None, max_boxes]),
        "num_boxes": lean.reshape(kept, [-1]),
        "left_out": lean.concat([plan.drops, lean.expand(difficult_dropped), counts - kept]),
    }
    return values, keep
