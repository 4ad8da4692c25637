"""Filters: blur, sharpness, noise and the traces of JPEG, on the pixels of each image after the resize; and a
function of your own on the whole picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tensorflow as tf

from annotools.augment.ops.arguments import check_count, check_function, check_range
from annotools.augment.ops.probability import Probability, between, check_probability, happens, whole_between
from annotools.augment.plan.draft import Draft
from annotools.augment.plan.kind import PixelFunction

# Pillow's ImageFilter.SMOOTH
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


@dataclass(frozen=True, slots=True)
class GaussianBlur:
    """Blur with a standard deviation out of `sigma`, in pixels of the output; the rim counts as going on."""

    sigma: tuple[float, float] = (0.1, 2.0)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.sigma, "sigma", 1e-3, 50)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(between(draws[:, 1:], self.sigma), self._blurred, on=on)

    def _blurred(self, pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        radius = math.ceil(3 * self.sigma[1])
        distance = tf.range(-radius, radius + 1, dtype=tf.float32) / numbers[0]
        weights = tf.exp(-tf.square(distance) / 2)
        weights /= tf.reduce_sum(weights)
        return filtered(filtered(pixels, weights[:, None]), weights[None])


@dataclass(frozen=True, slots=True)
class MotionBlur:
    """Blur along a line of a `length` in pixels of the output, at any angle."""

    length: tuple[float, float] = (3.0, 9.0)
    p: Probability = 0.2
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.length, "length", 1, 99)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        angle = draws[:, 2] * math.pi
        return draft.colored(tf.stack([between(draws[:, 1], self.length), angle], 1), self._blurred, on=on)

    def _blurred(self, pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        radius = math.ceil(self.length[1] / 2)
        place = tf.range(-radius, radius + 1, dtype=tf.float32)
        x, y = place[None], place[:, None]
        cos, sin = tf.cos(numbers[1]), tf.sin(numbers[1])
        along, beside = tf.abs(x * cos + y * sin), tf.abs(x * sin - y * cos)
        weights = tf.maximum(1 - beside, 0) * tf.clip_by_value(numbers[0] / 2 + 0.5 - along, 0, 1)
        return filtered(pixels, weights / tf.reduce_sum(weights))


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Sharpness times a factor: 0 is smooth, 1 the picture, above 1 sharper (Pillow's ImageEnhance)."""

    factor: tuple[float, float] = (0.5, 2.0)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.factor, "factor", 0)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(between(draws[:, 1:], self.factor), sharpened, on=on)


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Noise of a standard deviation out of `std`, on [0, 255], for each value of each pixel."""

    std: tuple[float, float] = (2.0, 10.0)
    p: Probability = 0.2
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.std, "std", 0, 255)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        numbers = tf.concat([between(draws[:, 1:2], self.std), draws[:, 2:]], 1)
        return draft.colored(numbers, _noisy, on=on)


@dataclass(frozen=True, slots=True)
class JpegArtifacts:
    """The picture as a JPEG of a `quality` gives it back; a range of whole numbers up to 100."""

    quality: tuple[int, int] = (30, 90)
    p: Probability = 0.2
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.quality, "quality", 1, 100)
        for value in self.quality:
            check_count(value, "quality")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        return draft.colored(whole_between(draws[:, 1:], self.quality), _as_jpeg, on=on)


@dataclass(frozen=True, slots=True)
class OnPixels:
    """Your own function on the whole picture: (h, w, 3) uint8 and a seed (2,) int64 -> (h, w, 3) uint8.

    It runs where it stands: behind all geometry, and of colours and erasures behind those before it. Colours
    that follow it are for the whole picture too, the fill included. It must not move anything (boxes are not
    told) and must draw with `tf.random.stateless_*` only: one with a state is refused by name.
    """

    function: PixelFunction
    draws: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_function(self.function, "function", "a function of (pixels, seed)")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.finished(self.function)


def filtered(pixels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) float32 through a kernel (k, l) of odd sides; beyond the rim its last pixels go on."""
    padded = pixels
    for axis in (0, 1):
        size = tf.shape(pixels)[axis]
        radius = (weights.shape[axis] or 1) // 2
        if radius:
            padded = tf.gather(
                padded, tf.clip_by_value(tf.range(-radius, size + radius), 0, size - 1), axis=axis
            )
    kernel = tf.tile(weights[..., None, None], [1, 1, 3, 1])
    return tf.nn.depthwise_conv2d(padded[None], kernel, [1, 1, 1, 1], "VALID")[0]


def sharpened(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    smooth = tf.floor(filtered(pixels, tf.constant(_SMOOTH)) + 0.5)
    height, width = tf.unstack(tf.shape(pixels)[:2])
    row, column = tf.range(height)[:, None], tf.range(width)[None]
    rim = (row == 0) | (row == height - 1) | (column == 0) | (column == width - 1)
    smooth = tf.where(rim[..., None], pixels, smooth)
    return smooth + (pixels - smooth) * numbers[0]


def _noisy(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    seed = tf.bitcast(numbers[1:3], tf.int32)
    return pixels + numbers[0] * tf.random.stateless_normal(tf.shape(pixels), seed, alg="philox")


def _as_jpeg(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    rounded = tf.cast(tf.clip_by_value(pixels, 0.0, 255.0) + 0.5, tf.uint8)
    encoded = tf.raw_ops.EncodeJpegVariableQuality(images=rounded, quality=tf.cast(numbers[0], tf.int32))
    return tf.cast(tf.io.decode_jpeg(encoded, channels=3), tf.float32)
