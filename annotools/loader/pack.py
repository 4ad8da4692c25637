"""From one planned picture to one row of a batch: fixed shapes, padding, and what was left out."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from annotools.augment import DROP_REASONS, Plan, Sample, graph_boxes

Overflow = Literal["error", "drop_smallest"]
KeepDifficult = Literal["keep", "drop", "ignore"]

PAD = -1
"""Boxes and labels of the rows of a batch that hold no object, as Keras has it."""
IGNORE = -2
"""The label of an object that is neither object nor background, as KerasHub's label encoder has it."""
LEFT_OUT = (*DROP_REASONS, "difficult", "max-boxes")
"""Why an object of a record is not in a batch: the columns of `left_out`."""


def without_difficult(sample: Sample) -> Sample:
    """The sample without its difficult objects."""
    keep = tf.where(~sample.difficult)[:, 0]
    return sample._replace(
        boxes=tf.gather(sample.boxes, keep),
        labels=tf.gather(sample.labels, keep),
        difficult=tf.gather(sample.difficult, keep),
        ids=tf.gather(sample.ids, keep),
    )


def pack(
    plan: Plan,
    name: tf.Tensor,
    *,
    max_boxes: int,
    overflow: Overflow,
    keep_difficult: KeepDifficult,
    box_format: str,
    difficult_dropped: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """boxes (M, 4) float32, labels (M,) int32, num_boxes () int32, left_out (len(LEFT_OUT),) int32; and which
    of the plan's objects these are.

    More than M objects raise InvalidArgumentError with the image's name, or lose those of the smallest area
    in the output, of equal ones the last.
    """
    boxes = plan.boxes
    ignore = plan.ignore
    if keep_difficult == "ignore":
        ignore |= plan.difficult
    labels = tf.where(ignore, IGNORE, plan.labels)
    count = tf.shape(boxes)[0]
    keep = tf.range(count)
    if overflow == "error":
        tf.debugging.Assert(
            count <= max_boxes,
            [
                f"more than max_boxes={max_boxes} objects (overflow='drop_smallest' leaves out the smallest)",
                name,
                count,
            ],
        )
    else:
        order = tf.argsort(graph_boxes.area(boxes), direction="DESCENDING", stable=True)
        keep = tf.sort(order[:max_boxes])
        boxes, labels = tf.gather(boxes, keep), tf.gather(labels, keep)
    kept = tf.shape(boxes)[0]
    left_out = tf.concat([plan.drops, [difficult_dropped, count - kept]], 0)
    boxes = graph_boxes.convert(boxes, "xyxy", box_format, image_size=plan.size)
    room = max_boxes - kept
    row = {
        "boxes": tf.ensure_shape(tf.pad(boxes, [[0, room], [0, 0]], constant_values=PAD), [max_boxes, 4]),
        "labels": tf.ensure_shape(tf.pad(labels, [[0, room]], constant_values=PAD), [max_boxes]),
        "num_boxes": kept,
        "left_out": tf.ensure_shape(left_out, [len(LEFT_OUT)]),
    }
    return row, keep
