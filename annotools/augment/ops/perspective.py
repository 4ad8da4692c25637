"""Perspective: the picture as seen from aside, which no affine map can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.graph import homographies
from annotools.augment.ops.arguments import check_number
from annotools.augment.ops.probability import Probability, check_probability, happens
from annotools.augment.plan.draft import Draft

_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Perspective:
    """Move each corner of the canvas inwards by up to half of `distortion` of its sides, drawn apart for x
    and y, as torchvision's RandomPerspective does; boxes are tight around what is seen of them.

    It stands behind ops that join images and before rotations, once. Pictures with it are read whole.
    """

    distortion: float = 0.3
    p: Probability = 0.5
    draws: ClassVar[int] = 9

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_number(self.distortion, "distortion", 0.0, 0.9)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = tf.cast(happens(draws[:, 0], self.p, draft.epoch), tf.float64)[:, None, None]
        corners = tf.constant(_CORNERS, tf.float64)
        shares = tf.reshape(tf.cast(draws[:, 1:], tf.float64), [-1, 4, 2]) * on * (self.distortion / 2)
        moved = corners + (1 - 2 * corners) * shares
        size = draft.canvas[:, None]
        square = homographies.quadrilateral(moved * size)
        columns = tf.concat([draft.canvas, tf.ones_like(draft.canvas[:, :1])], 1)  # of the unit square
        return draft.warped(square / columns[:, None])
