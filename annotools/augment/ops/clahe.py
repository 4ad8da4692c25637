"""Contrast-limited adaptive histogram equalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.ops.arguments import check_number, check_range, check_size
from annotools.augment.ops.color import LUMA
from annotools.augment.ops.probability import Probability, between, check_probability, happens
from annotools.augment.ops.tone import _LEVELS
from annotools.augment.plan.draft import Draft


@dataclass(frozen=True, slots=True)
class CLAHE:
    """The luma equalised in `tiles` (rows, columns), with a limit to the contrast, as OpenCV's CLAHE does it
    to a gray picture; the colour moves along.

    clip_limit  range; how much more often than evenly a value may count. 1 changes little
    """

    clip_limit: tuple[float, float] = (1.0, 4.0)
    tiles: tuple[int, int] = (8, 8)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.clip_limit, "clip_limit", 0)
        check_size(self.tiles, "tiles")
        for count in self.tiles:
            check_number(count, "tiles", 1, 64)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(between(draws[:, 1:], self.clip_limit), self._equalized, on=on)

    def _equalized(self, pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        luma = tf.tensordot(pixels, tf.constant(LUMA[0], tf.float32), 1)
        return pixels + (clahe(luma, numbers[0], self.tiles) - luma)[..., None]


def clahe(gray: tf.Tensor, clip_limit: tf.Tensor, tiles: tuple[int, int]) -> tf.Tensor:
    """(h, w) float32 in [0, 255] -> the same, equalised tile by tile (OpenCV, clahe.cpp)."""
    rows, columns = tiles
    values = tf.cast(gray + 0.5, tf.int32)
    height, width = tf.unstack(tf.shape(values))
    # where not all tiles would be whole, at least one row and column more than there are
    odd = tf.cast((height % rows > 0) | (width % columns > 0), tf.int32)
    tall, wide = height // rows + odd, width // columns + odd
    padded = tf.gather(values, _reflected(height, tall * rows), axis=0)
    padded = tf.gather(padded, _reflected(width, wide * columns), axis=1)
    in_tiles = tf.transpose(tf.reshape(padded, [rows, tall, columns, wide]), [0, 2, 1, 3])
    tile = tf.range(rows * columns)[:, None] * _LEVELS
    places = tf.reshape(tile + tf.reshape(in_tiles, [rows * columns, -1]), [-1])
    counts = tf.reshape(
        tf.math.bincount(places, minlength=rows * columns * _LEVELS), [rows * columns, _LEVELS]
    )
    area = tall * wide
    limit = tf.cast(clip_limit * tf.cast(area, tf.float32) / _LEVELS, tf.int32)
    limit = tf.where(clip_limit > 0, tf.maximum(limit, 1), area)
    excess = tf.reduce_sum(tf.maximum(counts - limit, 0), 1, keepdims=True)
    counts = tf.minimum(counts, limit) + excess // _LEVELS
    # what is left over goes to every n-th value
    left = excess % _LEVELS
    step = tf.maximum(_LEVELS // tf.maximum(left, 1), 1)
    level = tf.range(_LEVELS)[None]
    counts += tf.cast((level % step == 0) & (level // step < left), tf.int32)
    scale = 255.0 / tf.cast(area, tf.float32)
    tables = tf.clip_by_value(tf.round(tf.cast(tf.cumsum(counts, axis=1), tf.float32) * scale), 0.0, 255.0)

    y_low, y_high, y_share = _between_tiles(height, tall, rows)
    x_low, x_high, x_share = _between_tiles(width, wide, columns)

    def looked_up(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        tile = row[:, None] * columns + column[None]
        return tf.gather(tf.reshape(tables, [-1]), tile * _LEVELS + values)

    upper = looked_up(y_low, x_low) * (1 - x_share) + looked_up(y_low, x_high) * x_share
    lower = looked_up(y_high, x_low) * (1 - x_share) + looked_up(y_high, x_high) * x_share
    share = y_share[:, None]
    return tf.round(upper * (1 - share) + lower * share)


def _reflected(length: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """(target,) int32: the places 0..length - 1 and then backwards, without the last one twice."""
    place = tf.range(target)
    period = tf.maximum(2 * (length - 1), 1)
    folded = place % period
    return tf.minimum(tf.minimum(folded, period - folded), length - 1)


def _between_tiles(length: tf.Tensor, side: tf.Tensor, count: int) -> tuple[tf.Tensor, ...]:
    """For each pixel the tiles before and behind it, and its share of the way between their middles."""
    place = tf.cast(tf.range(length), tf.float32) / tf.cast(side, tf.float32) - 0.5
    low = tf.floor(place)
    first, second = (tf.clip_by_value(tf.cast(low, tf.int32) + k, 0, count - 1) for k in (0, 1))
    return first, second, place - low
