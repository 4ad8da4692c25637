"""Erasing rectangles: Cutout and RandomErase. A mostly covered object is no longer in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.ops.arguments import check_count, check_fill, check_number, check_range, is_number
from annotools.augment.ops.probability import Probability, between, check_probability, happens
from annotools.augment.plan.draft import Draft
from annotools.augment.plan.kind import GRAY, Color


@dataclass(frozen=True, slots=True)
class Cutout:
    """Paint over `holes` rectangles (arXiv 1708.04552).

    size       range of each side's share of the canvas' side, drawn apart for width and height
    fill       RGB in 0..255, or None for noise
    max_cover  an object of which all holes together cover at least this share is dropped as "erased"
    """

    holes: int = 1
    size: tuple[float, float] = (0.1, 0.3)
    fill: Color | None = GRAY
    max_cover: float = 0.7
    p: Probability = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)
        if is_number(self.size):
            object.__setattr__(self, "size", (self.size, self.size))
        check_range(self.size, "size", 0.0, 1.0)
        check_fill(self.fill)
        check_count(self.holes, "holes")
        check_number(self.max_cover, "max_cover", 0.0)

    @property
    def draws(self) -> int:
        return 1 + 4 * self.holes

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        holes = tf.cast(tf.reshape(draws[:, 1:], [-1, self.holes, 4]), tf.float64)
        rectangles = _rectangles(draft, between(holes[..., :2], self.size), holes[..., 2:], on)
        return draft.erased(rectangles, self.fill, self.max_cover)


@dataclass(frozen=True, slots=True)
class RandomErase:
    """Paint over one rectangle of random area and aspect (arXiv 1708.04896); `aspect` is in pixels, on a log
    scale.
    """

    area: tuple[float, float] = (0.02, 0.33)
    aspect: tuple[float, float] = (0.3, 10 / 3)
    fill: Color | None = None
    max_cover: float = 0.7
    p: Probability = 0.5
    draws: ClassVar[int] = 5

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.area, "area", 0.0, 1.0)
        check_range(self.aspect, "aspect", 1e-3)
        check_fill(self.fill)
        check_number(self.max_cover, "max_cover", 0.0)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        numbers = tf.cast(draws[:, 1:], tf.float64)
        area = between(numbers[:, 0], self.area) * draft.width * draft.height
        aspect = tf.exp(between(numbers[:, 1], (math.log(self.aspect[0]), math.log(self.aspect[1]))))
        size = tf.minimum(tf.sqrt(tf.stack([area * aspect, area / aspect], 1)) / draft.canvas, 1.0)
        rectangles = _rectangles(draft, size[:, None], numbers[:, None, 2:], on)
        return draft.erased(rectangles, self.fill, self.max_cover)


def _rectangles(draft: Draft, sizes: tf.Tensor, places: tf.Tensor, on: tf.Tensor) -> tf.Tensor:
    """(B, N, 4) on the canvas; `sizes` and `places` (B, N, 2): shares of it, and of the room that is left."""
    low = places * (1 - sizes)
    shares = tf.concat([low, low + sizes], 2) * tf.cast(on, tf.float64)[:, None, None]
    return tf.round(shares * tf.tile(draft.canvas, [1, 2])[:, None])
