"""Which image comes when: a function of (seed, epoch, step), without a buffer and without memory."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from annotools.augment.graph.seeds import words
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class Order:
    """The order of `count` images in batches of `batch_size`, for worker `shard[0]` of `shard[1]`.

    An epoch is one permutation of all images (`tf.random.experimental.index_shuffle`), dealt out to the
    workers in turn. With `drop_remainder` every worker has the same number of batches, so none has to wait.
    """

    count: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    shard: tuple[int, int] = (0, 1)
    drop_remainder: bool = False

    def __post_init__(self) -> None:
        worker, workers = self.shard
        if not 0 <= worker < workers:
            raise OptionError(
                "no such worker", field="shard", found=self.shard, expected="(i, n), 0 <= i < n"
            )
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
        place = step * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        valid = place < self.share
        worker, workers = self.shard
        return self.record(epoch, tf.minimum(place, self.share - 1) * workers + worker), valid

    def record(self, epoch: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """The number of the record at `position` (any shape of rank 0 or 1, int64) of an epoch."""
        if not self.shuffle:
            return position
        return permuted(position, self.count, self.seed, epoch, stream=0)


def permuted(position: tf.Tensor, count: int, seed: int, epoch: tf.Tensor, *, stream: int) -> tf.Tensor:
    """Where a random permutation of `count` takes each position (int64): one for each seed, epoch and stream.

    The words are hashed first: `index_shuffle` itself has 256 permutations for all epochs of a small seed.
    """
    pair = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    drawn = words(pair, [stream + 1, 3])
    return tf.raw_ops.RandomIndexShuffle(
        index=position, seed=drawn[stream], max_index=tf.constant(count - 1, tf.int64), rounds=8
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
