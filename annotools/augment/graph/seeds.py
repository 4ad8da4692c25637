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
    """A new seed (2,) int64 from a seed and a number: the result of `tf.random.fold_in(..., alg="philox")`.

    The number must enter as int64: that function hashes in the dtype of the data, and an int32 leaves 32
    bits.
    """
    return tf.stack([words(seed, []), tf.cast(data, tf.int64)])


def words(seed: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """int64 of `shape`, any value as likely as another: `tf.random.stateless_uniform(..., alg="philox")` with
    a tenth of its operations. It computes key and counter in the graph; the plain operation, which is pinned
    to the same result on a CPU, does it at once."""
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    numbers: tf.Tensor = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.constant(shape, tf.int32), key=key, counter=counter, alg=PHILOX, dtype=tf.int64
    )
    return numbers


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
