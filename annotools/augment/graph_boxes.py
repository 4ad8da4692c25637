"""The functions of `annotools.boxes` for TensorFlow graphs: same names, same conventions, any float dtype.

`matrix` may be (2, 3) for all boxes or (R, 2, 3), one for each.
"""

from __future__ import annotations

import tensorflow as tf

from annotools.boxes import Shape, check_format


def area(boxes: tf.Tensor) -> tf.Tensor:
    """(..., 4) -> (...) square pixels, 0 without extent."""
    sides = tf.nn.relu(boxes[..., 2:] - boxes[..., :2])
    return sides[..., 0] * sides[..., 1]


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(R, 4) and (S, 4) -> (R, S)."""
    low = tf.maximum(boxes[:, None, :2], others[None, :, :2])
    high = tf.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = tf.reduce_prod(tf.nn.relu(high - low), axis=-1)
    union = area(boxes)[:, None] + area(others)[None, :] - common
    return tf.math.divide_no_nan(common, union)


def clip(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(R, 4) cut to `window`, (4,) or (R, 4)."""
    low = tf.concat([window[..., :2], window[..., :2]], -1)
    high = tf.concat([window[..., 2:], window[..., 2:]], -1)
    return tf.minimum(tf.maximum(boxes, low), high)


def convert(
    boxes: tf.Tensor, source: str, target: str, *, image_size: tuple[int, int] | tf.Tensor | None = None
) -> tf.Tensor:
    """(..., 4) from one Keras box format to another; `image_size` (H, W) matters for `rel_` only."""
    check_format(source)
    check_format(target)
    if source == target:
        return boxes
    scale = tf.ones([4], boxes.dtype)
    if image_size is not None:
        height_width = tf.cast(image_size, boxes.dtype)
        scale = tf.concat([height_width[::-1], height_width[::-1]], 0)
    return _from_corners(_to_corners(boxes, source, scale), target, scale)


def _swap_axes(boxes: tf.Tensor) -> tf.Tensor:
    return tf.gather(boxes, [1, 0, 3, 2], axis=-1)


def _to_corners(boxes: tf.Tensor, source: str, scale: tf.Tensor) -> tf.Tensor:
    kind = source.removeprefix("rel_")
    if kind in ("yxyx", "center_yxhw"):
        boxes = _swap_axes(boxes)
    if source.startswith("rel_"):
        boxes = boxes * scale
    first, second = boxes[..., :2], boxes[..., 2:]
    if kind == "xywh":
        return tf.concat([first, first + second], -1)
    if kind.startswith("center"):
        return tf.concat([first - second / 2, first + second / 2], -1)
    return boxes


def _from_corners(corners: tf.Tensor, target: str, scale: tf.Tensor) -> tf.Tensor:
    kind = target.removeprefix("rel_")
    low, high = corners[..., :2], corners[..., 2:]
    boxes = corners
    if kind == "xywh":
        boxes = tf.concat([low, high - low], -1)
    elif kind.startswith("center"):
        boxes = tf.concat([(low + high) / 2, high - low], -1)
    if target.startswith("rel_"):
        boxes = boxes / scale
    if kind in ("yxyx", "center_yxhw"):
        boxes = _swap_axes(boxes)
    return boxes


def affine(boxes: tf.Tensor, matrix: tf.Tensor, *, shape: Shape = "corner") -> tf.Tensor:
    """(R, 4): the upright boxes around what `matrix` makes of `boxes`."""
    linear, offset = matrix[..., :2], matrix[..., 2]
    if shape == "ellipse":
        center = (boxes[:, :2] + boxes[:, 2:]) / 2
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        middle = tf.reduce_sum(linear * center[:, None, :], -1) + offset
        reach = tf.sqrt(tf.reduce_sum(tf.square(linear * half[:, None, :]), -1))
        return tf.concat([middle - reach, middle + reach], -1)
    first = linear * boxes[:, None, :2]
    second = linear * boxes[:, None, 2:]
    low = tf.reduce_sum(tf.minimum(first, second), -1) + offset
    high = tf.reduce_sum(tf.maximum(first, second), -1) + offset
    return tf.concat([low, high], -1)


def compose(linear: tf.Tensor, offset: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """The map that applies `matrix` (..., 2, 3) first and then x -> linear x + offset."""
    shift = tf.concat([tf.zeros([2, 2], matrix.dtype), offset[:, None]], 1)
    return tf.matmul(linear, matrix) + shift


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3) -> (..., 2, 3), the way back."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = (a * d - b * c)[..., None, None]
    linear = tf.stack([tf.stack([d, -b], -1), tf.stack([-c, a], -1)], -2) / determinant
    offset = -tf.reduce_sum(linear * matrix[..., None, :, 2], -1)
    return tf.concat([linear, offset[..., None]], -1)


def visible_bounds(boxes: tf.Tensor, matrix: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(R, 4): the tightest upright boxes around the part of each mapped box inside `window` (4,); else zeros.

    The part is a convex polygon. Its corners are among: the box's corners inside the window, the window's
    corners inside the box, and the points where the box's sides cross the window's lines.
    """
    matrix = tf.broadcast_to(matrix, [tf.shape(boxes)[0], 2, 3])
    slack = tf.constant(1e-9, boxes.dtype)
    corners = tf.reshape(tf.gather(boxes, [0, 1, 2, 1, 2, 3, 0, 3], axis=1), [-1, 4, 2])
    mapped = tf.matmul(corners, matrix[..., :2], transpose_b=True) + matrix[:, None, :, 2]

    low, high = window[:2] - slack, window[2:] + slack
    corner_inside = tf.reduce_all((mapped >= low) & (mapped <= high), -1)

    window_corners = tf.reshape(tf.gather(window, [0, 1, 2, 1, 2, 3, 0, 3]), [4, 2])
    back = inverse(matrix)
    returned = tf.matmul(window_corners[None], back[..., :2], transpose_b=True) + back[:, None, :, 2]
    window_inside = tf.reduce_all(
        (returned >= boxes[:, None, :2] - slack) & (returned <= boxes[:, None, 2:] + slack), -1
    )

    side = tf.roll(mapped, -1, axis=1) - mapped
    lines = tf.reshape(window, [2, 2])  # (low | high, x | y)
    share = tf.math.divide_no_nan(
        lines - mapped[:, :, None, :], side[:, :, None, :]
    )  # (R, side, low|high, axis)
    point = mapped[:, :, None, None, :] + share[..., None] * side[:, :, None, None, :]
    on_side = (share >= 0) & (share <= 1) & (side[:, :, None, :] != 0)
    crossing_inside = on_side & tf.reduce_all((point >= low) & (point <= high), -1)

    points = tf.concat(
        [mapped, tf.broadcast_to(window_corners, tf.shape(returned)), tf.reshape(point, [-1, 16, 2])], 1
    )
    valid = tf.concat([corner_inside, window_inside, tf.reshape(crossing_inside, [-1, 16])], 1)
    far = tf.constant(1e12, boxes.dtype)
    least = tf.reduce_min(tf.where(valid[..., None], points, far), 1)
    most = tf.reduce_max(tf.where(valid[..., None], points, -far), 1)
    bounds = clip(tf.concat([least, most], -1), window)
    return tf.where(tf.reduce_any(valid, 1)[:, None], bounds, tf.zeros_like(bounds))
