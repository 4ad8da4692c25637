"""Colour: ops that note colour steps on the draft, for pixels in [0, 255], after the resize.

Brightness, contrast, grayscale, channel order and (in YIQ, with hsv="linear") hue and saturation are maps of
RGB. The exact HSV round trip is a function, which costs more and makes the picture go step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_choice, check_number, check_range
from annotools.augment.ops.probability import Probability, check_probability, column, happens
from annotools.augment.plan.color_steps import gain
from annotools.augment.plan.draft import Draft

# NTSC luma, and the two directions of the colour plane of YIQ, as 3x3 maps of RGB: a hue rotation by t and a
# saturation factor s are LUMA + s cos(t) (1 - LUMA) + s sin(t) QUARTER_TURN.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
LUMA = np.tile(_YIQ[0], (3, 1))
_PLANE = np.eye(3) - LUMA  # so that no change of hue and saturation is exactly no change
_QUARTER_TURN = np.linalg.inv(_YIQ) @ np.array([[0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) @ _YIQ


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, each with its own coin of probability `p_each`.

    brightness  largest shift on [0, 255]: 32 adds U(-32, 32)
    contrast, saturation   range of the factor (about 0, as OpenCV and SSD do, not about the mean)
    hue         largest shift in turns: 0.1 is 36 degrees (18 in OpenCV's units)
    hsv         "exact": the HSV round trip, each step cut at 0 and 255, in SSD's order (brightness, contrast
                before or after hue and saturation by a coin). "linear": the YIQ matrix; within the same
                ranges, at a fifth of the cost
    channels    probability of a random order of the channels, as in torchvision's RandomPhotometricDistort
    """

    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: float = 0.1
    p: Probability = 1.0
    p_each: float = 0.5
    hsv: Literal["exact", "linear"] = "linear"
    draws: ClassVar[int] = 10

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_number(self.p_each, "p_each", 0, 1)
        check_range(self.contrast, "contrast", 0)
        check_range(self.saturation, "saturation", 0)
        check_number(self.brightness, "brightness", 0, 255)
        check_number(self.hue, "hue", 0, 0.5)
        check_choice(self.hsv, "hsv", ("exact", "linear"))

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, coins, shares, order = graph_ops.columns(draws, 1, 4, 4, 1)
        on = column(coin, self.p, draft.epoch) & (coins < graph_ops.constant(self.p_each, tf.float32))
        neutral, spread = self._ranges
        values = tf.where(on, shares * spread[0] + spread[1], neutral)
        if self.hsv == "linear":
            values = graph_ops.reshape(values, [-1, 4, 1, 1])
            brightness, contrast, saturation, hue = tf.unstack(values, num=4, axis=1)
            shift = graph_ops.constant(((0.0,),) * 3, tf.float32) + brightness
            numbers = graph_ops.concat([_hue_saturation(hue, saturation), shift])
            return draft.colored(contrast * numbers)
        brightness, contrast, saturation, hue = tf.unstack(values, num=4, axis=1)
        first = order[:, 0] < 0.5
        before, after = tf.where(first, contrast, 1.0), tf.where(first, 1.0, contrast)
        zero = tf.zeros_like(brightness)
        draft = draft.colored(gain(tf.ones_like(brightness), brightness)).colored(gain(before, zero))
        turns = (hue != 0) | (saturation != 1)
        draft = draft.colored(tf.stack([hue, saturation], 1), shift_hsv, on=turns)
        return draft.colored(gain(after, zero))

    @cached_property
    def _ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Neutral values (4,); (width, low) of the four ranges (2, 4)."""
        ranges = [
            (-self.brightness, self.brightness),
            self.contrast,
            self.saturation,
            (-self.hue, self.hue),
        ]
        spread = np.array([[high - low for low, high in ranges], [low for low, _ in ranges]], np.float32)
        return np.array([0, 1, 1, 0], np.float32), spread


@dataclass(frozen=True)
class HsvGain:
    """The gains of Ultralytics' RandomHSV: hue plus up to `hue` turns either way, saturation and value times
    1 +- up to `saturation` and `value`, each cut in HSV, where a bright colour stays a colour."""

    hue: float = 0.015
    saturation: float = 0.7
    value: float = 0.4
    p: Probability = 1.0
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_number(self.hue, "hue", 0, 0.5)
        check_number(self.saturation, "saturation", 0, 1)
        check_number(self.value, "value", 0, 1)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        reach = tf.constant([self.hue, self.saturation, self.value], tf.float32)
        numbers = (draws[:, 1:] * 2 - 1) * reach + tf.constant([0.0, 1.0, 1.0])
        return draft.colored(numbers, shift_hsv, on=on)


@dataclass(frozen=True)
class Grayscale:
    """Three equal channels of the luma, with probability `p`."""

    p: Probability = 0.1
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)[:, None, None]
        numbers = tf.where(on, tf.constant(np.pad(LUMA, ((0, 0), (0, 1))), tf.float32), tf.eye(3, 4))
        return draft.colored(numbers)


@dataclass(frozen=True)
class ChannelShuffle:
    """The three channels in a random order (possibly the old one), with probability `p`."""

    p: Probability = 0.1
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = column(draws[:, :1], self.p, draft.epoch)
        order = tf.where(on, tf.argsort(draws[:, 1:], axis=1), [0, 1, 2])
        return draft.colored(tf.gather(tf.eye(3, 4), order))


def shift_hsv(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Pixels (h, w, 3) in [0, 255] by the exact HSV round trip: numbers[0] turns more hue, the saturation
    times numbers[1] and, where there is a third number, the value times that; each cut at its most."""
    hue, saturation, value = tf.unstack(tf.raw_ops.RGBToHSV(images=pixels), axis=-1)
    hue = tf.math.floormod(hue + numbers[0], 1.0)
    saturation = tf.minimum(saturation * numbers[1], 1.0)
    if numbers.shape[0] == 3:
        value = tf.minimum(value * numbers[2], 255.0)
    return tf.raw_ops.HSVToRGB(images=tf.stack([hue, saturation, value], -1))


def _hue_saturation(hue: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """(B, 3, 3) float32 from turns and a factor, (B, 1, 1) each. In float64, whose rounding of sin and cos
    may differ from one place in a batch to another without being seen in float32."""
    angle = tf.cast(hue, tf.float64) * graph_ops.constant(2 * np.pi, tf.float64)
    factor = tf.cast(saturation, tf.float64)
    numbers = LUMA + factor * tf.cos(angle) * _PLANE + factor * tf.sin(angle) * _QUARTER_TURN
    return tf.cast(numbers, tf.float32)
