"""The draws of targets/draws.py in TensorFlow: the same bits."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from annotools.targets.draws import FACTORS, STREAM
from annotools.targets.graph.batch import Batch

_IMAGE_BINS = 1 << 31


def _key_of(seed: int, batch: Batch, boxes: tf.Tensor) -> tf.Tensor:
    """(B,) uint32."""
    bits = tf.reduce_sum(tf.bitcast(boxes, tf.int32), [1, 2])  # wraps as unsigned numbers do
    image = tf.zeros_like(bits)
    if batch.image_id is not None:
        image = tf.cast(tf.strings.to_hash_bucket_fast(batch.image_id, _IMAGE_BINS), tf.int32)
    key = tf.bitwise.bitwise_xor(
        _mixed(tf.constant([seed & 0xFFFFFFFF], tf.uint32)), tf.bitcast(image, tf.uint32)
    )
    return _mixed(tf.bitwise.bitwise_xor(_mixed(key), tf.bitcast(bits, tf.uint32)))


def _draws(key: tf.Tensor, stream: int, count: Any) -> tf.Tensor:
    """(B, count) float32 in [0, 1)."""
    number = _mixed(tf.cast(tf.range(count), tf.uint32) + tf.constant(stream * STREAM % 2**32, tf.uint32))
    bits = _mixed(tf.bitwise.bitwise_xor(number[None], key[:, None]))
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2**-24


def _mixed(x: tf.Tensor) -> tf.Tensor:
    first, second = (tf.constant(factor, tf.uint32) for factor in FACTORS)
    x = _folded(x, 16) * first
    x = _folded(x, 15) * second
    return _folded(x, 16)


def _folded(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(bits, tf.uint32)))
