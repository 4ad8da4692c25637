"""The size of an encoded image from its header, inside a graph: where the record does not tell or may lie."""

from __future__ import annotations

import tensorflow as tf


def size_of(encoded: tf.Tensor) -> tf.Tensor:
    """(2,) int32 (H, W) of the image in () string. JPEG and PNG headers are read, other formats decoded."""

    def jpeg() -> tf.Tensor:
        return tf.io.extract_jpeg_shape(encoded)[:2]

    def png() -> tf.Tensor:
        # IHDR is the first chunk: 8 bytes signature, 4 length, 4 name, then width and height, big-endian
        width_height = tf.strings.substr(encoded, 16, 8)
        return tf.io.decode_raw(width_height, tf.int32, little_endian=False)[::-1]

    def other() -> tf.Tensor:
        return tf.shape(tf.io.decode_image(encoded, channels=3, expand_animations=False))[:2]

    magic = tf.strings.substr(encoded, 0, 4)
    is_jpeg = tf.strings.substr(magic, 0, 3) == b"\xff\xd8\xff"
    kind = tf.where(is_jpeg, 0, tf.where(magic == b"\x89PNG", 1, 2))
    return tf.ensure_shape(tf.switch_case(kind, [jpeg, png, other]), [2])
