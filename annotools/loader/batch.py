"""From plans to the rows of a batch: fixed shapes, padding, and what was left out."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment import DROP_REASONS, Plan, Sample
from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.graph.checks import checked
from annotools.loader.options import LoaderOptions

PAD = -1
"""Boxes and labels of the rows of a batch that hold no object, as Keras has it."""
IGNORE = -2
"""The label of an object that is neither object nor background, as KerasHub's label encoder has it."""
LEFT_OUT = (*DROP_REASONS, "difficult", "max-boxes")
"""Why an object of a record is not in a batch: the columns of `left_out`."""


def without_difficult(samples: Sample) -> Sample:
    """The samples (of a batch) without their difficult objects."""
    return samples._replace(labels=tf.where(samples.difficult, PAD, samples.labels))


def rows_of(
    plan: Plan, names: tf.Tensor, dropped: tf.Tensor, max_boxes: int, options: LoaderOptions
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """boxes (B, M, 4) float32, labels (B, M) int32, num_boxes (B,) int32, left_out (B, len(LEFT_OUT)) int32;
    and which rows of the plan these are, (B, up to M) int32.

    names (B,) of the images, dropped (B,) int32 how many difficult objects were left out before the plan.

    More than M objects raise InvalidArgumentError with the image's name, or lose those of the smallest area
    in the output, of equal ones the last.
    """
    labels = graph_ops.choose(plan.ignore, IGNORE, plan.labels)
    if options.keep_difficult == "ignore":
        labels = graph_ops.choose(plan.difficult, IGNORE, labels)
    boxes, count = plan.boxes, plan.num_boxes
    counts = graph_ops.expand(count)
    rows = tf.range(graph_ops.length(boxes, 1))
    if options.overflow == "error":
        problem = (
            f"more than max_boxes={max_boxes} objects (overflow='drop_smallest' leaves out the smallest) in"
        )
        boxes = checked(boxes, count <= graph_ops.constant(max_boxes), problem, names, count)
        keep = (graph_ops.zeros(labels) + rows)[:, :max_boxes]
    else:
        areas = tf.where(rows < counts, graph_boxes.area(boxes), -1.0)
        order = tf.argsort(areas, direction="DESCENDING", stable=True)
        keep = tf.sort(order[:, :max_boxes], 1)
    boxes = graph_ops.gather(boxes, keep, axis=1, batch_dims=1)
    labels = graph_ops.gather(labels, keep, axis=1, batch_dims=1)
    kept = tf.minimum(counts, graph_ops.constant(max_boxes))
    size = plan.size[0] if options.box_format.startswith("rel_") else None
    boxes = graph_boxes.convert(boxes, "xyxy", options.box_format, image_size=size)
    # up to M rows of anything, which are then overwritten
    every = tf.minimum(
        graph_ops.constant(tuple(range(max_boxes))), graph_ops.length(keep, 1) - graph_ops.constant(1)
    )
    is_object = graph_ops.constant(tuple(range(max_boxes))) < kept
    boxes = graph_ops.choose(graph_ops.expand(is_object), graph_ops.gather(boxes, every, axis=1), PAD)
    labels = graph_ops.choose(is_object, graph_ops.gather(labels, every, axis=1), PAD)
    values = {
        "boxes": tf.ensure_shape(boxes, [None, max_boxes, 4]),
        "labels": tf.ensure_shape(labels, [None, max_boxes]),
        "num_boxes": graph_ops.reshape(kept, [-1]),
        "left_out": graph_ops.concat([plan.drops, graph_ops.expand(dropped), counts - kept]),
    }
    return values, keep
