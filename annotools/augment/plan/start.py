"""From samples to drafts: the draft of untouched images, and two pictures' images in one draft."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.graph.checks import checked
from annotools.augment.plan.box_policy import ABSENT, ALIVE, BoxPolicy, code
from annotools.augment.plan.draft import EVERYWHERE, Draft, at_origin
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.sample import Sample
from annotools.errors import OptionError

_UNMOVED = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
BOX_SLACK = 1.0  # pixels a box may stick out of its image before it is an error and not rounding
PAD = -1  # boxes, labels and ids of rows without object


def start(
    sample: Sample, kind: Kind, policy: BoxPolicy, epoch: tf.Tensor | int, partners: tuple[Sample, ...] = ()
) -> Draft:
    """The draft of untouched images. Boxes are cut to them; those without area are dropped as degenerate.

    A box that sticks out by more than a pixel, or is not finite, raises InvalidArgumentError with the names
    of the images.
    """
    size = tf.reverse(tf.cast(sample.size, tf.float64), graph_ops.constant((1,)))
    images = at_origin(size)
    windows = graph_ops.expand(images, 1)
    absent = sample.labels < graph_ops.constant(0)
    given = tf.cast(graph_ops.choose(graph_ops.expand(absent), 0.0, sample.boxes), tf.float64)
    boxes = graph_boxes.clip(given, windows)
    in_range = tf.abs(given - boxes) <= graph_ops.constant(BOX_SLACK, tf.float64)  # NaN is not
    is_good = graph_ops.every(in_range)
    problem = "boxes outside their image (expected xyxy in pixels) in"
    boxes = checked(boxes, is_good, problem, sample.name, given)
    has_area = graph_boxes.area(boxes) > graph_ops.constant(0.0, tf.float64)
    status = graph_ops.choose(has_area, graph_ops.constant(ALIVE), code("degenerate"))
    if sample.encoded.dtype == tf.string:
        jpeg = tf.strings.substr(sample.encoded, 0, 3) == b"\xff\xd8\xff"  # the bytes decide, not a name
    else:
        jpeg = graph_ops.zeros(sample.name == "")
    return Draft(
        kind=kind,
        sources=(sample.encoded,),
        sizes=graph_ops.expand(tf.cast(sample.size, tf.int32), 1),
        jpeg=graph_ops.expand(jpeg),
        matrices=graph_ops.constant(_UNMOVED, tf.float64)
        + graph_ops.reshape(graph_ops.zeros(size), [-1, 1, 2, 1]),
        windows=windows,
        canvas=size,
        frame=graph_ops.zeros(images) + graph_ops.constant(EVERYWHERE, tf.float64),
        boxes=boxes,
        layer=graph_ops.zeros(tf.range(graph_ops.length(boxes, 1))),
        labels=sample.labels,
        difficult=sample.difficult,
        ids=sample.ids,
        status=graph_ops.choose(absent, ABSENT, status),
        epoch=tf.cast(epoch, tf.int64),
        policy=policy,
        partners=partners,
        blend=(tf.ones_like(sample.name == "", tf.float32),),
    )


def joined(draft: Draft, other: Draft, *, group: int, blend: tuple[tf.Tensor, ...]) -> Draft:
    """Both pictures' images and objects on the canvas of `draft`."""
    if draft.warp is not None or other.warp is not None:
        problem = "a perspective comes behind ops that join images"
        raise OptionError(problem, field="ops", expected="Mosaic, MixUp and CopyPaste first")
    fields = ("sizes", "jpeg", "matrices", "windows", "boxes", "labels", "difficult", "ids", "status")
    together = {name: tf.concat([getattr(draft, name), getattr(other, name)], 1) for name in fields}
    groups = draft.groups + (group,) * len(other.groups)
    return draft.of_kind(groups=groups, turned=draft.kind.turned or other.kind.turned).replace(
        **together,
        ellipse=draft.ellipse or other.ellipse,
        sources=draft.sources + other.sources,
        layer=tf.concat([draft.layer, other.layer + len(draft.groups)], 0),
        blend=blend,
        cut=True,
    )


def with_a_row(samples: Sample) -> Sample:
    """The samples with at least one row for objects, for the reason in `_erased`."""
    missing = tf.maximum(graph_ops.constant(1) - graph_ops.length(samples.labels, 1), graph_ops.constant(0))
    around = graph_ops.concat([graph_ops.constant((0, 0, 0)), tf.expand_dims(missing, 0)], 0)
    paddings = graph_ops.reshape(around, [2, 2])
    box_paddings = graph_ops.concat([paddings, graph_ops.constant(((0, 0),))], 0)

    def padded(values: tf.Tensor, padding: float | bool = False) -> tf.Tensor:
        both = paddings if values.shape.rank == 2 else box_paddings
        return tf.raw_ops.PadV2(input=values, paddings=both, constant_values=graph_ops.like(padding, values))

    return samples._replace(
        boxes=padded(samples.boxes),
        labels=padded(samples.labels, PAD),
        difficult=padded(samples.difficult),
        ids=padded(samples.ids, PAD),
    )
