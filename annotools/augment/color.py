"""Colour: ops that note steps on the draft, and the steps applied to pixels in [0, 255], after the resize.

Brightness, contrast, grayscale, channel order and (in YIQ, with hsv="linear") hue and saturation are affine
in RGB, so any sequence of them is one 3x4 matrix: it costs the same however many there are, and a whole batch
takes it in one fused XLA kernel. Only the exact HSV round trip needs to go step by step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from annotools.augment.chance import Chance, check_probability, check_range, happens
from annotools.augment.draft import Draft
from annotools.augment.seeds import uniform
from annotools.errors import OptionError

# NTSC luma, and the two directions of the colour plane of YIQ, as 3x3 maps of RGB: a hue rotation by t and a
# saturation factor s are LUMA + s cos(t) (1 - LUMA) + s sin(t) QUARTER_TURN.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
LUMA = np.tile(_YIQ[0], (3, 1))
_PLANE = np.linalg.inv(_YIQ) @ np.diag([0.0, 1.0, 1.0]) @ _YIQ
_QUARTER_TURN = np.linalg.inv(_YIQ) @ np.array([[0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) @ _YIQ


@dataclass(frozen=True)
class Gain:
    """RGB times `factor` plus `offset` (() float32 each)."""

    factor: tf.Tensor
    offset: tf.Tensor

    def matrix(self) -> tf.Tensor:
        return tf.concat([tf.eye(3) * self.factor, tf.fill([3, 1], self.offset)], 1)

    def apply(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(pixels * self.factor + self.offset, 0.0, 255.0)


@dataclass(frozen=True)
class Mix:
    """RGB through a 3x4 matrix, float32."""

    numbers: tf.Tensor

    def matrix(self) -> tf.Tensor:
        return self.numbers

    def apply(self, pixels: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(pixels, [-1, 3])
        mixed = tf.matmul(flat, self.numbers[:, :3], transpose_b=True) + self.numbers[:, 3]
        return tf.reshape(tf.clip_by_value(mixed, 0.0, 255.0), tf.shape(pixels))


@dataclass(frozen=True)
class Hsv:
    """Hue plus `hue` turns and saturation times `saturation`, cut at 1, by the exact HSV round trip."""

    hue: tf.Tensor
    saturation: tf.Tensor

    def matrix(self) -> tf.Tensor:
        raise OptionError("exact HSV is no matrix", field="hsv", found="exact", expected="linear")

    def apply(self, pixels: tf.Tensor) -> tf.Tensor:
        def shifted() -> tf.Tensor:
            hsv = tf.raw_ops.RGBToHSV(images=pixels)
            hue = tf.math.floormod(hsv[..., 0] + self.hue, 1.0)
            saturation = tf.minimum(hsv[..., 1] * self.saturation, 1.0)
            return tf.raw_ops.HSVToRGB(images=tf.stack([hue, saturation, hsv[..., 2]], -1))

        return tf.cond((self.hue != 0) | (self.saturation != 1), shifted, lambda: pixels)


Step = Gain | Mix | Hsv


def are_linear(steps: Iterable[Step]) -> bool:
    return not any(isinstance(step, Hsv) for step in steps)


def one_matrix(steps: Iterable[Step]) -> tf.Tensor:
    """(3, 4) float32 for all steps; between them nothing is cut at 0 and 255, only after the last."""
    matrices = [step.matrix() for step in steps]
    return reduce(_after, matrices) if matrices else tf.eye(3, 4)


def _after(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    moved = tf.matmul(second[:, :3], first)
    return moved + tf.concat([tf.zeros([3, 3]), second[:, 3:]], 1)


def apply_steps(steps: tuple[Step, ...], pixels: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) float32 in [0, 255] -> the same, one pass where all steps are linear."""
    if not steps:
        return pixels
    if are_linear(steps):
        return Mix(one_matrix(steps)).apply(pixels)
    for step in steps:
        pixels = step.apply(pixels)
    return pixels


@tf.function(jit_compile=True, reduce_retracing=True)  # type: ignore[untyped-decorator]
def apply_batch(images: tf.Tensor, matrices: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
    """Colour of a whole batch in one fused kernel.

    images    (B, H, W, 3) uint8
    matrices  (B, 3, 4) float32, `Plan.color_matrix`
    keep      (B, N, 5) int32, `Plan.color_keep`: x1, y1, x2, y2, kind. Colour is applied inside rectangles of
              kind 1 (picture) unless a rectangle of kind 2 (erased) lies over them; fill keeps its colour.
              Kind 0 is unused
    returns   (B, H, W, 3) uint8
    """
    pixels = tf.cast(images, tf.float32)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    numbers = matrices[:, None, None]  # (B, 1, 1, 3, 4)
    mixed = tf.stack(
        [
            red * numbers[..., row, 0]
            + green * numbers[..., row, 1]
            + blue * numbers[..., row, 2]
            + numbers[..., row, 3]
            for row in range(3)
        ],
        -1,
    )
    colored = tf.cast(tf.clip_by_value(mixed, 0.0, 255.0) + 0.5, tf.uint8)
    rows = tf.range(tf.shape(images)[1])[None, :, None]
    columns = tf.range(tf.shape(images)[2])[None, None, :]
    picture = tf.zeros(tf.shape(images)[:3], tf.bool)
    erased = picture
    for index in range(keep.shape[1]):
        x1, y1, x2, y2, kind = tf.unstack(keep[:, index, :, None, None], axis=1)
        inside = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)
        picture |= inside & (kind == 1)
        erased |= inside & (kind == 2)
    return tf.where((picture & ~erased)[..., None], colored, images)


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
    p: Chance = 1.0
    p_each: float = 0.5
    hsv: Literal["exact", "linear"] = "linear"

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_probability(self.p_each, "p_each")
        check_range(self.contrast, "contrast", 0)
        check_range(self.saturation, "saturation", 0)
        check_range((self.brightness, self.brightness), "brightness", 0, 255)
        check_range((self.hue, self.hue), "hue", 0, 0.5)
        if self.hsv not in ("exact", "linear"):
            raise OptionError("unknown choice", field="hsv", found=self.hsv, expected="exact or linear")

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 10)
        on = happens(draws[0], self.p, draft.epoch) & (draws[1:5] < self.p_each)
        neutral, spread = self._ranges
        brightness, contrast, saturation, hue = tf.unstack(
            tf.where(on, draws[5:9] * spread[0] + spread[1], neutral)
        )
        if self.hsv == "linear":
            plane = saturation * tf.cos(hue * (2 * np.pi)) * tf.constant(_PLANE, tf.float32)
            turn = saturation * tf.sin(hue * (2 * np.pi)) * tf.constant(_QUARTER_TURN, tf.float32)
            mixed = tf.constant(LUMA, tf.float32) + plane + turn
            numbers = contrast * tf.concat([mixed, tf.fill([3, 1], brightness)], 1)
            return draft.replace(color=(*draft.color, Mix(numbers)))
        first = draws[9] < 0.5
        before, after = tf.where(first, contrast, 1.0), tf.where(first, 1.0, contrast)
        zero = tf.zeros([])
        steps = (
            Gain(tf.ones([]), brightness),
            Gain(before, zero),
            Hsv(hue, saturation),
            Gain(after, zero),
        )
        return draft.replace(color=draft.color + steps)

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
class Grayscale:
    """Three equal channels of the luma, with probability `p`."""

    p: Chance = 0.1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        on = happens(uniform(seed, 1)[0], self.p, draft.epoch)
        numbers = tf.where(on, tf.constant(np.pad(LUMA, ((0, 0), (0, 1))), tf.float32), tf.eye(3, 4))
        return draft.replace(color=(*draft.color, Mix(numbers)))


@dataclass(frozen=True)
class ChannelShuffle:
    """The three channels in a random order (possibly the old one), with probability `p`."""

    p: Chance = 0.1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 4)
        order = tf.where(happens(draws[0], self.p, draft.epoch), tf.argsort(draws[1:]), [0, 1, 2])
        return draft.replace(color=(*draft.color, Mix(tf.gather(tf.eye(3, 4), order))))


def is_linear(ops: Any) -> bool:
    """Whether `apply_batch` may do the colour: no exact HSV, and no function of the user on the finished
    pixels.
    """
    steps = getattr(ops, "ops", ops) or ()
    return not any(getattr(op, "hsv", "") == "exact" or getattr(op, "on_pixels", False) for op in steps)
