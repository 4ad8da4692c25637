"""The functions of `annotools.boxes` for TensorFlow graphs: same names, same conventions, any float dtype.

Every function takes any number of leading dimensions, so one call serves a whole batch. Sums over the two
axes of the plane are written out: a reduction or a product of small matrices may add in another order, or
fused, for another batch size, and then the same image would not give the same bits in every batch.

Boxes are taken apart with `split` and `unstack`, one operation each. `boxes[..., :2]` is four, and what a
pipeline costs before its first batch is the number of its operations.
"""

from __future__ import annotations

import tensorflow as tf

from annotools.augment.graph import graph_ops, homographies
from annotools.boxes import Shape, check_format


def area(boxes: tf.Tensor) -> tf.Tensor:
    """(..., 4) -> (...) square pixels, 0 without extent."""
    low, high = halves(boxes)
    width, height = tf.unstack(tf.nn.relu(high - low), num=2, axis=-1)
    return width * height


def halves(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(..., 4) -> (..., 2) twice: the low corners and the high ones."""
    low, high = graph_ops.split(boxes, 2)
    return low, high


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(..., R, 4) and (..., S, 4) -> (..., R, S)."""
    common = intersection_area(boxes, others)
    union = graph_ops.expand(area(boxes), -1) + graph_ops.expand(area(others), -2) - common
    return tf.math.divide_no_nan(common, union)


def intersection_area(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(..., R, 4) and (..., S, 4) -> (..., R, S) square pixels."""
    x1, y1, x2, y2 = tf.unstack(graph_ops.expand(boxes, -2), num=4, axis=-1)
    left, top, right, bottom = tf.unstack(graph_ops.expand(others, -3), num=4, axis=-1)
    width = tf.nn.relu(tf.minimum(x2, right) - tf.maximum(x1, left))
    return width * tf.nn.relu(tf.minimum(y2, bottom) - tf.maximum(y1, top))


def clip(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(..., 4) cut to `window` (..., 4)."""
    low, high = halves(window)
    return graph_ops.concat([tf.minimum(tf.maximum(corner, low), high) for corner in halves(boxes)])


def intersection(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """(..., 4) rectangles common to both; without area where there is none."""
    (first_low, first_high), (second_low, second_high) = halves(first), halves(second)
    low = tf.maximum(first_low, second_low)
    return graph_ops.concat([low, tf.maximum(tf.minimum(first_high, second_high), low)])


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
    of_x, of_y, offset = tf.unstack(matrix, num=3, axis=-1)  # columns: what x adds to (x', y'), what y adds
    x1, y1, x2, y2 = graph_ops.split(boxes, 4)
    if shape == "ellipse":
        middle = of_x * ((x1 + x2) / 2) + of_y * ((y1 + y2) / 2) + offset
        reach = tf.sqrt(tf.square(of_x * ((x2 - x1) / 2)) + tf.square(of_y * ((y2 - y1) / 2)))
        return tf.concat([middle - reach, middle + reach], -1)
    left, right, top, bottom = of_x * x1, of_x * x2, of_y * y1, of_y * y2
    least = tf.minimum(left, right) + tf.minimum(top, bottom) + offset
    most = tf.maximum(left, right) + tf.maximum(top, bottom) + offset
    return graph_ops.concat([least, most])


def apply_linear(linear: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """(..., 2, 2) times (..., 2) -> (..., 2)."""
    of_x, of_y = tf.unstack(linear, num=2, axis=-1)
    x, y = graph_ops.split(points, 2)
    return of_x * x + of_y * y


def compose(linear: tf.Tensor, offset: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3), the map that applies `matrix` (..., 2, 3) first and then x -> linear x + offset."""
    of_x, of_y = graph_ops.split(linear, 2)
    x_row, y_row = graph_ops.split(matrix, 2, axis=-2)
    return (
        of_x * x_row + of_y * y_row + graph_ops.expand(offset) * graph_ops.constant((0, 0, 1), matrix.dtype)
    )


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3) -> (..., 2, 3), the way back."""
    of_x, of_y, offset = tf.unstack(matrix, num=3, axis=-1)
    a, c = graph_ops.split(of_x, 2)
    b, d = graph_ops.split(of_y, 2)
    determinant = a * d - b * c
    columns = graph_ops.concat([d, -c]) / determinant, graph_ops.concat([-b, a]) / determinant
    x, y = graph_ops.split(offset, 2)
    return tf.stack([*columns, -(columns[0] * x + columns[1] * y)], -1)


def visible_bounds(boxes: tf.Tensor, matrix: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """(..., 4): the tightest upright boxes around the part of each mapped box inside `window`; else zeros.

    boxes (..., 4), matrix (..., 2, 3) or (..., 3, 3) and window (..., 4) broadcast. The part is a convex
    polygon. Its corners are among: the box's corners inside the window, the window's corners inside the box,
    and the points where the box's sides cross the window's lines.
    """
    slack = graph_ops.like(1e-9, boxes)
    if matrix.shape[-2] == 3:
        mapped, in_front = homographies.corners_of(boxes, matrix)
        returned, is_returned = homographies.corners_of(window, homographies.inverse(matrix))
    else:
        mapped, returned = _corners(boxes, matrix), _corners(window, inverse(matrix))
        in_front, is_returned = None, None
    low, high = halves(graph_ops.expand(window, -2))
    corner_inside = _both((mapped >= low - slack) & (mapped <= high + slack))

    box_low, box_high = halves(graph_ops.expand(boxes, -2))
    window_inside = _both((returned >= box_low - slack) & (returned <= box_high + slack))
    if in_front is not None:
        corner_inside &= in_front
        window_inside &= is_returned

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
    x = graph_ops.expand(graph_ops.gather(boxes, (0, 2, 2, 0), axis=-1))
    y = graph_ops.expand(graph_ops.gather(boxes, (1, 1, 3, 3), axis=-1))
    # not matrix[..., None, :, 0]: of a stack (`inverse`) TensorFlow's graph optimizer makes its first part of
    # that and forgets the new axis
    of_x, of_y, offset = tf.unstack(graph_ops.expand(matrix, -3), num=3, axis=-1)
    return x * of_x + y * of_y + offset


def _both(flags: tf.Tensor) -> tf.Tensor:
    x, y = tf.unstack(flags, num=2, axis=-1)
    return x & y
