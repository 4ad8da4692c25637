"""A small drawing layer on top of Pillow: filled and shaded shapes in fractions of an object's size.

Everything is drawn several times larger than the final picture and reduced at the end, so that edges come
out smooth without any antialiasing of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypedDict, Unpack

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
XY = tuple[float, float]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True)
class Gradient:
    """Evenly spaced colours from top to bottom, or from left to right."""

    colours: tuple[Colour, ...]
    horizontal: bool = False


Paint = Colour | Gradient


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` (0 to 1) of `b`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def lighter(colour: Colour, share: float) -> Colour:
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float) -> Colour:
    return mix(colour, BLACK, share)


def down(top: Colour, *rest: Colour) -> Gradient:
    return Gradient((top, *rest))


def across(left: Colour, *rest: Colour) -> Gradient:
    return Gradient((left, *rest), horizontal=True)


def mirrored(half: Sequence[XY]) -> list[XY]:
    """A closed outline, symmetric about x = 0.5, from its right half (top to bottom)."""
    return [*half, *((1 - x, y) for x, y in reversed(half))]


def curve(points: Sequence[XY], *, closed: bool = True, steps: int = 8) -> list[XY]:
    """A Catmull-Rom curve through the points; a point given twice is a corner."""
    count = len(points)
    result = []
    for i in range(count if closed else count - 1):
        if closed:
            a, b, c, d = (points[(i + k - 1) % count] for k in range(4))
        else:
            a, b, c, d = (points[min(max(i + k - 1, 0), count - 1)] for k in range(4))
        if b == c:
            continue
        # A doubled point ends the curve on this side: without this, its neighbour would bend the corner.
        for step in range(steps):
            t = step / steps
            result.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    if not closed:
        result.append(points[-1])
    return result


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    linear, square, cube = c - a, 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
    return b + 0.5 * t * (linear + t * (square + t * cube))


@dataclass(frozen=True)
class Style:
    """`blur` is a fraction of the width; `atop` paints only where the layer is already covered."""

    opacity: float = 1
    blur: float = 0
    atop: bool = False


class StyleOptions(TypedDict, total=False):
    opacity: float
    blur: float
    atop: bool


class Layer:
    """A transparent picture of `width` x `height` pixels (of the final image) and a margin around it.

    Coordinates are fractions: (0, 0) is the top left corner of the object and (1, 1) the bottom right one.
    Line widths, radii and blurs are fractions of the width.
    """

    def __init__(self, width: float, height: float, scale: int, margin: float = 8) -> None:
        self.width, self.height, self.scale, self.margin = width, height, scale, margin
        size = (round((width + 2 * margin) * scale), round((height + 2 * margin) * scale))
        self.image = Image.new("RGBA", size)

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def _device(self, point: XY) -> XY:
        return (
            (point[0] * self.width + self.margin) * self.scale,
            (point[1] * self.height + self.margin) * self.scale,
        )

    def _length(self, fraction: float) -> float:
        return fraction * self.width * self.scale

    def _lay(
        self,
        outline: Sequence[XY],
        draw_mask: Callable[[ImageDraw.ImageDraw, list[XY]], None],
        paint: Paint,
        style: Style,
        reach: float = 0,
    ) -> None:
        """Paint what `draw_mask` draws; nothing of it may lie further than `reach` from the outline."""
        device = [self._device(point) for point in outline]
        blur = self._length(style.blur)
        pad = math.ceil(reach + 3 * blur) + 2
        left = max(0, math.floor(min(x for x, _ in device)) - pad)
        top = max(0, math.floor(min(y for _, y in device)) - pad)
        right = min(self.image.width, math.ceil(max(x for x, _ in device)) + pad)
        bottom = min(self.image.height, math.ceil(max(y for _, y in device)) + pad)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top))
        draw_mask(ImageDraw.Draw(mask), [(x - left, y - top) for x, y in device])
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur))
        if style.opacity < 1:
            mask = mask.point([round(value * style.opacity) for value in range(256)])
        if style.atop:
            mask = ImageChops.multiply(mask, self.image.getchannel("A").crop((left, top, right, bottom)))
        coloured = _painted(paint, mask.size)
        coloured.putalpha(mask)
        self.image.alpha_composite(coloured, (left, top))

    def shape(self, points: Sequence[XY], paint: Paint, **style: Unpack[StyleOptions]) -> None:
        """A filled polygon."""
        self._lay(points, lambda draw, outline: draw.polygon(outline, fill=255), paint, Style(**style))

    def line(self, points: Sequence[XY], width: float, paint: Paint, **style: Unpack[StyleOptions]) -> None:
        """A line with round ends and joints."""
        thickness = max(1, round(self._length(width)))

        def draw_mask(draw: ImageDraw.ImageDraw, outline: list[XY]) -> None:
            draw.line(outline, fill=255, width=thickness, joint="curve")
            if thickness > 2:
                r = thickness / 2
                for x, y in (outline[0], outline[-1]):
                    draw.ellipse((x - r, y - r, x + r, y + r), fill=255)

        self._lay(points, draw_mask, paint, Style(**style), reach=thickness)

    def rounded(
        self,
        box: tuple[float, float, float, float],
        radius: float,
        paint: Paint,
        **style: Unpack[StyleOptions],
    ) -> None:
        """A rectangle with round corners."""
        r = self._length(radius)

        def draw_mask(draw: ImageDraw.ImageDraw, corners: list[XY]) -> None:
            draw.rounded_rectangle((*corners[0], *corners[1]), radius=r, fill=255)

        self._lay([(box[0], box[1]), (box[2], box[3])], draw_mask, paint, Style(**style))

    def disc(
        self, centre: XY, radius: float, paint: Paint, flat: float = 1, **style: Unpack[StyleOptions]
    ) -> None:
        """A circle, or an ellipse whose height is `flat` times its width."""
        r = self._length(radius)

        def draw_mask(draw: ImageDraw.ImageDraw, middle: list[XY]) -> None:
            x, y = middle[0]
            draw.ellipse((x - r, y - r * flat, x + r, y + r * flat), fill=255)

        self._lay([centre], draw_mask, paint, Style(**style), reach=r * max(1, flat))

    def grain(self, points: Sequence[XY], rng: Random, colour: Colour, strength: float, along: int) -> None:
        """Streaks, as in wood or brushed metal, inside a polygon; `along` is their number across it."""

        def draw_mask(draw: ImageDraw.ImageDraw, outline: list[XY]) -> None:
            size = draw.im.size
            noise = Image.frombytes("L", (6, along), rng.randbytes(6 * along))
            streaks = noise.resize(size, Image.Resampling.BICUBIC)
            inside = Image.new("L", size)
            ImageDraw.Draw(inside).polygon(outline, fill=255)
            draw.bitmap((0, 0), ImageChops.multiply(streaks, inside), fill=255)

        self._lay(points, draw_mask, colour, Style(opacity=strength))

    def folds(self, rng: Random, count: int, top: float = 0.3, strength: float = 0.3) -> None:
        """Soft vertical creases of cloth."""
        for _ in range(count):
            x, y = rng.uniform(0.2, 0.8), rng.uniform(top, 0.8)
            lean = rng.uniform(-0.08, 0.08)
            points = curve(
                [(x, y), (x + lean / 2 + 0.01, y + 0.12), (x + lean, y + rng.uniform(0.2, 0.4))],
                closed=False,
            )
            paint = BLACK if rng.random() < 0.65 else WHITE
            self.line(points, 0.035, paint, opacity=strength, blur=0.02, atop=True)

    def volume(self, radius: float = 0.06, strength: float = 0.55) -> None:
        """Light from the upper left: brighten that rim of the whole shape and darken the opposite one."""
        alpha = self.image.getchannel("A")
        reach = self._length(radius)
        soft = alpha.filter(ImageFilter.GaussianBlur(reach))
        step = max(1, round(reach * 0.7))
        away = ImageChops.invert(_shifted(soft, -step, -step))
        toward = ImageChops.invert(_shifted(soft, step, step))
        for rim, colour, share in ((away, BLACK, strength), (toward, WHITE, strength * 0.4)):
            mask = ImageChops.multiply(rim, alpha).point([round(v * share) for v in range(256)])
            coloured = Image.new("RGBA", self.image.size, colour)
            coloured.putalpha(mask)
            self.image.alpha_composite(coloured)

    def turned(self, degrees: float) -> None:
        """Turn the drawing about its middle; the layer keeps its size, so the margin must have room."""
        self.image = self.image.rotate(degrees, Image.Resampling.BICUBIC)


class Canvas(Layer):
    """A layer whose coordinates, widths and blurs are pixels of the final image."""

    def __init__(self, width: int, height: int, scale: int, margin: int) -> None:
        super().__init__(1, 1, 1, 0)
        self.scale, self.margin, self.border = scale, margin, margin
        self.image = Image.new("RGBA", ((width + 2 * margin) * scale, (height + 2 * margin) * scale))


def _shifted(mask: Image.Image, dx: int, dy: int) -> Image.Image:
    result = Image.new("L", mask.size)
    result.paste(mask, (dx, dy))
    return result


def _painted(paint: Paint, size: tuple[int, int]) -> Image.Image:
    if not isinstance(paint, Gradient):
        return Image.new("RGB", size, paint)
    parts = len(paint.colours) - 1
    strip = bytearray()
    for i in range(64):
        place = i / 63 * parts
        k = min(int(place), parts - 1)
        strip.extend(mix(paint.colours[k], paint.colours[k + 1], place - k))
    shape = (64, 1) if paint.horizontal else (1, 64)
    return Image.frombytes("RGB", shape, bytes(strip)).resize(size, Image.Resampling.BILINEAR)
