"""From plans to the rows of a batch: fixed shapes, padding, and what was left out."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment import DROP_REASONS, Plan, Sample
from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.graph.checks import checked
from annotools.augment.plan.kind import Color
from annotools.loader.extras import OF_OBJECTS, extras_of_objects
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
    is_relative = options.box_format.startswith("rel_")
    size = padded_size(plan.size[0], options.pad_to_multiple) if is_relative else None
    boxes = graph_boxes.convert(boxes, "xyxy", options.box_format, image_size=size)
    boxes, labels = padded(boxes, kept, max_boxes, PAD), padded(labels, kept, max_boxes, PAD)
    extras = extras_of_objects(plan) if set(options.extras) & OF_OBJECTS.keys() else {}
    for name in set(options.extras) & OF_OBJECTS.keys():
        found = graph_ops.gather(extras[name], keep, axis=1, batch_dims=1)
        extras[name] = padded(found, kept, max_boxes, OF_OBJECTS[name])
    values = extras | {
        "boxes": tf.ensure_shape(boxes, [None, max_boxes, 4]),
        "labels": tf.ensure_shape(labels, [None, max_boxes]),
        "num_boxes": graph_ops.reshape(kept, [-1]),
        "left_out": graph_ops.concat([plan.drops, graph_ops.expand(dropped), counts - kept]),
    }
    return values, keep


def padded(values: tf.Tensor, count: tf.Tensor, rows: int, padding: float | bool) -> tf.Tensor:
    """(B, rows, ...) of values (B, up to rows, ...), the first count (B, 1) of each image, then padding."""
    places = graph_ops.constant(tuple(range(rows)))
    # up to `rows` of anything, which are then overwritten
    every = tf.minimum(places, graph_ops.length(values, 1) - graph_ops.constant(1))
    kept = places < count if values.shape.rank == 2 else graph_ops.expand(places < count)
    return graph_ops.choose(kept, graph_ops.gather(values, every, axis=1), padding)


def padded_size(size: tf.Tensor, multiple: int) -> tf.Tensor:
    """(2,) the next multiples of both sides."""
    return size if multiple == 1 else -(-size // multiple) * multiple


def padded_images(images: tf.Tensor, multiple: int, fill: Color) -> tf.Tensor:
    """(B, H', W', 3), fill below and to the right up to multiples; static where H, W are."""
    height, width = images.shape[1:3]
    sides = tf.shape(images)
    color = tf.constant(fill, images.dtype)
    for axis in (1, 2):
        missing = (-sides[axis]) % multiple
        shape = tf.tensor_scatter_nd_update(tf.shape(images), [[axis]], [missing])
        images = tf.concat([images, tf.broadcast_to(color, shape)], axis)
    known = [None if side is None else -(-side // multiple) * multiple for side in (height, width)]
    return tf.ensure_shape(images, [None, *known, 3])
