"""Mosaic and MixUp: pictures made of several images. The loader supplies the others (`partner`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment import graph_boxes
from annotools.augment.chance import Chance, between, check_probability, check_range, happens
from annotools.augment.draft import Draft, joined, select, start
from annotools.augment.ops import Letterbox, check_size
from annotools.augment.policy import ABSENT
from annotools.augment.sample import Sample
from annotools.augment.seeds import fold_in, gamma, uniform
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Four images around a random point of a canvas of twice `size`, seen through its middle (H, W).

    Each image is fitted into H x W and touches the point with one corner. What lies beyond the middle is
    kept: a ScaleJitter or Translate that follows brings it in. Not applied, the image alone is letterboxed
    into H x W.

    size    (H, W), None for the output size      center  range of the point, in shares of the double canvas
    """

    size: tuple[int, int] | None = None
    center: tuple[float, float] = (0.25, 0.75)
    p: Chance = 1.0
    partners: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.center, "center", 0.0, 1.0)
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        size = self.size or draft.image_size
        if size is None:
            raise OptionError("Mosaic needs a size, its own or that of the output", field="size")
        if len(draft.sources) != 1:
            raise OptionError("Mosaic must come before other ops that combine images", field="ops")
        draws = uniform(seed, 3)
        on = happens(draws[0], self.p, draft.epoch)
        canvas = tf.constant(size[::-1], tf.float64)
        point = tf.round(between(tf.cast(draws[1:], tf.float64), self.center) * canvas * 2 - canvas / 2)
        rim = tf.concat([-canvas / 2, canvas * 3 / 2], 0)  # the double canvas, seen from its middle

        alone = Letterbox(size)(draft.sealed(), seed)
        tiles = [draft, *_partners(draft, self.partners, seed)]
        picture: Draft | None = None
        for index, (right, below) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
            tile = _placed(tiles[index], canvas, point, rim, right, below)
            if picture is None:
                picture = select(on, tile, alone)
            else:
                picture = joined(picture, _absent_unless(on, tile), group=0, blend=draft.blend)
        assert picture is not None
        return picture.replace(partners_used=draft.partners_used + self.partners)


@dataclass(frozen=True, slots=True)
class MixUp:
    """Lay a second image, letterboxed, over the picture: weight from Beta(alpha, alpha), objects of both
    kept.

    Labels are not blended; `Plan.weights` has the share of each object's image for a loss that wants it.
    """

    alpha: float = 32.0
    p: Chance = 0.15
    partners: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range((self.alpha, self.alpha), "alpha", 1e-3)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        on = happens(uniform(seed, 1)[0], self.p, draft.epoch)
        draws = gamma(fold_in(seed, 1), self.alpha, 2)
        share = tf.where(on, draws[0] / tf.reduce_sum(draws), 1.0)
        other = _partners(draft, 1, seed)[0]
        ratio = tf.reduce_min(draft.canvas / other.canvas)
        fitted = tf.maximum(tf.round(other.canvas * ratio), 1.0)
        other = other.scaled(fitted / other.canvas, tf.floor((draft.canvas - fitted) / 2), draft.canvas)
        blend = (*(weight * share for weight in draft.blend), 1.0 - share)
        both = joined(draft, _absent_unless(on, other), group=len(draft.blend), blend=blend)
        return both.replace(partners_used=draft.partners_used + 1)


def _partners(draft: Draft, count: int, seed: tf.Tensor) -> list[Draft]:
    if draft.partner is None:
        raise OptionError("Mosaic and MixUp need other images", field="partner", expected="partner(k, seed)")
    found = []
    for k in range(draft.partners_used, draft.partners_used + count):
        sample: Sample = draft.partner(k, fold_in(seed, 1000 + k))
        found.append(start(sample, policy=draft.policy, image_size=None, epoch=draft.epoch, partner=None))
    return found


def _placed(
    tile: Draft, canvas: tf.Tensor, point: tf.Tensor, rim: tf.Tensor, right: int, below: int
) -> Draft:
    """The tile fitted into `canvas`, with one corner at `point`, visible in its own quarter only."""
    ratio = tf.reduce_min(canvas / tile.canvas)
    fitted = tf.maximum(tf.round(tile.canvas * ratio), 1.0)
    low = point - fitted * tf.constant([1 - right, 1 - below], tf.float64)
    placed = tile.scaled(fitted / tile.canvas, low, canvas)
    quarter = tf.stack(
        [
            point[0] if right else rim[0],
            point[1] if below else rim[1],
            rim[2] if right else point[0],
            rim[3] if below else point[1],
        ]
    )
    # `quarter` becomes the frame, and the frame part of the windows: later steps may then move all four at
    # once
    frame = graph_boxes.clip(placed.frame[None], quarter)[0]
    return placed.replace(frame=frame, cut=True, framed=True).sealed()


def _absent_unless(on: tf.Tensor, draft: Draft) -> Draft:
    return draft.replace(
        windows=tf.where(on, draft.windows, tf.zeros_like(draft.windows)),
        status=tf.where(on, draft.status, ABSENT),
    )
