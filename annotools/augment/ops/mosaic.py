"""Mosaic and MixUp: pictures made of several images. The loader supplies the others (`partner`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_count, check_number, check_range, check_size
from annotools.augment.ops.choice import check_ops, draws_of
from annotools.augment.ops.fit import Letterbox
from annotools.augment.ops.probability import Probability, between, check_probability, happens
from annotools.augment.plan.box_policy import ABSENT
from annotools.augment.plan.draft import Draft, Op
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.sample import Sample
from annotools.augment.plan.selection import select
from annotools.augment.plan.start import joined, start
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
    p: Probability = 1.0
    partners: ClassVar[int] = 3
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.center, "center", 0.0, 1.0)
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        size = self.size or draft.image_size
        if size is None:
            raise OptionError("Mosaic needs a size, its own or that of the output", field="size")
        if len(draft.groups) != 1:
            raise OptionError("Mosaic must come before other ops that combine images", field="ops")
        on = happens(draws[:, 0], self.p, draft.epoch)
        canvas = tf.constant(size[::-1], tf.float64) + tf.zeros_like(draft.canvas)
        places = between(tf.cast(draws[:, 1:], tf.float64), self.center)
        point = tf.round(places * canvas * 2 - canvas / 2)
        rim = tf.concat([-canvas / 2, canvas * 3 / 2], 1)  # the double canvas, seen from its middle

        taken, draft = take(draft, self.partners)
        others = [start(sample, Kind(), draft.policy, draft.epoch) for sample in taken]
        alone = Letterbox(size)(draft.sealed(), draws)
        picture = select(on, _placed(draft, canvas, point, rim, (0, 0)), alone)
        for other, corner in zip(others, ((1, 0), (0, 1), (1, 1)), strict=True):
            tile = _placed(other, canvas, point, rim, corner)
            picture = joined(picture, absent_unless(on, tile), group=0, blend=draft.blend)
        return picture


@dataclass(frozen=True, slots=True)
class MixUp:
    """Lay a second picture, letterboxed, over the first one: weight from Beta(alpha, alpha), objects of both
    kept.

    alpha  a whole number, because Beta(n, n) is the middle one of 2n - 1 uniform numbers
    share  the first picture's weight, instead of one from alpha
    ops    what happens to the second picture alone, before it is letterboxed: geometry, and Mosaic, with
           which two mosaics are mixed. Colours are for both pictures, so here they are refused
    Labels are not blended; `Plan.weights` has the share of each object's image for a loss that wants it.
    """

    alpha: int = 32
    p: Probability = 0.15
    share: float | None = None
    ops: tuple[Op, ...] = ()

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_count(self.alpha, "alpha")
        if self.share is not None:
            check_number(self.share, "share", 0.0, 1.0)
        ops: object = self.ops
        if not isinstance(ops, (tuple, list)) or ops:
            check_ops(self.ops, "ops", partners=True)
        object.__setattr__(self, "ops", tuple(self.ops))

    @property
    def partners(self) -> int:
        return 1 + sum(getattr(op, "partners", 0) for op in self.ops)

    @property
    def draws(self) -> int:
        return 2 * self.alpha + sum(draws_of(op) for op in self.ops)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        drawn = tf.sort(draws[:, 1 : 2 * self.alpha], 1)[:, self.alpha - 1]
        share = tf.where(on, drawn if self.share is None else self.share, 1.0)
        (sample, *others), draft = take(draft, self.partners)
        other = self._second(sample, tuple(others), draft, draws[:, 2 * self.alpha :])
        ratio = tf.reduce_min(draft.canvas / other.canvas, 1, keepdims=True)
        fitted = tf.maximum(tf.round(other.canvas * ratio), 1.0)
        margin = tf.floor((draft.canvas - fitted) / 2)
        other = other.scaled(fitted / other.canvas, margin, draft.canvas)
        blend = (*(weight * share for weight in draft.blend), 1.0 - share)
        return joined(draft, absent_unless(on, other), group=len(draft.blend), blend=blend)

    def _second(self, other: Sample, others: tuple[Sample, ...], draft: Draft, draws: tf.Tensor) -> Draft:
        """The second picture after its ops."""
        kind = Kind(size=draft.image_size, classes=draft.kind.classes)
        second = start(other, kind, draft.policy, draft.epoch, others)
        if not self.ops:
            return second
        numbers = graph_ops.split(draws, [draws_of(op) for op in self.ops])
        for op, own in zip(self.ops, numbers, strict=True):
            second = op(second, own)
        if second.kind.colors or second.kind.fills or len(second.blend) > 1:
            problem = "the second picture of MixUp can only be moved"
            raise OptionError(problem, field="ops", found=self.ops, expected="geometry")
        return second.sealed()


def take(draft: Draft, count: int) -> tuple[tuple[Sample, ...], Draft]:
    """The next `count` partner images, and the draft without them."""
    taken, left = draft.partners[:count], draft.partners[count:]
    if len(taken) < count:
        raise OptionError(
            "Mosaic and MixUp need other images", field="partners", expected="a partner sample each"
        )
    return taken, draft.replace(partners=left)


def _placed(
    tile: Draft, canvas: tf.Tensor, point: tf.Tensor, rim: tf.Tensor, corner: tuple[int, int]
) -> Draft:
    """The tile fitted into `canvas`, visible in its own quarter only: right of `point`, below it, or not."""
    right, below = corner
    ratio = tf.reduce_min(canvas / tile.canvas, 1, keepdims=True)
    fitted = tf.maximum(tf.round(tile.canvas * ratio), 1.0)
    low = point - fitted * tf.constant([1 - right, 1 - below], tf.float64)
    placed = tile.scaled(fitted / tile.canvas, low, canvas)
    quarter = tf.stack(
        [
            point[:, 0] if right else rim[:, 0],
            point[:, 1] if below else rim[:, 1],
            rim[:, 2] if right else point[:, 0],
            rim[:, 3] if below else point[:, 1],
        ],
        1,
    )
    # `quarter` becomes the frame, and the frame part of the windows: later steps may then move all four at
    # once
    frame = graph_boxes.clip(placed.frame, quarter)
    return placed.replace(frame=frame, cut=True, framed=True).sealed()


def absent_unless(on: tf.Tensor, draft: Draft) -> Draft:
    return draft.replace(
        windows=tf.where(on[:, None, None], draft.windows, 0.0),
        status=tf.where(on[:, None], draft.status, ABSENT),
    )
