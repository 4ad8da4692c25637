"""Sizes at random: the resizes and crops of DETR and of large-scale jitter, which change the canvas.

Their names are those of detectron2 and DETR. What is None is the output size; where the output has none, the
op leaves that part out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.ops.arguments import check_count, check_range, check_size, is_number, numbers_in
from annotools.augment.ops.probability import between
from annotools.augment.plan.draft import Draft
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class ResizeScale:
    """Fit the canvas into `size` (H, W), times a random factor out of `scale`, without changing its
    proportions: large-scale jitter (arXiv 2012.07177). The canvas becomes the picture, and is not filled.
    """

    scale: tuple[float, float] = (0.1, 2.0)
    size: tuple[int, int] | None = None
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_range(self.scale, "scale", 1e-3)
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        target = _target(self.size, draft)
        fitted = 1.0 if target is None else tf.reduce_min(target / draft.canvas, 1, keepdims=True)
        return _resized(draft, fitted * between(tf.cast(draws, tf.float64), self.scale))


@dataclass(frozen=True, slots=True)
class ResizeShortestEdge:
    """Resize the canvas so that its shorter side is one of `sides`, its longer one at most `longest`."""

    sides: tuple[int, ...] = (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
    longest: int | None = 1333
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if is_number(self.sides):
            object.__setattr__(self, "sides", (self.sides,))
        if not numbers_in(self.sides):
            raise OptionError("no sides", field="sides", found=self.sides, expected="pixels, at least one")
        for side in self.sides:
            check_count(side, "sides")
        if self.longest is not None:
            check_count(self.longest, "longest")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        pick = tf.cast(draws * len(self.sides), tf.int32)
        side = tf.gather(tf.constant(self.sides, tf.float64), pick)
        factor = side / tf.reduce_min(draft.canvas, 1, keepdims=True)
        if self.longest is not None:
            factor = tf.minimum(factor, self.longest / tf.reduce_max(draft.canvas, 1, keepdims=True))
        return _resized(draft, factor)


@dataclass(frozen=True, slots=True)
class RandomSizeCrop:
    """Cut a window out whose sides, drawn apart, are whole numbers from `least` to `most`; where the canvas
    is smaller, its own side is the most, and a side below `least` stays.
    """

    least: int = 384
    most: int = 600
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_count(self.least, "least")
        check_count(self.most, "most", self.least)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        shares = tf.cast(draws, tf.float64)
        whole = tf.floor(draft.canvas)
        most = tf.minimum(whole, float(self.most))
        least = tf.minimum(whole, float(self.least))
        size = least + tf.floor(shares[:, :2] * (most - least + 1))
        low = tf.floor(shares[:, 2:] * (whole - size + 1))
        return draft.cropped(tf.concat([low, low + size], 1))


@dataclass(frozen=True, slots=True)
class FixedSizeCrop:
    """Bring the canvas to `size` (H, W) without scaling: a longer side is cut at a random place, a shorter
    one filled at the right or at the bottom.
    """

    size: tuple[int, int] | None = None
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        target = _target(self.size, draft)
        if target is None:
            return draft
        room = tf.maximum(draft.canvas - target, 0.0)
        low = tf.floor(tf.cast(draws, tf.float64) * (tf.floor(room) + 1))
        return draft.cropped(tf.concat([low, low + target], 1))


def _target(size: tuple[int, int] | None, draft: Draft) -> tf.Tensor | None:
    """(2,) float64, width and height; None where nobody says them."""
    known = size or draft.image_size
    return None if known is None else tf.constant(known[::-1], tf.float64)


def _resized(draft: Draft, factor: tf.Tensor) -> Draft:
    """The canvas times `factor` (B, 1), in whole pixels."""
    whole = tf.maximum(tf.round(draft.canvas * factor), 1.0)
    return draft.scaled(whole / draft.canvas, [0.0, 0.0], whole)
