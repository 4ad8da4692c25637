"""Colour: ops that note steps on the draft, and the steps applied to pixels in [0, 255], after the resize.

Brightness, contrast, grayscale, channel order and (in YIQ, with hsv="linear") hue and saturation are affine
in RGB, so any sequence of them is one 3x4 matrix: it costs the same however many there are, and a whole batch
takes it in one fused XLA kernel. Only the exact HSV round trip needs to go step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.ops.probability import Chance, check_probability, check_range, column, happens
from annotools.augment.plan.draft import Draft
from annotools.errors import OptionError

# NTSC luma, and the two directions of the colour plane of YIQ, as 3x3 maps of RGB: a hue rotation by t and a
# saturation factor s are LUMA + s cos(t) (1 - LUMA) + s sin(t) QUARTER_TURN.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
LUMA = np.tile(_YIQ[0], (3, 1))
_PLANE = np.eye(3) - LUMA  # so that no change of hue and saturation is exactly no change
_QUARTER_TURN = np.linalg.inv(_YIQ) @ np.array([[0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) @ _YIQ


class Step(NamedTuple):
    """RGB through `matrix` (B, 3, 4), cut at 0 and 255; then, where `hsv` (B, 2) is given, hue plus hsv[0]
    turns and saturation times hsv[1], cut at 1, by the exact HSV round trip."""

    matrix: tf.Tensor
    hsv: tf.Tensor | None = None


def gain(factor: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """(B, 3, 4): RGB times `factor` (B,) plus `offset` (B,)."""
    shift = graph_ops.constant(((0.0,),) * 3, tf.float32) + graph_ops.reshape(offset, [-1, 1, 1])
    return graph_ops.concat(
        [tf.constant(np.eye(3), tf.float32) * graph_ops.reshape(factor, [-1, 1, 1]), shift]
    )


def one_matrix(steps: Sequence[Step], like: tf.Tensor) -> tf.Tensor:
    """(B, 3, 4) float32 for all steps, which have no HSV; nothing is cut at 0 and 255 but after the last.

    Without steps it is the identity, for as many pictures as `like` (B,) float32 has.
    """
    if not steps:
        return gain(tf.ones_like(like), graph_ops.zeros(like))
    return reduce(_after, [step.matrix for step in steps])


def _after(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    # written out for the same bits in every batch size, as in graph_boxes
    *factors, offset = tf.split(second, 4, axis=2)
    red, green, blue = (column * row for column, row in zip(factors, tf.split(first, 3, axis=1), strict=True))
    return red + green + blue + offset * graph_ops.constant((0.0, 0.0, 0.0, 1.0), tf.float32)


def pack(steps: Sequence[Step], like: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(B, S, 3, 4) and (B, S, 2) float32 for `apply_steps`."""
    zero, one = graph_ops.zeros(like), tf.ones_like(like)
    neutral = tf.stack([zero, one], 1)
    steps = steps or (Step(gain(one, zero)),)  # not none, see `_erased` in plan.py
    hsv = [neutral if step.hsv is None else step.hsv for step in steps]
    return tf.stack([step.matrix for step in steps], 1), tf.stack(hsv, 1)


def apply_matrix(matrix: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) float32 in [0, 255] through (3, 4), cut at 0 and 255."""
    mixed = tf.matmul(tf.reshape(pixels, [-1, 3]), matrix[:, :3], transpose_b=True) + matrix[:, 3]
    return tf.reshape(tf.clip_by_value(mixed, 0.0, 255.0), tf.shape(pixels))


def apply_steps(matrices: tf.Tensor, hsv: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) float32 in [0, 255] through the steps of one picture, (S, 3, 4) and (S, 2); idle ones are
    skipped.
    """
    for index in range(matrices.shape[0]):
        pixels = _step(matrices[index], hsv[index], pixels)
    return pixels


def _step(matrix: tf.Tensor, hsv: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    def shifted(given: tf.Tensor) -> tf.Tensor:
        hue, saturation, value = tf.unstack(tf.raw_ops.RGBToHSV(images=given), axis=-1)
        hue = tf.math.floormod(hue + hsv[0], 1.0)
        saturation = tf.minimum(saturation * hsv[1], 1.0)
        return tf.raw_ops.HSVToRGB(images=tf.stack([hue, saturation, value], -1))

    mixes = tf.reduce_any(matrix != tf.eye(3, 4))
    pixels = tf.cond(mixes, lambda: apply_matrix(matrix, pixels), lambda: pixels)
    turns = (hsv[0] != 0) | (hsv[1] != 1)
    return tf.cond(turns, lambda: shifted(pixels), lambda: pixels)


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
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
    # (B, H, W, 1) times (B, 1, 1, 3), one column of the matrix: XLA compiles this in a quarter of
    # the time that it takes for three channels that are stacked
    red, green, blue = graph_ops.split(pixels, 3)
    of_red, of_green, of_blue, shift = (
        graph_ops.reshape(column, [-1, 1, 1, 3]) for column in graph_ops.split(matrices, 4)
    )
    mixed = red * of_red + green * of_green + blue * of_blue + shift
    black, white, half = (graph_ops.like(value, mixed) for value in (0.0, 255.0, 0.5))
    colored = tf.cast(
        tf.raw_ops.ClipByValue(t=mixed, clip_value_min=black, clip_value_max=white) + half, tf.uint8
    )
    height, width = tf.unstack(tf.shape(images))[1:3]
    rows, columns = (
        graph_ops.reshape(tf.range(height), [1, -1, 1]),
        graph_ops.reshape(tf.range(width), [1, 1, -1]),
    )
    edges = tf.unstack(graph_ops.reshape(keep, [-1, keep.shape[1], 5, 1, 1]), axis=1)
    picture, erased = [], []
    for index in range(keep.shape[1]):
        x1, y1, x2, y2, kind = tf.unstack(edges[index], num=5, axis=1)
        inside = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)
        picture.append(inside & (kind == graph_ops.constant(1)))
        erased.append(inside & (kind == graph_ops.constant(2)))
    mask = reduce(tf.logical_or, picture) & ~reduce(tf.logical_or, erased)
    return tf.where(graph_ops.expand(mask), colored, images)


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
    draws: ClassVar[int] = 10
    colors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_probability(self.p_each, "p_each")
        check_range(self.contrast, "contrast", 0)
        check_range(self.saturation, "saturation", 0)
        check_range((self.brightness, self.brightness), "brightness", 0, 255)
        check_range((self.hue, self.hue), "hue", 0, 0.5)
        if self.hsv not in ("exact", "linear"):
            raise OptionError("unknown choice", field="hsv", found=self.hsv, expected="exact or linear")

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
            return draft.replace(color=(*draft.color, Step(contrast * numbers)))
        brightness, contrast, saturation, hue = tf.unstack(values, num=4, axis=1)
        first = order[:, 0] < 0.5
        before, after = tf.where(first, contrast, 1.0), tf.where(first, 1.0, contrast)
        zero = tf.zeros_like(brightness)
        steps = (
            Step(gain(tf.ones_like(brightness), brightness)),
            Step(gain(before, zero), tf.stack([hue, saturation], 1)),
            Step(gain(after, zero)),
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
    draws: ClassVar[int] = 1
    colors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)[:, None, None]
        numbers = tf.where(on, tf.constant(np.pad(LUMA, ((0, 0), (0, 1))), tf.float32), tf.eye(3, 4))
        return draft.replace(color=(*draft.color, Step(numbers)))


@dataclass(frozen=True)
class ChannelShuffle:
    """The three channels in a random order (possibly the old one), with probability `p`."""

    p: Chance = 0.1
    draws: ClassVar[int] = 4
    colors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = column(draws[:, :1], self.p, draft.epoch)
        order = tf.where(on, tf.argsort(draws[:, 1:], axis=1), [0, 1, 2])
        return draft.replace(color=(*draft.color, Step(tf.gather(tf.eye(3, 4), order))))


def _hue_saturation(hue: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """(B, 3, 3) float32 from turns and a factor, (B, 1, 1) each. In float64, whose rounding of sin and cos
    may differ from one place in a batch to another without being seen in float32."""
    angle = tf.cast(hue, tf.float64) * graph_ops.constant(2 * np.pi, tf.float64)
    factor = tf.cast(saturation, tf.float64)
    numbers = LUMA + factor * tf.cos(angle) * _PLANE + factor * tf.sin(angle) * _QUARTER_TURN
    return tf.cast(numbers, tf.float32)
