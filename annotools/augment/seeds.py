"""Stateless draws: every number is a function of (user seed, epoch, example id, op index) and nothing else.

Philox is pinned, so that the stream does not depend on the device. The uniform numbers of an image are drawn
one image at a time, from its own seed; what is made of them may be computed for a batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

PHILOX = 1  # tf.random.Algorithm.PHILOX


class Draws(NamedTuple):
    """seed (2,) int64 of the image; numbers: for each op (n,) float32 in [0, 1), n is the op's `draws`.

    In a batch every tensor has B in front.
    """

    seed: tf.Tensor
    numbers: tuple[tf.Tensor, ...]


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


def uniforms(seed: tf.Tensor, counts: Sequence[int]) -> Draws:
    """The numbers of an image's ops. Each op has a stream of its own (the high word of Philox's counter is
    its index), so a change of one op's needs leaves the others' numbers alone."""
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    numbers = tuple(
        tf.raw_ops.StatelessRandomUniformV2(
            shape=[count],
            key=key,
            counter=counter + tf.constant([0, index + 1], tf.uint64),
            alg=PHILOX,
        )
        for index, count in enumerate(counts)
    )
    return Draws(seed, numbers)
