"""Which image comes when: a function of (seed, epoch, step), without a buffer and without memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment.graph.seeds import fold_in, words
from annotools.errors import OptionError

_SLOTS = 0x736C
"""The stream of numbers from which the slots of an epoch start."""


@dataclass(frozen=True, eq=False)
class Slots:
    """Which image each of the `count` slots of an epoch holds, where images come more or less than once.

    weights  (N,) float64; image i gets the whole number below or above count * weights[i] / sum(weights)

    The weights lie end to end on a line, and the slots are evenly spaced points on it, which begin at another
    place in each epoch: systematic sampling. Equal weights give every image one slot, in order.
    """

    weights: NDArray[np.float64]
    count: int

    def image(self, slots: tf.Tensor, seed: int, epoch: tf.Tensor) -> tf.Tensor:
        """(n,) int64, the number of the image in each of the slots (n,)."""
        points = (tf.cast(slots, tf.float64) + _start(seed, epoch)) * self._step
        found = tf.searchsorted(self._ends, points, side="right", out_type=tf.int64)
        return tf.minimum(found, int(np.flatnonzero(self.weights)[-1]))

    def copy(self, slots: tf.Tensor, seed: int, epoch: tf.Tensor) -> tf.Tensor:
        """(n,) int64, how many slots before each one hold the same image."""
        images = self.image(slots, seed, epoch)
        begin = tf.gather(self._ends, images) - tf.gather(self._weights, images)
        first = tf.cast(tf.floor(begin / self._step - _start(seed, epoch)), tf.int64)
        # rounding may be wrong by one, the line itself cannot
        before = [self.image(first + k, seed, epoch) < images for k in range(-1, 2)]
        return slots - tf.maximum(first - 1 + tf.reduce_sum(tf.cast(before, tf.int64), 0), 0)

    @property
    def _step(self) -> float:
        return float(self.weights.sum()) / self.count

    # eager tensors are captured by the graph as inputs; constants in the graph would be copied with it
    @functools.cached_property
    def _ends(self) -> tf.Tensor:
        with tf.init_scope():
            return tf.constant(np.cumsum(self.weights))

    @functools.cached_property
    def _weights(self) -> tf.Tensor:
        with tf.init_scope():
            return tf.constant(self.weights)


def _start(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """() float64 in [0, 1)"""
    pair = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    word = tf.bitcast(words(fold_in(pair, _SLOTS), []), tf.uint64)
    return tf.cast(tf.bitwise.right_shift(word, tf.constant(11, tf.uint64)), tf.float64) * 2.0**-53


@dataclass(frozen=True, slots=True)
class Order:
    """The order of `count` images in batches of `batch_size`, for worker `shard[0]` of `shard[1]`.

    An epoch is one permutation of all images (`tf.random.experimental.index_shuffle`), dealt out to the
    workers in turn. With `drop_remainder` every worker has the same number of batches, so none has to wait.
    With `slots`, whose number `count` then is, what is permuted are the slots of the epoch.
    """

    count: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    shard: tuple[int, int] = (0, 1)
    drop_remainder: bool = False
    slots: Slots | None = None

    def __post_init__(self) -> None:
        check_shard(self.shard)
        if self.batch_size < 1:
            raise OptionError("too small", field="batch_size", found=self.batch_size, expected="1 or more")
        if self.steps < 1:
            raise OptionError(
                "there are not enough images for one batch",
                field="batch_size",
                found=f"{self.share} images, batches of {self.batch_size}",
                expected="a smaller batch, or drop_remainder=False",
            )

    @property
    def share(self) -> int:
        """Images of this worker in one epoch."""
        worker, workers = self.shard
        return self.count // workers if self.drop_remainder else -((worker - self.count) // workers)

    @property
    def steps(self) -> int:
        """Batches of this worker in one epoch."""
        whole = self.share // self.batch_size
        return whole if self.drop_remainder else -(-self.share // self.batch_size)

    @property
    def is_even(self) -> bool:
        """Whether every batch is full."""
        return self.drop_remainder or self.share % self.batch_size == 0

    def batch(self, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(record numbers (B,) int64, valid (B,) bool) of one batch; epoch and step are () int64.

        Only the end of the last batch of an epoch may be invalid; it repeats the last image.
        """
        positions, valid = self._positions(step)
        return self.record(epoch, positions), valid

    def copies(self, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """(B,) int64, the how manieth time each image of the batch comes in this epoch, from 0."""
        positions, _ = self._positions(step)
        if self.slots is None:
            return tf.zeros_like(positions)
        return self.slots.copy(self._shuffled(epoch, positions), self.seed, epoch)

    def record(self, epoch: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """The number of the record at `position` (any shape of rank 0 or 1, int64) of an epoch."""
        place = self._shuffled(epoch, position)
        return place if self.slots is None else self.slots.image(place, self.seed, epoch)

    def _positions(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        place = step * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        worker, workers = self.shard
        return tf.minimum(place, self.share - 1) * workers + worker, place < self.share

    def _shuffled(self, epoch: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        return permuted(position, self.count, self.seed, epoch, stream=0) if self.shuffle else position


def check_shard(shard: tuple[int, int]) -> None:
    """(i, n), worker i of n."""
    worker, workers = shard
    if not 0 <= worker < workers:
        raise OptionError("no such worker", field="shard", found=shard, expected="(i, n), 0 <= i < n")


def permuted(
    position: tf.Tensor, count: int | tf.Tensor, seed: int, epoch: tf.Tensor, *, stream: int
) -> tf.Tensor:
    """Where a random permutation of `count` takes each position (int64): one for each seed, epoch and stream.

    The words are hashed first: `index_shuffle` itself has 256 permutations for all epochs of a small seed.
    """
    pair = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    drawn = words(pair, [stream + 1, 3])
    return tf.raw_ops.RandomIndexShuffle(
        index=position, seed=drawn[stream], max_index=tf.convert_to_tensor(count - 1, tf.int64), rounds=8
    )


def partners_of(records: tf.Tensor, epoch: tf.Tensor, partners: int, *, count: int, seed: int) -> tf.Tensor:
    """(B, partners) int64: others among `count` for each of `records` (B,) int64, drawn anew each epoch.

    Over an epoch every image is the k-th partner about once. Never the record itself, and no two alike,
    unless there are too few images.
    """
    taken = [records]
    for k in range(partners):
        other = permuted(records, count, seed, epoch, stream=1 + k)
        for _ in taken:
            clash = tf.reduce_any(tf.stack(taken) == other, 0)
            other = tf.where(clash, (other + 1) % count, other)
        taken.append(other)
    return tf.stack(taken[1:], -1)
