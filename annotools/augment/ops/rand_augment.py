"""RandAugment (arXiv 1909.13719): a few ops at random, all of one strength, that move the boxes too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_count, check_number
from annotools.augment.ops.choice import check_ops, draws_of
from annotools.augment.ops.color import LUMA
from annotools.augment.ops.filters import sharpened
from annotools.augment.ops.probability import Probability, check_probability, happens
from annotools.augment.ops.tone import equalized, posterized, solarized, stretched
from annotools.augment.plan.draft import Draft, Op
from annotools.augment.plan.selection import select

# torchvision's RandAugment (transforms/v2/_auto_augment.py, 0.29): what each op does at the strongest step,
# of the value that changes nothing: radians' tangent, shares of a side, degrees, factors less 1, bits, 255
STRONGEST = {
    "Identity": 0.0,
    "ShearX": 0.3,
    "ShearY": 0.3,
    "TranslateX": 150.0 / 331.0,
    "TranslateY": 150.0 / 331.0,
    "Rotate": 30.0,
    "Brightness": 0.9,
    "Color": 0.9,
    "Contrast": 0.9,
    "Sharpness": 0.9,
    "Posterize": 4.0,
    "Solarize": 1.0,
    "AutoContrast": 0.0,
    "Equalize": 0.0,
}
_PLACE = {name: place for place, name in enumerate(STRONGEST)}


def strengths(magnitude: int, bins: int) -> dict[str, float]:
    """The number of each op at a `magnitude` of 0..bins - 1, as torchvision's table has it; of Posterize the
    bits that stay, of Solarize the threshold as a share of white."""
    share = magnitude / (bins - 1)
    found = {name: most * share for name, most in STRONGEST.items()}
    return found | {"Posterize": 8.0 - round(STRONGEST["Posterize"] * share), "Solarize": 1.0 - share}


@dataclass(frozen=True, slots=True)
class RandAugment:
    """`count` times one of torchvision's fourteen ops, each as likely as any other, at one strength.

    magnitude   of 0..bins - 1, where 0 changes little and bins - 1 is the most; what can go two ways (shear,
                shift, turn, brightness, colour, contrast, sharpness) goes either with a coin
    ops         these instead, each of the strength that it has itself
    """

    count: int = 2
    magnitude: int = 9
    bins: int = 31
    ops: tuple[Op, ...] | None = None
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_count(self.count, "count")
        check_count(self.bins, "bins", 2)
        check_count(self.magnitude, "magnitude", 0)
        check_number(self.magnitude, "magnitude", 0, self.bins - 1)
        check_probability(self.p)
        if self.ops is not None:
            check_ops(self.ops, "ops")
            object.__setattr__(self, "ops", tuple(self.ops))

    @property
    def draws(self) -> int:
        return 1 + self.count * self._each

    @property
    def _each(self) -> int:
        return 2 if self.ops is None else 1 + sum(draws_of(op) for op in self.ops)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, *rounds = graph_ops.split(draws, (1, *[self._each] * self.count))
        on = happens(tf.squeeze(coin, 1), self.p, draft.epoch)
        for numbers in rounds:
            if self.ops is None:
                draft = self._one_of_fourteen(draft, numbers, on)
                continue
            pick, *own = graph_ops.split(numbers, (1, *(draws_of(op) for op in self.ops)))
            place = tf.cast(tf.squeeze(pick, 1) * len(self.ops), tf.int32)
            for index, op in enumerate(self.ops):
                draft = select(on & (place == index), op(draft, own[index]), draft)
        return draft

    def _one_of_fourteen(self, draft: Draft, numbers: tf.Tensor, on: tf.Tensor) -> Draft:
        place = tf.cast(numbers[:, 0] * len(STRONGEST), tf.int32)
        sign = tf.where(numbers[:, 1] < 0.5, -1.0, 1.0)
        strength = strengths(self.magnitude, self.bins)

        def picked(name: str) -> tf.Tensor:
            return on & (place == _PLACE[name])

        def signed(name: str) -> tf.Tensor:
            """(B,) float32, 0 where another op was picked."""
            return tf.where(picked(name), sign * strength[name], 0.0)

        draft = _moved(draft, signed)
        brightness, color = 1 + signed("Brightness"), 1 + signed("Color")
        mixed = LUMA + color[:, None, None] * tf.constant(np.eye(3) - LUMA, tf.float32)
        draft = draft.colored(tf.pad(brightness[:, None, None] * mixed, [[0, 0], [0, 0], [0, 1]]))
        of_values: dict[str, tuple[Callable[..., tf.Tensor], tf.Tensor]] = {
            "Contrast": (contrasted, 1 + signed("Contrast")),
            "Sharpness": (sharpened, 1 + signed("Sharpness")),
            "Posterize": (posterized, tf.fill(tf.shape(sign), strength["Posterize"])),
            "Solarize": (solarized, tf.fill(tf.shape(sign), strength["Solarize"] * 255)),
            "AutoContrast": (stretched, sign),
            "Equalize": (equalized, sign),
        }
        for name, (function, number) in of_values.items():
            draft = draft.colored(number[:, None], function, on=picked(name))
        return draft


def _moved(draft: Draft, signed: Callable[[str], tf.Tensor]) -> Draft:
    """The draft under whichever of the five maps was picked: at most one of their numbers is not 0."""
    x_slope, y_slope = (tf.cast(signed(name), tf.float64) for name in ("ShearX", "ShearY"))
    angle = tf.cast(signed("Rotate"), tf.float64) * (math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    linear = tf.reshape(tf.stack([cos, sin + x_slope, y_slope - sin, cos], 1), [-1, 2, 2])
    shares = tf.cast(tf.stack([signed("TranslateX"), signed("TranslateY")], 1), tf.float64)
    shift = tf.sign(shares) * tf.floor(tf.abs(shares) * draft.canvas)
    turns = tf.reshape(
        tf.stack([cos, sin, -sin, cos], 1), [-1, 2, 2]
    )  # about the middle; the rest about 0, 0
    center = draft.canvas / 2
    return draft.transformed(linear, shift + center - graph_boxes.apply_linear(turns, center))


def contrasted(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Away from the mean luma, times numbers[0] (Pillow's ImageEnhance)."""
    mean = tf.floor(tf.reduce_mean(tf.tensordot(pixels, tf.constant(LUMA[0], tf.float32), 1)) + 0.5)
    return mean + (pixels - mean) * numbers[0]
