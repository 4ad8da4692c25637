"""Erasing rectangles: Cutout and RandomErase. A mostly covered object is no longer in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from annotools.augment.chance import Chance, between, check_probability, check_range, happens
from annotools.augment.draft import Draft
from annotools.augment.seeds import fold_in, uniform
from annotools.errors import OptionError

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cutout:
    """Paint over `holes` rectangles (arXiv 1708.04552).

    size       range of each side's share of the canvas' side, drawn apart for width and height
    fill       RGB in 0..255, or None for noise
    max_cover  an object of which all holes together cover at least this share is dropped as "erased"
    """

    holes: int = 1
    size: tuple[float, float] = (0.1, 0.3)
    fill: Color | None = (114, 114, 114)
    max_cover: float = 0.7
    p: Chance = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.size, "size", 0.0, 1.0)
        check_fill(self.fill)
        if self.holes < 1:
            raise OptionError("at least one", field="holes", found=self.holes)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 1 + 4 * self.holes)
        on = happens(draws[0], self.p, draft.epoch)
        holes = tf.reshape(draws[1:], [self.holes, 4])
        return _erase(draft, between(holes[:, :2], self.size), holes[:, 2:], on, self, seed)


@dataclass(frozen=True, slots=True)
class RandomErase:
    """Paint over one rectangle of random area and aspect (arXiv 1708.04896); `aspect` is in pixels, on a log
    scale.
    """

    area: tuple[float, float] = (0.02, 0.33)
    aspect: tuple[float, float] = (0.3, 10 / 3)
    fill: Color | None = None
    max_cover: float = 0.7
    p: Chance = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.area, "area", 0.0, 1.0)
        check_range(self.aspect, "aspect", 1e-3)
        check_fill(self.fill)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 5)
        on = happens(draws[0], self.p, draft.epoch)
        share = between(draws[1], self.area)
        aspect = tf.exp(between(draws[2], (math.log(self.aspect[0]), math.log(self.aspect[1]))))
        aspect *= tf.cast(draft.height / draft.width, tf.float32)  # of shares of the canvas
        size = tf.minimum(tf.sqrt(tf.stack([share * aspect, share / aspect])), 1.0)
        return _erase(draft, size[None], draws[None, 3:], on, self, seed)


def _erase(
    draft: Draft,
    sizes: tf.Tensor,
    places: tf.Tensor,
    on: tf.Tensor,
    op: Cutout | RandomErase,
    seed: tf.Tensor,
) -> Draft:
    """`sizes` and `places` (N, 2): shares of the canvas, and of the room that is left."""
    low = places * (1 - sizes)
    shares = tf.cast(tf.concat([low, low + sizes], 1), tf.float64)
    rectangles = tf.round(shares * tf.tile(draft.canvas, [2])) * tf.cast(on, tf.float64)
    boxes = draft.visible_boxes()
    covered = tf.zeros_like(boxes[:, 0])
    erasures = draft.erasures
    for index in range(sizes.shape[0]):
        rectangle = rectangles[index]
        common = tf.nn.relu(tf.minimum(boxes[:, 2:], rectangle[2:]) - tf.maximum(boxes[:, :2], rectangle[:2]))
        covered += tf.reduce_prod(common, -1)
        erasures = (*erasures, (rectangle, fold_in(seed, index), op.fill))
    area = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], -1)
    return draft.dropped((area > 0) & (covered >= op.max_cover * area), "erased").replace(erasures=erasures)


def check_fill(fill: Sequence[object] | None, field: str = "fill") -> None:
    """Raise OptionError unless `fill` is None or three whole numbers in 0..255."""
    if fill is not None and not (len(fill) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in fill)):
        raise OptionError("not a colour", field=field, found=fill, expected="(red, green, blue) in 0 to 255")
