"""Which image comes when: a function of (seed, epoch, step), without a buffer and without memory."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

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
        return tf.random.experimental.index_shuffle(
            position,
            seed=tf.stack([tf.constant(self.seed, tf.int64), tf.cast(epoch, tf.int64)]),
            max_index=tf.constant(self.count - 1, tf.int64),
        )


def other_record(record: tf.Tensor, k: int, seed: tf.Tensor, count: int) -> tf.Tensor:
    """The k-th partner of `record` (() int64) among `count`: never the record itself, and no two alike.

    A data set too small for that repeats itself.
    """
    if count == 1:
        return record
    distance = tf.random.experimental.index_shuffle(
        tf.constant(k % (count - 1), tf.int64), seed=seed, max_index=tf.constant(count - 2, tf.int64)
    )
    return (record + 1 + distance) % count
