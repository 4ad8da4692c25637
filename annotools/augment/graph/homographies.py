"""Maps that keep lines straight: (..., 3, 3) float64, of points (x, y, 1), divided by their third number.

Sums are written out for the same bits in every batch size, as in boxes.py. A point is in front where its
third number is positive; under `quadrilateral` all that lies in the unit square is.
"""

from __future__ import annotations

import tensorflow as tf

_NEAREST = 0.05  # what lies behind the horizon is taken for very far away


def lifted(matrix: tf.Tensor) -> tf.Tensor:
    """(..., 2, 3) affine -> (..., 3, 3)."""
    row = tf.zeros_like(matrix[..., :1, :]) + tf.constant([[0.0, 0.0, 1.0]], matrix.dtype)
    return tf.concat([matrix, row], -2)


def product(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """`first` after `second`, both (..., 3, 3), which broadcast."""
    columns = (first[..., :, k : k + 1] * second[..., k : k + 1, :] for k in range(3))
    one, two, three = columns
    return one + two + three


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """(..., 3, 3), the exact one: a point in front comes back in front."""
    (a, b, c), (d, e, f), (g, h, i) = (tf.unstack(row, axis=-1) for row in tf.unstack(matrix, axis=-2))
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * rows[0][0] + b * rows[1][0] + c * rows[2][0]
    return tf.stack([tf.stack(row, -1) for row in rows], -2) / determinant[..., None, None]


def quadrilateral(corners: tf.Tensor) -> tf.Tensor:
    """(B, 4, 2) -> (B, 3, 3), the map of (0, 0), (1, 0), (1, 1), (0, 1) to these."""
    x, y = tf.unstack(corners, axis=-1)
    (x0, x1, x2, x3), (y0, y1, y2, y3) = tf.unstack(x, axis=-1), tf.unstack(y, axis=-1)
    right_x, right_y, down_x, down_y = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = right_x * down_y - down_x * right_y
    g = (sum_x * down_y - down_x * sum_y) / area
    h = (right_x * sum_y - sum_x * right_y) / area
    rows = (
        (x1 - x0 + g * x1, x3 - x0 + h * x3, x0),
        (y1 - y0 + g * y1, y3 - y0 + h * y3, y0),
        (g, h, tf.ones_like(g)),
    )
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


def corners_of(boxes: tf.Tensor, matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(..., 4, 2), the four corners of each box (..., 4), mapped, in order around it; (..., 4) whether each
    is in front."""
    x = tf.gather(boxes, [0, 2, 2, 0], axis=-1)[..., None]
    y = tf.gather(boxes, [1, 1, 3, 3], axis=-1)[..., None]
    of_x, of_y, offset = tf.unstack(matrix[..., None, :, :], axis=-1)
    points = of_x * x + of_y * y + offset
    depth = points[..., 2:]
    return points[..., :2] / tf.maximum(depth, _NEAREST), depth[..., 0] > 0


def bounds(boxes: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """(..., 4) -> (..., 4): the upright boxes around what `matrix` (..., 3, 3) makes of `boxes`."""
    points, _ = corners_of(boxes, matrix)
    return tf.concat([tf.reduce_min(points, -2), tf.reduce_max(points, -2)], -1)
