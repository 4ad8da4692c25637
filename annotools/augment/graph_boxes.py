"""The functions of `annotools.boxes` for TensorFlow graphs: same names, same conventions, any float dtype.

Every function takes any number of leading dimensions, so one call serves a whole batch. Sums over the two
axes of the plane are written out: a reduction or a product of small matrices may add in another order, or
fused, for another batch size, and then the same image would not give the same bits in every batch.
"""

from __future__ import annotations

import tensorflow as tf

from annotools.boxes import Shape, check_format


def area(boxes: tf.Tensor) -> tf.Tensor:
    """(..., 4) -> (...) square pixels, 0 without extent."""
    sides = tf.nn.relu(boxes[..., 2:] - boxes[..., :2])
    return sides[..., 0] * sides[..., 1]


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(..., R, 4) and (..., S, 4) -> (..., R, S)."""
    common = intersection_area(boxes, others)
    union = area(boxes)[..., :, None] + area(others)[..., None, :] - common
    return tf.math.divide_no_nan(common, union)


def intersection_area(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(..., R, 4) and (..., S, 4) -> (..., R, S) square pixels."""
    x1, y1, x2, y2 = tf.unstack(boxes[..., :, None, :], axis=-1)
    left, top, right, bottom = tf.unstack(others[..., None, :, :], axis=-1)
    width = tf.nn.relu(tf.minimum(x2, right) - tf.maximum(x1, left))
    return width * tf.nn.relu(tf.minimum(y2, bottom) - tf.maximum(y1, top))


def clip(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(..., 4) cut to `window` (..., 4)."""
    low = tf.concat([window[..., :2], window[..., :2]], -1)
    high = tf.concat([window[..., 2:], window[..., 2:]], -1)
    return tf.minimum(tf.maximum(boxes, low), high)


def intersection(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """(..., 4) rectangles common to both; without area where there is none."""
    low = tf.maximum(first[..., :2], second[..., :2])
    return tf.concat([low, tf.maximum(tf.minimum(first[..., 2:], second[..., 2:]), low)], -1)


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
    """(..., 4) -> (..., 4): the upright boxes around what `matrix` (..., 2, 3) makes of `boxes`."""
    linear, offset = matrix[..., :2], matrix[..., 2]
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    if shape == "ellipse":
        middle = _sum(linear * ((low + high) / 2)) + offset
        reach = tf.sqrt(_sum(tf.square(linear * ((high - low) / 2))))
        return tf.concat([middle - reach, middle + reach], -1)
    first, second = linear * low, linear * high
    least = _sum(tf.minimum(first, second)) + offset
    most = _sum(tf.maximum(first, second)) + offset
    return tf.concat([least, most], -1)


def _sum(pairs: tf.Tensor) -> tf.Tensor:
    return pairs[..., 0] + pairs[..., 1]


def apply_linear(linear: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """(..., 2, 2) times (..., 2) -> (..., 2)."""
    return _sum(linear * points[..., None, :])


def compose(linear: tf.Tensor, offset: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3), the map that applies `matrix` (..., 2, 3) first and then x -> linear x + offset."""
    moved = linear[..., :, :1] * matrix[..., :1, :] + linear[..., :, 1:] * matrix[..., 1:, :]
    return moved + offset[..., None] * tf.constant([0, 0, 1], matrix.dtype)


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3) -> (..., 2, 3), the way back."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = (a * d - b * c)[..., None, None]
    linear = tf.stack([tf.stack([d, -b], -1), tf.stack([-c, a], -1)], -2) / determinant
    return tf.concat([linear, -apply_linear(linear, matrix[..., 2])[..., None]], -1)


def visible_bounds(boxes: tf.Tensor, matrix: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(..., 4): the tightest upright boxes around the part of each mapped box inside `window`; else zeros.

    boxes (..., 4), matrix (..., 2, 3) and window (..., 4) broadcast. The part is a convex polygon. Its
    corners are among: the box's corners inside the window, the window's corners inside the box, and the
    points where the box's sides cross the window's lines.
    """
    slack = tf.constant(1e-9, boxes.dtype)
    mapped = _corners(boxes, matrix)
    low, high = window[..., None, :2], window[..., None, 2:]
    corner_inside = _both((mapped >= low - slack) & (mapped <= high + slack))

    returned = _corners(window, inverse(matrix))
    box_low, box_high = boxes[..., None, :2], boxes[..., None, 2:]
    window_inside = _both((returned >= box_low - slack) & (returned <= box_high + slack))

    side = tf.roll(mapped, -1, axis=-2) - mapped
    points, valid = [mapped], [corner_inside]
    for axis in (0, 1):
        for edge in (window[..., axis], window[..., axis + 2]):
            gap = edge[..., None] - mapped[..., axis]
            share = tf.math.divide_no_nan(gap, side[..., axis])
            point = mapped + share[..., None] * side
            on_side = (share >= 0) & (share <= 1) & (side[..., axis] != 0)
            points.append(point)
            valid.append(on_side & _both((point >= low - slack) & (point <= high + slack)))
    window_corners = tf.gather(window, [0, 1, 2, 1, 2, 3, 0, 3], axis=-1)
    window_corners = tf.reshape(window_corners, tf.concat([tf.shape(window)[:-1], [4, 2]], 0))
    points.append(window_corners + tf.zeros_like(mapped))
    valid.append(window_inside)

    every, exists = tf.concat(points, -2), tf.concat(valid, -1)[..., None]
    far = tf.constant(1e12, boxes.dtype)
    least = tf.reduce_min(tf.where(exists, every, far), -2)
    most = tf.reduce_max(tf.where(exists, every, -far), -2)
    bounds = clip(tf.concat([least, most], -1), window)
    return tf.where(tf.reduce_any(exists, [-2, -1])[..., None], bounds, tf.zeros_like(bounds))


def _corners(boxes: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """(..., 4, 2), the four corners of each box, mapped, in order around it."""
    x = tf.gather(boxes, [0, 2, 2, 0], axis=-1)[..., None]
    y = tf.gather(boxes, [1, 1, 3, 3], axis=-1)[..., None]
    return x * matrix[..., None, :, 0] + y * matrix[..., None, :, 1] + matrix[..., None, :, 2]


def _both(flags: tf.Tensor) -> tf.Tensor:
    return flags[..., 0] & flags[..., 1]
