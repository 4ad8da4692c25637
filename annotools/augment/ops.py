"""Geometry: flips, turns, crops, zooms, rotations. Each op is a frozen value that writes one affine map on a
draft.

A range is (low, high), drawn uniformly; `p` is a probability or a `Schedule`; canvas means the picture so
far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.chance import Chance, between, check_probability, check_range, happens
from annotools.augment.draft import Draft
from annotools.augment.seeds import uniform
from annotools.boxes import Shape
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class HorizontalFlip:
    """Mirror left to right."""

    p: Chance = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        on = _float(happens(uniform(seed, 1)[0], self.p, draft.epoch))
        return draft.scaled([1 - 2 * on, 1.0], [on * draft.width, 0.0]).replace(mirrors=True)


@dataclass(frozen=True, slots=True)
class VerticalFlip:
    """Turn upside down."""

    p: Chance = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        on = _float(happens(uniform(seed, 1)[0], self.p, draft.epoch))
        return draft.scaled([1.0, 1 - 2 * on], [0.0, on * draft.height]).replace(mirrors=True)


@dataclass(frozen=True, slots=True)
class Rot90:
    """Turn counter-clockwise by right angles, as many as one of `turns` says; the canvas turns too."""

    turns: tuple[int, ...] = (1, 2, 3)
    p: Chance = 0.5

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
        if not self.turns or not set(self.turns) <= {0, 1, 2, 3}:
            raise OptionError(
                "not right angles", field="turns", found=self.turns, expected="some of 0, 1, 2, 3"
            )

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 2)
        pick = tf.cast(draws[1] * len(self.turns), tf.int32)
        turns = tf.where(happens(draws[0], self.p, draft.epoch), tf.constant(self.turns)[pick], 0)
        linear = tf.constant(self._LINEAR, tf.float64)[turns]
        offset = tf.linalg.matvec(tf.constant(self._OFFSET, tf.float64)[turns], draft.canvas)
        canvas = tf.where(turns % 2 == 1, draft.canvas[::-1], draft.canvas)
        return draft.transformed(linear, offset, canvas, right_angles=True)


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cut out a window at a random place, on whole canvas pixels.

    size    (H, W) of the window, in pixels; a smaller canvas is filled up. None: draw it
    scale   range of the window's share of the canvas' area
    aspect  range of the window's width over height, drawn on a log scale
    """

    size: tuple[int, int] | None = None
    scale: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (0.75, 4 / 3)
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-6, 1.0)
        check_range(self.aspect, "aspect", 1e-3)
        if self.size is not None:
            check_size(self.size)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = tf.cast(uniform(seed, 5), tf.float64)
        if self.size is not None:
            size = tf.constant(self.size[::-1], tf.float64)
        else:
            area = between(draws[3], self.scale) * draft.width * draft.height
            aspect = tf.exp(between(draws[4], (math.log(self.aspect[0]), math.log(self.aspect[1]))))
            size = tf.stack([tf.sqrt(area * aspect), tf.sqrt(area / aspect)])
            size = tf.clip_by_value(tf.round(size), 1.0, tf.floor(draft.canvas))
        room = draft.canvas - size
        # both ends of the room are as likely as any other place; a canvas that is too small goes anywhere in
        # the window
        low = tf.floor(draws[1:3] * (tf.abs(room) + 1)) * tf.sign(room)
        window = tf.concat([low, low + size], 0)
        whole = tf.concat([tf.zeros([2], tf.float64), draft.canvas], 0)
        on = happens(tf.cast(draws[0], tf.float32), self.p, draft.epoch)
        return draft.cropped(tf.where(on, window, whole))


@dataclass(frozen=True, slots=True)
class Expand:
    """Put the picture at a random place of a canvas up to `max_ratio` times as wide and as high (SSD's zoom
    out).

    The larger canvas is only a number: pixels that end up in the fill are never allocated.
    """

    max_ratio: float = 4.0
    p: Chance = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range((1.0, self.max_ratio), "max_ratio", 1.0)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 4)
        on = happens(draws[0], self.p, draft.epoch)
        ratio = tf.cast(tf.where(on, between(draws[1], (1.0, self.max_ratio)), 1.0), tf.float64)
        canvas = tf.floor(draft.canvas * ratio)
        offset = tf.floor(tf.cast(draws[2:4], tf.float64) * (canvas - draft.canvas))
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
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-3)
        check_range(self.aspect, "aspect", 1e-3)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 3)
        on = happens(draws[0], self.p, draft.epoch)
        factor = between(draws[1], self.scale)
        aspect = tf.exp(between(draws[2], (math.log(self.aspect[0]), math.log(self.aspect[1]))))
        scale = tf.cast(tf.where(on, tf.stack([factor * aspect, factor]), 1.0), tf.float64)
        return draft.scaled(scale, (1 - scale) * draft.canvas / 2)


@dataclass(frozen=True, slots=True)
class Translate:
    """Shift by up to `fraction` (x, y) of the canvas' sides, either way."""

    fraction: tuple[float, float] = (0.1, 0.1)
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        for share in self.fraction:
            check_range((share, share), "fraction", 0.0)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 3)
        on = _float(happens(draws[0], self.p, draft.epoch))
        share = tf.cast(draws[1:] * 2 - 1, tf.float64) * tf.constant(self.fraction, tf.float64)
        return draft.scaled([1.0, 1.0], on * share * draft.canvas)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn about the centre of the canvas by up to `degrees`, either way.

    boxes  "corner": the upright box around the turned box, tight around what the canvas shows of it.
           "ellipse": around the turned inscribed ellipse, which inflates less (arXiv 2109.13488). One such op
           decides for all
    """

    degrees: float = 10.0
    boxes: Shape = "corner"
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range((self.degrees, self.degrees), "degrees", 0.0, 180.0)
        _check_shape(self.boxes)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 2)
        on = _float(happens(draws[0], self.p, draft.epoch))
        angle = on * tf.cast(draws[1] * 2 - 1, tf.float64) * math.radians(self.degrees)
        cos, sin = tf.cos(angle), tf.sin(angle)
        return _about_center(draft, tf.stack([tf.stack([cos, sin]), tf.stack([-sin, cos])]), self.boxes)


@dataclass(frozen=True, slots=True)
class Shear:
    """Slant about the canvas' centre by up to `x` and `y` degrees, either way; `boxes` as for Rotate."""

    x: float = 5.0
    y: float = 0.0
    boxes: Shape = "corner"
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range((self.x, self.x), "x", 0.0, 80.0)
        check_range((self.y, self.y), "y", 0.0, 80.0)
        _check_shape(self.boxes)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        draws = uniform(seed, 3)
        on = _float(happens(draws[0], self.p, draft.epoch))
        limits = tf.constant([math.radians(self.x), math.radians(self.y)], tf.float64)
        slope = tf.tan(on * tf.cast(draws[1:] * 2 - 1, tf.float64) * limits)
        one = tf.ones([], tf.float64)
        return _about_center(
            draft, tf.stack([tf.stack([one, slope[0]]), tf.stack([slope[1], one])]), self.boxes
        )


@dataclass(frozen=True, slots=True)
class Resize:
    """Stretch the canvas to `size` (H, W)."""

    size: tuple[int, int]

    def __post_init__(self) -> None:
        check_size(self.size)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        target = tf.constant(self.size[::-1], tf.float64)
        return draft.scaled(target / draft.canvas, [0.0, 0.0], target)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Fit the canvas into `size` (H, W) without changing its proportions, centred, the rest filled.

    The scaled size and the margins are whole pixels, and the boxes use those, not the ratio before rounding.
    """

    size: tuple[int, int]
    scale_up: bool = True

    def __post_init__(self) -> None:
        check_size(self.size)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        target = tf.constant(self.size[::-1], tf.float64)
        ratio = tf.reduce_min(target / draft.canvas)
        if not self.scale_up:
            ratio = tf.minimum(ratio, 1.0)
        scaled = tf.maximum(tf.round(draft.canvas * ratio), 1.0)
        margin = tf.floor((target - scaled) / 2)
        return draft.scaled(scaled / draft.canvas, margin, target)


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Scale the canvas until it covers `size` (H, W), then cut the middle out."""

    size: tuple[int, int]

    def __post_init__(self) -> None:
        check_size(self.size)

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        target = tf.constant(self.size[::-1], tf.float64)
        scaled = tf.maximum(tf.round(draft.canvas * tf.reduce_max(target / draft.canvas)), target)
        low = tf.floor((scaled - target) / 2)
        grown = draft.scaled(scaled / draft.canvas, [0.0, 0.0], scaled)
        return grown.cropped(tf.concat([low, low + target], 0))


@dataclass(frozen=True, slots=True)
class OnPixels:
    """Your own function on the finished picture: (h, w, 3) uint8 and a seed (2,) int64 -> (h, w, 3) uint8.

    It must not move anything (boxes are not told) and must draw with `tf.random.stateless_*` only.
    """

    function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    on_pixels: ClassVar[bool] = True

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        return draft.replace(retouches=(*draft.retouches, (self.function, seed)))


def _about_center(draft: Draft, linear: tf.Tensor, boxes: Shape) -> Draft:
    center = draft.canvas / 2
    turned = draft.transformed(linear, center - tf.linalg.matvec(linear, center))
    return turned.replace(ellipse=draft.ellipse or boxes == "ellipse")


def _float(on: tf.Tensor) -> tf.Tensor:
    return tf.cast(on, tf.float64)


def check_size(size: Sequence[object], field: str = "size") -> None:
    """Raise OptionError unless `size` is two whole numbers of at least 1."""
    good = len(size) == 2 and all(isinstance(side, int) and side >= 1 for side in size)
    if not good:
        raise OptionError("not a size", field=field, found=size, expected="(height, width) in pixels")


def _check_shape(shape: str) -> None:
    if shape not in ("corner", "ellipse"):
        raise OptionError("unknown choice", field="boxes", found=shape, expected="corner or ellipse")
