"""Decoding: the window of an image that a picture needs."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.plan.windows import OTHER


def read_window(source: tf.Tensor, read: tf.Tensor, decoder: tf.Tensor) -> tf.Tensor:
    """(height, width, 3) uint8 pixels of `read` (4,) int32 y, x, height, width, as the JPEG is decoded at 1 /
    2^decoder.

    A JPEG is decoded inside the window only. Other formats are decoded whole; an animation gives its first
    frame.
    """

    def cut(pixels: tf.Tensor) -> tf.Tensor:
        low, size = graph_ops.split(read, 2)
        return tf.slice(
            pixels,
            graph_ops.concat([low, graph_ops.constant((0,))]),
            graph_ops.concat([size, graph_ops.constant((3,))]),
        )

    if source.dtype != tf.string:
        return cut(source)

    def jpeg(ratio: int) -> Callable[[], tf.Tensor]:
        return lambda: tf.io.decode_and_crop_jpeg(source, read, channels=3, ratio=ratio)

    def other() -> tf.Tensor:
        return cut(tf.io.decode_image(source, channels=3, expand_animations=False))

    branches = {0: jpeg(1), 1: jpeg(2), 2: jpeg(4), 3: jpeg(8), OTHER: other}
    pixels = tf.switch_case(decoder, list(branches.values()))
    return tf.ensure_shape(pixels, [None, None, 3])
