"""Bringing the canvas to a size: stretched, letterboxed or cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_choice, check_flag, check_size
from annotools.augment.plan.draft import Draft, Op

ResizeMode = Literal["stretch", "letterbox", "crop"]


@dataclass(frozen=True, slots=True)
class Resize:
    """Stretch the canvas to `size` (H, W)."""

    size: tuple[int, int]
    draws: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        target = graph_ops.constant(self.size[::-1], tf.float64)
        return draft.scaled(target / draft.canvas, [0.0, 0.0], target + graph_ops.zeros(draft.canvas))


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Fit the canvas into `size` (H, W) without changing its proportions, centred, the rest filled.

    The scaled size and the margins are whole pixels, and the boxes use those, not the ratio before rounding.
    """

    size: tuple[int, int]
    scale_up: bool = True
    draws: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_size(self.size)
        check_flag(self.scale_up, "scale_up")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        target = tf.constant(self.size[::-1], tf.float64)
        ratio = tf.reduce_min(target / draft.canvas, 1, keepdims=True)
        if not self.scale_up:
            ratio = tf.minimum(ratio, 1.0)
        scaled = tf.maximum(tf.round(draft.canvas * ratio), 1.0)
        margin = tf.floor((target - scaled) / 2)
        return draft.scaled(scaled / draft.canvas, margin, target + tf.zeros_like(draft.canvas))


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Scale the canvas until it covers `size` (H, W), then cut the middle out."""

    size: tuple[int, int]
    draws: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_size(self.size)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        target = tf.constant(self.size[::-1], tf.float64)
        scaled = draft.canvas * tf.reduce_max(target / draft.canvas, 1, keepdims=True)
        scaled = tf.maximum(tf.round(scaled), target)
        low = tf.floor((scaled - target) / 2)
        grown = draft.scaled(scaled / draft.canvas, [0.0, 0.0], scaled)
        return grown.cropped(tf.concat([low, low + target], 1))


RESIZE: dict[str, type[Resize] | type[Letterbox] | type[CenterCrop]] = {
    "stretch": Resize,
    "letterbox": Letterbox,
    "crop": CenterCrop,
}


def fit(mode: str, size: tuple[int, int] | None) -> Op:
    """The op of a ResizeMode, which ends at `size` (H, W), None: at whole pixels. OptionError for no mode."""
    check_choice(mode, "resize", tuple(RESIZE))
    if size is None:
        return _to_whole_pixels
    check_size(size, "image_size")
    return RESIZE[mode](size)


def _to_whole_pixels(draft: Draft, draws: tf.Tensor) -> Draft:
    whole = tf.maximum(tf.round(draft.canvas), 1.0)
    return draft.scaled(whole / draft.canvas, graph_ops.zeros(draft.canvas), whole)
