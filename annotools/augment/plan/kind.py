"""The kind of a plan: what holds for every picture of it and is known while the graph is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from annotools.classes.spelling import nearest
from annotools.errors import OptionError

Color = tuple[int, int, int]
GRAY: Color = (114, 114, 114)
ColorFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(pixels (h, w, 3) float32 in [0, 255], numbers (n, ...) float32 of one picture) -> pixels of that shape."""
PixelFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(picture (h, w, 3) uint8, seed (2,) int64) -> (h, w, 3) uint8."""


@dataclass(frozen=True, slots=True)
class OnPicture:
    """A step on the finished picture, among the colour steps.

    function  what is called        stream  numbers that are its own, of which its seed is made
    """

    function: PixelFunction
    stream: tuple[int, ...]


ColorStep = ColorFunction | OnPicture | None
_ALWAYS_READ = frozenset({"sources", "matrices", "decoder", "reads", "targets", "shown", "warp"})


@dataclass(frozen=True, slots=True)
class Kind:
    """Plain Python. The ops write it on the draft; `render` needs it and the Plan, and nothing else.

    classes    the names of the labels, where they are known: pairs of name and label
    size       (h, w) of the output, None: each picture has a size of its own
    fill       the RGB of what no image covers
    groups     K ints: images of one group tile the canvas, the groups are blended
    turned     whether a map may turn by anything but right angles
    fills      for each erased rectangle its RGB, or None for noise
    fills_at   for each of them the number of colour steps that were noted before it
    colors     for each colour step its function, or None for an affine map of RGB. Those before the first
               OnPicture are for the pixels of each image, it and those behind it for the whole picture
    """

    size: tuple[int, int] | None = None
    fill: Color = GRAY
    groups: tuple[int, ...] = (0,)
    turned: bool = False
    fills: tuple[Color | None, ...] = ()
    fills_at: tuple[int, ...] = ()
    colors: tuple[ColorStep, ...] = ()
    classes: tuple[tuple[str, int], ...] = ()

    def label_of(self, name: str | int) -> int:
        """The label of a class; a label is itself. OptionError with the name that was meant."""
        if not isinstance(name, str):
            return name
        known = dict(self.classes)
        if name in known:
            return known[name]
        near = nearest(name, known)
        hint = f", did you mean {near}?" if near else ""
        expected = None if near else ", ".join(known) or "a label: names are known in a data set"
        raise OptionError(f"no such class{hint}", field="classes", found=name, expected=expected)

    @property
    def has_color(self) -> bool:
        return bool(self.colors)

    @property
    def is_linear(self) -> bool:
        """Whether the colour may wait for the batch: it is one matrix."""
        return all(function is None for function in self.colors)

    @property
    def of_images(self) -> int:
        """How many of the colour steps, the first ones, are for the pixels of each image."""
        whole = (number for number, step in enumerate(self.colors) if isinstance(step, OnPicture))
        return next(whole, len(self.colors))

    def read(self, *, color: bool) -> frozenset[str]:
        """The names of the fields of a Plan that `render` reads; `color`: whether it colours the picture."""
        colors = color and self.has_color
        conditions = {
            "windows": self.turned,
            "view": self.turned,
            "size": self.turned or self.size is None,
            "blend": max(self.groups) > 0,
            "erased": bool(self.fills),
            "seed": bool(self.fills) or (colors and self.of_images < len(self.colors)),
            "color_matrix": colors and self.is_linear,
            "color_steps": colors and not self.is_linear,
        }
        return _ALWAYS_READ | {name for name, is_read in conditions.items() if is_read}
