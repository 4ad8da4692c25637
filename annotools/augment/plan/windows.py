"""Which whole pixels are read and where they go, for each image of a picture."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.plan.draft import Draft

OTHER = 4  # in `Plan.decoder`: not a JPEG
_NUDGE = 1e-6  # decides ties of rounding the same way on both sides of an edge that two tiles share


def place_upright(draft: Draft, view: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """(matrices, decoder, reads, targets, shown) of `Plan`, with maps that take exactly the pixels read to
    the target.

    Rounding the windows and only then deriving the map is what keeps image and boxes together: both use the
    rounded numbers. It moves an edge by less than half a pixel of the image or of the output.
    """
    back = graph_boxes.inverse(draft.matrices)
    view = graph_ops.expand(view, 1)
    one = graph_ops.constant(1.0, tf.float64)
    visible = graph_boxes.intersection(graph_boxes.affine(view, back), draft.windows)
    target = graph_boxes.intersection(graph_boxes.affine(visible, draft.matrices), view)

    canvas = graph_ops.expand(draft.canvas, 1)
    target_low, target_high = graph_boxes.halves(target)
    low = tf.minimum(nearest(target_low), canvas - one)
    high = tf.minimum(tf.maximum(nearest(target_high), low + one), canvas)
    of_x, of_y, _ = tf.unstack(tf.abs(back), num=3, axis=-1)
    halvings = _halvings(draft, tf.raw_ops.Min(input=of_x + of_y, axis=graph_ops.constant(-1)))
    step, size, limit = _scaled_sizes(draft, halvings)
    visible_low, visible_high = graph_boxes.halves(visible)
    read_low = tf.minimum(nearest(visible_low / step), limit - one)
    reach = tf.where(
        visible_high > size - graph_ops.constant(0.5, tf.float64), limit, nearest(visible_high / step)
    )
    read_high = tf.minimum(tf.maximum(reach, read_low + one), limit)

    scale = graph_ops.expand(high - low) / graph_ops.expand((read_high - read_low) * step, -2)
    signs, _ = graph_ops.split(tf.sign(draft.matrices), [2, 1])
    linear = signs * scale
    two = graph_ops.constant(2.0, tf.float64)
    middle = (read_low + read_high) * step / two
    offset = (low + high) / two - graph_boxes.apply_linear(linear, middle)
    matrices = graph_ops.concat([linear, graph_ops.expand(offset)])
    targets = tf.cast(graph_ops.concat([low, high]), tf.int32)
    return matrices, _decoder(draft, halvings), _reads(read_low, read_high), targets, _shown(visible)


def place_turned(draft: Draft, view: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The same for maps that turn: the window around everything that may be seen, two pixels wider; the map
    stays.
    """
    back = graph_boxes.inverse(draft.matrices)
    visible = graph_boxes.intersection(graph_boxes.affine(view[:, None], back), draft.windows)
    if draft.warp is not None:  # the way back of the view may lie behind the horizon: all that there is
        visible = draft.windows
    a, b = draft.matrices[..., 0, 0], draft.matrices[..., 0, 1]
    c, d = draft.matrices[..., 1, 0], draft.matrices[..., 1, 1]
    total = a * a + b * b + c * c + d * d
    # the largest singular value: how much the map stretches the direction that it stretches most
    stretch = tf.sqrt((total + tf.sqrt(tf.maximum(total * total - 4 * (a * d - b * c) ** 2, 0.0))) / 2)
    halvings = _halvings(draft, 1 / stretch if draft.warp is None else tf.ones_like(stretch))
    step, _, limit = _scaled_sizes(draft, halvings)
    low = tf.minimum(tf.maximum(tf.floor(visible[..., :2] / step) - 2, 0.0), limit - 1)
    high = tf.minimum(tf.maximum(tf.math.ceil(visible[..., 2:] / step) + 2, low + 1), limit)
    around = tf.concat([tf.floor(view[:, :2]), tf.math.ceil(view[:, 2:])], 1)
    targets = tf.cast(tf.tile(around[:, None], [1, len(draft.groups), 1]), tf.int32)
    return draft.matrices, _decoder(draft, halvings), _reads(low, high), targets, _shown(visible)


def nearest(numbers: tf.Tensor) -> tf.Tensor:
    """Rounded, halves up."""
    return tf.floor(numbers + graph_ops.like(0.5 + _NUDGE, numbers))


def _halvings(draft: Draft, step: tf.Tensor) -> tf.Tensor:
    """(B, K) int32 in 0..3: how often a JPEG may be halved in decoding, `step` of its pixels making an output
    pixel.
    """
    enough = graph_ops.expand(step + graph_ops.like(_NUDGE, step)) >= graph_ops.constant(
        (2.0, 4.0, 8.0), tf.float64
    )
    return graph_ops.total(tf.cast(enough, tf.int32)) * tf.cast(draft.jpeg, tf.int32)


def _scaled_sizes(draft: Draft, halvings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(B, K, 1) pixels of the image in one decoded pixel; (B, K, 2) its width and height; the same as
    decoded.
    """
    step = graph_ops.expand(tf.cast(tf.bitwise.left_shift(graph_ops.constant(1), halvings), tf.float64))
    size = tf.cast(tf.reverse(draft.sizes, graph_ops.constant((-1,))), tf.float64)
    return step, size, tf.math.ceil(size / step)  # the last decoded pixel may be only partly inside the image


def _decoder(draft: Draft, halvings: tf.Tensor) -> tf.Tensor:
    return graph_ops.choose(draft.jpeg, halvings, OTHER)


def _reads(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    xyxy = graph_ops.concat([low, high - low])
    return tf.cast(graph_ops.gather(xyxy, (1, 0, 3, 2), axis=-1), tf.int32)


def _shown(visible: tf.Tensor) -> tf.Tensor:
    low, high = graph_boxes.halves(visible)
    return graph_ops.every(high - low > graph_ops.like(_NUDGE, low))
