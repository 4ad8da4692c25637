"""Tone: colour by functions of the values of a picture, or of how often each value is in it.

Each is the function of Pillow or OpenCV of that name, on the pixels of each image after the resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.ops.arguments import check_count, check_range
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
        return draft.colored(between(draws[:, 1:], self.gamma), to_the_power, on=on)


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
        return draft.colored(whole_between(draws[:, 1:], self.bits), posterized, on=on)


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
        return draft.colored(between(draws[:, 1:], self.threshold), solarized, on=on)


@dataclass(frozen=True, slots=True)
class AutoContrast:
    """Each channel stretched to 0..255."""

    p: Probability = 0.2
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.colored(draws, stretched, on=happens(draws[:, 0], self.p, draft.epoch))


@dataclass(frozen=True, slots=True)
class Equalize:
    """Each channel's values as evenly spread as may be (the histogram's equalisation)."""

    p: Probability = 0.2
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.colored(draws, equalized, on=happens(draws[:, 0], self.p, draft.epoch))


def to_the_power(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    return 255.0 * tf.pow(pixels / 255.0, numbers[0])


def posterized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    step = tf.pow(2.0, 8.0 - numbers[0])
    return tf.floor(tf.floor(pixels + 0.5) / step) * step


def solarized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    return tf.where(pixels >= numbers[0], 255.0 - pixels, pixels)


def stretched(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    low, high = tf.reduce_min(pixels, [0, 1]), tf.reduce_max(pixels, [0, 1])
    return tf.where(high > low, (pixels - low) * tf.math.divide_no_nan(255.0, high - low), pixels)


def equalized(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    values = tf.cast(pixels + 0.5, tf.int32) + tf.range(3) * _LEVELS
    counts = tf.reshape(tf.math.bincount(tf.reshape(values, [-1]), minlength=3 * _LEVELS), [3, _LEVELS])
    last = tf.reduce_max(tf.where(counts > 0, tf.range(_LEVELS)[None], 0), 1)
    step = (tf.reduce_sum(counts, 1) - tf.gather(counts, last, axis=1, batch_dims=1)) // 255
    table = (tf.cumsum(counts, axis=1, exclusive=True) + step[:, None] // 2) // tf.maximum(step, 1)[:, None]
    table = tf.where(step[:, None] > 0, tf.minimum(table, 255), tf.range(_LEVELS)[None])
    return tf.cast(tf.gather(tf.reshape(table, [-1]), values), tf.float32)
