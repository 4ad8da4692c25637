"""Tone: colour by functions of the values of a picture, or of how often each value is in it.

Each is the function of Pillow or OpenCV of that name, on the pixels of each image after the resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.ops.arguments import check_count, check_number, check_range, check_size
from annotools.augment.ops.color import LUMA
from annotools.augment.ops.probability import Probability, between, check_probability, happens, whole_between
from annotools.augment.plan.draft import Draft

_LEVELS = 256


@dataclass(frozen=True, slots=True)
class Gamma:
    """Values to the power of `gamma`, in shares of white; above 1 is darker."""

    gamma: tuple[float, float] = (0.8, 1.25)
    p: Probability = 0.5
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.gamma, "gamma", 1e-3)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(between(draws[:, 1:], self.gamma), _to_the_power, on=on)


@dataclass(frozen=True, slots=True)
class Posterize:
    """Each value keeps its upper `bits` of 8; a range of whole numbers."""

    bits: tuple[int, int] = (4, 6)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.bits, "bits", 1, 8)
        for value in self.bits:
            check_count(value, "bits")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(whole_between(draws[:, 1:], self.bits), _posterized, on=on)


@dataclass(frozen=True, slots=True)
class Solarize:
    """Values from a `threshold` on become 255 less themselves."""

    threshold: tuple[float, float] = (128.0, 255.0)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.threshold, "threshold", 0, 256)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(between(draws[:, 1:], self.threshold), _solarized, on=on)


@dataclass(frozen=True, slots=True)
class AutoContrast:
    """Each channel stretched to 0..255."""

    p: Probability = 0.2
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.colored(draws, _stretched, on=happens(draws[:, 0], self.p, draft.epoch))


@dataclass(frozen=True, slots=True)
class Equalize:
    """Each channel's values as evenly spread as may be (the histogram's equalisation)."""

    p: Probability = 0.2
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.colored(draws, _equalized, on=happens(draws[:, 0], self.p, draft.epoch))


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


def _to_the_power(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    return 255.0 * tf.pow(pixels / 255.0, numbers[0])


def _posterized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    step = tf.pow(2.0, 8.0 - numbers[0])
    return tf.floor(tf.floor(pixels + 0.5) / step) * step


def _solarized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    return tf.where(pixels >= numbers[0], 255.0 - pixels, pixels)


def _stretched(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    low, high = tf.reduce_min(pixels, [0, 1]), tf.reduce_max(pixels, [0, 1])
    return tf.where(high > low, (pixels - low) * tf.math.divide_no_nan(255.0, high - low), pixels)


def _equalized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    values = tf.cast(pixels + 0.5, tf.int32) + tf.range(3) * _LEVELS
    counts = tf.reshape(tf.math.bincount(tf.reshape(values, [-1]), minlength=3 * _LEVELS), [3, _LEVELS])
    last = tf.reduce_max(tf.where(counts > 0, tf.range(_LEVELS)[None], 0), 1)
    step = (tf.reduce_sum(counts, 1) - tf.gather(counts, last, axis=1, batch_dims=1)) // 255
    table = (tf.cumsum(counts, axis=1, exclusive=True) + step[:, None] // 2) // tf.maximum(step, 1)[:, None]
    table = tf.where(step[:, None] > 0, tf.minimum(table, 255), tf.range(_LEVELS)[None])
    return tf.cast(tf.gather(tf.reshape(table, [-1]), values), tf.float32)
