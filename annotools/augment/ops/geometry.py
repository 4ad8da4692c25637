"""Geometry: flips, turns, crops, zooms, rotations. Each op is a frozen value that writes one affine map on a
draft.

A range is (low, high), drawn uniformly; `p` is a probability or a `Schedule`; canvas means the picture so
far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, get_args

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import (
    check_choice,
    check_flag,
    check_number,
    check_range,
    check_size,
    is_number,
    numbers_in,
)
from annotools.augment.ops.probability import Probability, between, check_probability, column, happens
from annotools.augment.plan.draft import Draft
from annotools.boxes import Shape
from annotools.errors import OptionError

_SHAPES: tuple[Shape, ...] = get_args(Shape)


@dataclass(frozen=True, slots=True)
class HorizontalFlip:
    """Mirror left to right."""

    p: Probability = 0.5
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return _mirrored(draft, draws, self.p, (1.0, 0.0))


@dataclass(frozen=True, slots=True)
class VerticalFlip:
    """Turn upside down."""

    p: Probability = 0.5
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return _mirrored(draft, draws, self.p, (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Rot90:
    """Turn counter-clockwise by right angles, as many as one of `turns` says; the canvas turns too."""

    turns: tuple[int, ...] = (1, 2, 3)
    p: Probability = 0.5
    draws: ClassVar[int] = 2

    _LINEAR: ClassVar[list[list[list[float]]]] = [
        [[1, 0], [0, 1]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, -1]],
        [[0, -1], [1, 0]],
    ]
    # where the old canvas' width and height go in the offset of the map
    _OFFSET: ClassVar[list[list[list[float]]]] = [
        [[0, 0], [0, 0]],
        [[0, 0], [1, 0]],
        [[1, 0], [0, 1]],
        [[0, 1], [0, 0]],
    ]

    def __post_init__(self) -> None:
        check_probability(self.p)
        if is_number(self.turns):
            object.__setattr__(self, "turns", (self.turns,))
        turns = numbers_in(self.turns)
        if not turns or not set(turns) <= {0, 1, 2, 3}:
            raise OptionError(
                "not right angles", field="turns", found=self.turns, expected="some of 0, 1, 2, 3"
            )

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        pick = tf.gather(self.turns, tf.cast(draws[:, 1] * len(self.turns), tf.int32))
        turns = tf.where(happens(draws[:, 0], self.p, draft.epoch), pick, 0)
        linear = tf.gather(tf.constant(self._LINEAR, tf.float64), turns)
        offset = graph_boxes.apply_linear(
            tf.gather(tf.constant(self._OFFSET, tf.float64), turns), draft.canvas
        )
        canvas = tf.where((turns % 2 == 1)[:, None], draft.canvas[:, ::-1], draft.canvas)
        return draft.transformed(linear, offset, canvas, right_angles=True)


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cut out a window at a random place, on whole canvas pixels.

    size    (H, W) of the window, in pixels; a smaller canvas is filled up. None: draw it
    scale   range of the window's share of the canvas' area
    aspect  range of the window's width over height, drawn on a log scale
    keep_one  where there are objects, the window is around the centre of one of them
    """

    size: tuple[int, int] | None = None
    scale: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (0.75, 4 / 3)
    p: Probability = 1.0
    keep_one: bool = False

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-6, 1.0)
        check_flag(self.keep_one, "keep_one")
        check_range(self.aspect, "aspect", 1e-3)
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        places = tf.cast(draws[:, 1:3], tf.float64)
        if self.size is not None:
            size = tf.constant(self.size[::-1], tf.float64)
        else:
            area = between(tf.cast(draws[:, 3], tf.float64), self.scale) * draft.width * draft.height
            aspect = _log_between(draws[:, 4], self.aspect)
            size = tf.sqrt(tf.stack([area * aspect, area / aspect], 1))
            size = tf.minimum(tf.maximum(tf.round(size), 1.0), tf.floor(draft.canvas))
        room = draft.canvas - size
        # both ends of the room are as likely as any other place; a canvas that is too small goes anywhere in
        # the window
        low = tf.floor(places * (tf.abs(room) + 1)) * tf.sign(room)
        if self.keep_one:
            low = _around_one(draft, draws[:, 5], low, size, places)
        window = tf.concat([low, low + size], 1)
        whole = tf.concat([tf.zeros_like(low), draft.canvas], 1)
        on = happens(draws[:, :1], self.p, draft.epoch[..., None])
        return draft.cropped(tf.where(on, window, whole))

    @property
    def draws(self) -> int:
        return 6 if self.keep_one else 5


@dataclass(frozen=True, slots=True)
class Expand:
    """Put the picture at a random place of a canvas up to `max_ratio` times as wide and as high (SSD's zoom
    out).

    The larger canvas is only a number: pixels that end up in the fill are never allocated.
    """

    max_ratio: float = 4.0
    p: Probability = 0.5
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_number(self.max_ratio, "max_ratio", 1.0)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, share, places = graph_ops.columns(draws, 1, 1, 2)
        drawn = between(tf.cast(share, tf.float64), (1.0, self.max_ratio))
        ratio = graph_ops.choose(column(coin, self.p, draft.epoch), drawn, 1.0)
        canvas = tf.floor(draft.canvas * ratio)
        offset = tf.floor(tf.cast(places, tf.float64) * (canvas - draft.canvas))
        return draft.scaled([1.0, 1.0], offset, canvas)


@dataclass(frozen=True, slots=True)
class ScaleJitter:
    """Zoom about the centre of the canvas, which keeps its size: below 1 fill appears, above 1 the rim is
    lost.

    scale   range of the factor
    aspect  range of a further factor for the width alone, drawn on a log scale
    """

    scale: tuple[float, float] = (0.5, 1.5)
    aspect: tuple[float, float] = (1.0, 1.0)
    p: Probability = 1.0
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-3)
        check_range(self.aspect, "aspect", 1e-3)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = happens(draws[:, 0], self.p, draft.epoch)
        factor = between(tf.cast(draws[:, 1], tf.float64), self.scale)
        scale = tf.stack([factor * _log_between(draws[:, 2], self.aspect), factor], 1)
        scale = tf.where(on[:, None], scale, 1.0)
        return draft.scaled(scale, (1 - scale) * draft.canvas / 2)


@dataclass(frozen=True, slots=True)
class Translate:
    """Shift by up to `fraction` (x, y) of the canvas' sides, either way."""

    fraction: tuple[float, float] = (0.1, 0.1)
    p: Probability = 1.0
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        if is_number(self.fraction):
            object.__setattr__(self, "fraction", (self.fraction, self.fraction))
        if numbers_in(self.fraction, 2) is None:
            raise OptionError("not a pair", field="fraction", found=self.fraction, expected="(x, y)")
        for share in self.fraction:
            check_number(share, "fraction", 0.0)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = _float(happens(draws[:, 0], self.p, draft.epoch))
        share = tf.cast(draws[:, 1:] * 2 - 1, tf.float64) * tf.constant(self.fraction, tf.float64)
        return draft.scaled([1.0, 1.0], on[:, None] * share * draft.canvas)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn about the centre of the canvas by up to `degrees`, either way.

    boxes  "corner": the upright box around the turned box, tight around what the canvas shows of it.
           "ellipse": around the turned inscribed ellipse, which inflates less (arXiv 2109.13488). One such op
           decides for all
    """

    degrees: float = 10.0
    boxes: Shape = "corner"
    p: Probability = 1.0
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_probability(self.p)
        both = numbers_in(self.degrees, 2)
        if both is not None and both[0] == -both[1]:  # as torchvision and Albumentations have it
            object.__setattr__(self, "degrees", both[1])
        check_number(self.degrees, "degrees", 0.0, 180.0)
        check_choice(self.boxes, "boxes", _SHAPES)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = _float(happens(draws[:, 0], self.p, draft.epoch))
        angle = on * tf.cast(draws[:, 1] * 2 - 1, tf.float64) * math.radians(self.degrees)
        cos, sin = tf.cos(angle), tf.sin(angle)
        turn = tf.reshape(tf.stack([cos, sin, -sin, cos], 1), [-1, 2, 2])
        return _about_center(draft, turn, self.boxes)


@dataclass(frozen=True, slots=True)
class Shear:
    """Slant about the canvas' centre by up to `x` and `y` degrees, either way; `boxes` as for Rotate."""

    x: float = 5.0
    y: float = 0.0
    boxes: Shape = "corner"
    p: Probability = 1.0
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_number(self.x, "x", 0.0, 80.0)
        check_number(self.y, "y", 0.0, 80.0)
        check_choice(self.boxes, "boxes", _SHAPES)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        on = _float(happens(draws[:, :1], self.p, draft.epoch[..., None]))
        limits = tf.constant([math.radians(self.x), math.radians(self.y)], tf.float64)
        slope = tf.tan(on * tf.cast(draws[:, 1:] * 2 - 1, tf.float64) * limits)
        one = tf.ones_like(slope[:, 0])
        slant = tf.reshape(tf.stack([one, slope[:, 0], slope[:, 1], one], 1), [-1, 2, 2])
        return _about_center(draft, slant, self.boxes)


def _around_one(
    draft: Draft, draw: tf.Tensor, low: tf.Tensor, size: tf.Tensor, places: tf.Tensor
) -> tf.Tensor:
    """(B, 2) the corner of a window of `size` that holds the centre of a random object, half a pixel at least
    from its sides; `low` where there are no objects."""
    boxes = draft.visible_boxes()
    exists = graph_boxes.area(boxes) > 0
    rank = tf.cumsum(tf.cast(exists, tf.int32), axis=1)
    count = rank[:, -1]
    wanted = tf.cast(draw * tf.cast(count, tf.float32), tf.int32) + 1
    which = tf.argmax(tf.cast((rank == wanted[:, None]) & exists, tf.int32), 1)
    first, second = graph_boxes.halves(tf.gather(boxes, which, axis=1, batch_dims=1))
    center = (first + second) / 2
    least = tf.maximum(tf.math.ceil(center - size + 0.5), 0.0)
    most = tf.maximum(tf.minimum(tf.floor(center - 0.5), draft.canvas - size), least)
    around = least + tf.floor(places * (most - least + 1))
    fits = (count > 0)[:, None] & (size <= draft.canvas)  # a larger window holds all of them
    return tf.where(fits, around, low)


def _mirrored(draft: Draft, draws: tf.Tensor, p: Probability, axes: tuple[float, float]) -> Draft:
    """x' = width - x, or the same for y: `axes` are 1 for those to mirror."""
    (coin,) = graph_ops.columns(draws, 1)
    on = _float(column(coin, p, draft.epoch)) * graph_ops.constant((axes,), tf.float64)
    one, two = graph_ops.constant(1.0, tf.float64), graph_ops.constant(2.0, tf.float64)
    return draft.scaled(one - two * on, on * draft.canvas)


def _about_center(draft: Draft, linear: tf.Tensor, boxes: Shape) -> Draft:
    center = draft.canvas / 2
    turned = draft.transformed(linear, center - graph_boxes.apply_linear(linear, center))
    return turned.replace(ellipse=draft.ellipse or boxes == "ellipse")


def _log_between(draws: tf.Tensor, bounds: tuple[float, float]) -> tf.Tensor:
    """float64, spread evenly on a log scale. (float64 hides that exp may round by the place in a batch.)"""
    low, high = math.log(bounds[0]), math.log(bounds[1])
    return tf.exp(between(tf.cast(draws, tf.float64), (low, high)))


def _float(on: tf.Tensor) -> tf.Tensor:
    return tf.cast(on, tf.float64)
