"""Batches of several sizes: drawn for each step, or by the aspect of the images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment.graph.seeds import fold_in, words
from annotools.augment.ops.arguments import check_count, check_size, is_number
from annotools.errors import OptionError
from annotools.loader.order import permuted

_SIZES = 0x73697A
Size = tuple[int, int]


@dataclass(frozen=True)
class MultiScale:
    """A size for each step, drawn from `sizes`; the same one for all workers.

    sizes  (H, W) or one number for both    every  steps that a size stays: 10 for YOLO
    """

    sizes: Sequence[Size | int]
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _checked(self.sizes))
        check_count(self.every, "every")

    def index(self, seed: int, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """() int32, which of the sizes."""
        pair = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
        word = words(fold_in(fold_in(pair, _SIZES), step // self.every), [])
        return tf.cast(tf.math.floormod(word, len(self.sizes)), tf.int32)


@dataclass(frozen=True)
class ByAspect:
    """Batches of images that are about as wide for their height: each image goes to the size of `sizes` whose
    aspect is nearest to its own, and a batch has one size. For evaluation and for detectors of two stages.

    sizes  (H, W), such as ((480, 640), (640, 640), (640, 480))
    """

    sizes: Sequence[Size | int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _checked(self.sizes))

    def nearest(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """(N,) which of the sizes is nearest to each image (N, 2) H and W, of equal ones the first."""
        own = np.array(self.sizes, np.float64)
        aspects = np.log(images[:, 1] / images[:, 0])[:, None]
        found: NDArray[np.int64] = np.abs(aspects - np.log(own[:, 1] / own[:, 0])).argmin(1)
        return found


@dataclass(frozen=True, eq=False)
class AspectOrder:
    """Like `order.Order`, with batches of one group each: the batches of all groups in one permutation, the
    images of a group in another.

    groups  (N,) int64, of each image
    """

    groups: NDArray[np.int64]
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    shard: tuple[int, int] = (0, 1)
    drop_remainder: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError(
                "there are not enough images of one aspect for one batch",
                field="batch_size",
                found=f"{self._counts.max(initial=0)} images, batches of {self.batch_size}",
                expected="a smaller batch, fewer workers, or drop_remainder=False",
            )

    @property
    def _counts(self) -> NDArray[np.int64]:
        return np.bincount(self.groups).astype(np.int64)

    @property
    def _batches(self) -> NDArray[np.int64]:
        """Batches of each group."""
        counts, size = self._counts, self.batch_size
        return counts // size if self.drop_remainder else -(-counts // size)

    @property
    def steps(self) -> int:
        """Batches of this worker in one epoch."""
        (worker, workers), total = self.shard, int(self._batches.sum())
        return total // workers if self.drop_remainder else -((worker - total) // workers)

    @property
    def is_even(self) -> bool:
        """Whether every batch is full."""
        return self.drop_remainder or not np.any(self._counts % self.batch_size)

    def group(self, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """() int32, the group of a batch."""
        return self._group(self._batch(epoch, step))

    def batch(self, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(record numbers (B,) int64, valid (B,) bool) of one batch; epoch and step are () int64."""
        number = self._batch(epoch, step)
        group = self._group(number)
        first_batch = tf.gather(np.cumsum([0, *self._batches]), group)
        first_image = tf.gather(np.cumsum([0, *self._counts]), group)
        count = tf.gather(self._counts, group)
        place = (number - first_batch) * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        inside = tf.minimum(place, count - 1)
        if self.shuffle:
            inside = permuted(inside, count, self.seed, epoch, stream=1)
        return tf.gather(self._members, first_image + inside), place < count

    def copies(self, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """(B,) int64: no image comes twice in an epoch."""
        return tf.zeros([self.batch_size], tf.int64)

    @functools.cached_property
    def _members(self) -> tf.Tensor:
        with tf.init_scope():  # captured by the graph as an input; a constant would be copied with it
            return tf.constant(np.argsort(self.groups, kind="stable"))

    def _batch(self, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """() int64, the number of a batch among those of all groups, one group after the other."""
        worker, workers = self.shard
        place = step * workers + worker
        if not self.shuffle:
            return place
        return permuted(place, int(self._batches.sum()), self.seed, epoch, stream=0)

    def _group(self, number: tf.Tensor) -> tf.Tensor:
        ends = np.cumsum(self._batches)
        return tf.reduce_sum(tf.cast(number >= ends, tf.int32))


def _checked(sizes: Any) -> tuple[Size, ...]:
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, Sequence) or not sizes:
        raise OptionError("no sizes", field="sizes", found=sizes, expected="a list of (H, W)")
    pairs = [(size, size) if is_number(size) else size for size in sizes]
    for pair in pairs:
        check_size(pair, "sizes")
    return tuple((int(height), int(width)) for height, width in pairs)
