"""Stateless draws: every number is a function of (user seed, epoch, example id, op index) and nothing else.

Philox is pinned, so that the stream does not depend on the device
(https://www.tensorflow.org/guide/random_numbers).
"""

from __future__ import annotations

import tensorflow as tf

PHILOX = 1  # tf.random.Algorithm.PHILOX


def fold_in(seed: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """A new seed (2,) int64 from a seed and a number.

    The number must enter as int64: `tf.random.fold_in` hashes in the dtype of the data, and an int32 leaves
    32 bits.
    """
    return tf.random.fold_in(seed, tf.cast(data, tf.int64), alg="philox")


def example_seed(
    user_seed: tf.Tensor | int, epoch: tf.Tensor | int, example_id: tf.Tensor | int
) -> tf.Tensor:
    """The seed (2,) int64 of one example in one epoch; `example_id`: the record's number, not its place."""
    pair = tf.stack([tf.cast(user_seed, tf.int64), tf.cast(epoch, tf.int64)])
    return fold_in(pair, example_id)


def uniform(seed: tf.Tensor, count: int) -> tf.Tensor:
    """(count,) float32 in [0, 1). One draw per op call: a second draw from the same seed gives the same
    numbers.
    """
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return tf.raw_ops.StatelessRandomUniformV2(shape=[count], key=key, counter=counter, alg=PHILOX)


def gamma(seed: tf.Tensor, alpha: float, count: int) -> tf.Tensor:
    """(count,) float32 from the gamma distribution of shape `alpha` and scale 1."""
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return tf.raw_ops.StatelessRandomGammaV3(
        shape=[count], key=key, counter=counter, alg=PHILOX, alpha=tf.constant(alpha, tf.float32)
    )
