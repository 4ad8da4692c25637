"""RoIAlign from what TensorFlow has: `tf.image.crop_and_resize` and a mean."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def roi_align(maps: tf.Tensor, rois: tf.Tensor, stride: float, size: int = 7, samples: int = 2) -> tf.Tensor:
    """(B, H, W, C) and (B, R, 4) xyxy in pixels of the picture -> (B, R, size, size, C).

    The rule of torchvision's `roi_align` with aligned=True (https://arxiv.org/abs/1703.06870): in each of
    size * size parts, samples * samples points in its interior are read between the pixels, whose centres
    lie at whole numbers, and averaged. `crop_and_resize` reads a grid from corner to corner, so the
    corners are moved to the outermost points; and it gives 0 outside of the map, so the map gets one more
    pixel on each side.
    """
    height, width = (tf.cast(part, tf.float32) for part in tf.unstack(tf.shape(maps)[1:3], num=2))
    padded = tf.pad(maps, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    count = size * samples
    corners = tf.reshape(rois, [-1, 4]) / stride - 0.5
    low, high = tf.split(corners, 2, axis=1)
    half = (high - low) / (2 * count)
    points = tf.concat([low + half, high - half], 1) + 1.0
    points = points / tf.stack([width + 1, height + 1, width + 1, height + 1])
    x1, y1, x2, y2 = tf.unstack(points, num=4, axis=1)
    image = tf.repeat(tf.range(tf.shape(maps)[0]), tf.shape(rois)[1])
    crops = tf.image.crop_and_resize(padded, tf.stack([y1, x1, y2, x2], 1), image, [count, count])
    parts = tf.nn.avg_pool2d(crops, samples, samples, "VALID")
    return tf.reshape(parts, [tf.shape(rois)[0], -1, size, size, maps.shape[-1]])


class RoIAlign(keras.layers.Layer):  # type: ignore[misc]
    """`roi_align` as a layer of (maps, rois)."""

    def __init__(self, stride: float, size: int = 7) -> None:
        super().__init__()
        self.stride, self.size = stride, size

    def call(self, maps: tf.Tensor, rois: tf.Tensor) -> tf.Tensor:
        return roi_align(maps, tf.cast(rois, maps.dtype), self.stride, self.size)

    def compute_output_shape(self, maps_shape: Any, rois_shape: Any) -> Any:
        return (maps_shape[0], rois_shape[1], self.size, self.size, maps_shape[-1])
