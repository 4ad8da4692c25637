"""One tile of a contact sheet: a picture with its boxes and names, and lines of text below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from annotools.view.fonts import Fonts
from annotools.view.palette import PROBLEM, color, ink, marks

if TYPE_CHECKING:
    from annotools.view.fonts import Font

Edges = tuple[float, float, float, float]
PAPER: Final = "#ffffff"
TEXT: Final = "#1a1a1a"
NO_PICTURE: Final = "#d0d0d0"
HALO: Final = "#000000"
_NAME_LENGTH: Final = 28
_LARGEST_ZOOM: Final = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """One box to draw. Edges in pixels of the picture; `index` of its class, for the colour.

    note   what stands behind the name
    thin   in the background: the truth below detections
    """

    edges: Edges
    name: str
    index: int | None
    difficult: bool = False
    truncated: bool = False
    problem: bool = False
    thin: bool = False
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} {self.note}" if self.note else self.name


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a tile shows. `size` is (W, H) in the pixels that the marks count; `lines` are (text, is red)."""

    picture: Image.Image | None
    size: tuple[int, int]
    marks: tuple[Mark, ...]
    lines: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How large things are, in pixels of the sheet: all follow from the longer side of a picture."""

    tile: int
    fonts: Fonts

    @property
    def line(self) -> int:
        return max(2, round(self.tile / 110))

    @property
    def text(self) -> int:
        return max(11, round(self.tile / 24))

    @property
    def margin(self) -> int:
        """Round the picture, where lines at its border are drawn whole."""
        return 3 * self.line

    @property
    def row(self) -> int:
        return round(self.text * 1.35)

    def font(self, text: str) -> Font:
        return self.fonts.at(self.text, text)


def scale_of(size: tuple[int, int], tile: int) -> float:
    """Pixels of the sheet for one of the picture: its longer side is `tile`, if that is no 16-fold zoom."""
    return min(tile / max(*size, 1), _LARGEST_ZOOM)


def draw_tile(drawing: Drawing, style: Style) -> Image.Image:
    """The tile, (tile + 2 margins) wide and as high as it needs."""
    width, height = drawing.size
    scale = scale_of(drawing.size, style.tile)
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    full = style.tile + 2 * style.margin
    text_top = shown[1] + 2 * style.margin
    lines = [
        (row, is_red)
        for text, is_red in drawing.lines
        for row in wrap(style.fonts.spelled(text), full - 2 * style.margin, style.font(text))
    ]
    tile = Image.new("RGB", (full, text_top + style.row * len(lines)), PAPER)
    left, top = style.margin + (style.tile - shown[0]) // 2, style.margin
    frame = (left - style.margin, 0, left + shown[0] + style.margin, text_top)
    if drawing.picture is None:
        tile.paste(NO_PICTURE, (left, top, left + shown[0], top + shown[1]))
    else:
        way = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC
        tile.paste(drawing.picture.resize(shown, way, reducing_gap=2.0), (left, top))
    canvas = ImageDraw.Draw(tile)
    _Boxes(canvas, style, frame).draw(
        [(mark, _placed(mark.edges, scale, (left, top))) for mark in drawing.marks if _drawable(mark.edges)]
    )
    for number, (text, is_red) in enumerate(lines):
        place = style.margin, text_top + number * style.row
        canvas.text(place, text, fill=PROBLEM if is_red else TEXT, font=style.font(text))
    return tile


def wrap(text: str, width: float, font: Font) -> list[str]:
    """The text on one line or two; the second is shortened where it is too long."""
    first = ""
    for word in text.split(" "):
        longer = f"{first} {word}" if first else word
        if font.getlength(longer) > width:
            break
        first = longer
    rest = text[len(first) :].strip()
    return [one for one in (first, elide(rest, width, font)) if one]


def elide(text: str, width: float, font: Font) -> str:
    """The text, its middle left out where it is wider than `width` pixels: both ends of a path tell most."""
    if font.getlength(text) <= width:
        return text
    low, high = 0, len(text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(_without_middle(text, middle)) <= width:
            low = middle
        else:
            high = middle - 1
    return _without_middle(text, low)


def _without_middle(text: str, kept: int) -> str:
    end = kept // 2
    return f"{text[: kept - end]}...{text[len(text) - end :]}"


def _drawable(edges: Edges) -> bool:
    return all(math.isfinite(edge) and abs(edge) < 1e7 for edge in edges)


def _placed(edges: Edges, scale: float, corner: tuple[int, int]) -> Edges:
    """The box in pixels of the tile, its corners in order."""
    x = sorted(corner[0] + edge * scale for edge in edges[::2])
    y = sorted(corner[1] + edge * scale for edge in edges[1::2])
    return x[0], y[0], x[1], y[1]


class _Boxes:
    """Draws boxes, then names, on one tile; nothing of it leaves `frame`, (left, top, right, bottom)."""

    def __init__(self, canvas: ImageDraw.ImageDraw, style: Style, frame: Sequence[int]) -> None:
        self.canvas, self.style, self.frame = canvas, style, frame
        self._plates: list[Edges] = []

    def draw(self, placed: Sequence[tuple[Mark, Edges]]) -> None:
        # the large ones first: a small one must not lie under the line of a large one
        ordered = sorted(placed, key=lambda one: (not one[0].thin, -_area(one[1])))
        for mark, box in ordered:
            self._outline(mark, box)
        for mark, box in ordered:
            if not mark.thin:
                self._name(mark, box)

    def _outline(self, mark: Mark, box: Edges) -> None:
        line = max(1, self.style.line // 2) if mark.thin else self.style.line
        if mark.problem:
            for edge in _edges(_grown(box, 1.5 * line + 1)):
                self._line(edge, PROBLEM, line)
        pieces = list(_dashes(box, 4 * line)) if mark.difficult else _edges(box)
        for fill, width in ((HALO, line + 2), (color(mark.index), line)):
            for piece in pieces:
                self._line(piece, fill, width)
        if mark.truncated:
            self._corners(mark, box, 4 * line)
        self._dozens(mark, box, line)

    def _line(self, piece: Edges, fill: str, width: int) -> None:
        """A level or upright line with its middle where it is, `width` longer than it is."""
        self._fill(_grown(piece, width / 2), fill)

    def _fill(self, area: Edges, fill: str) -> None:
        left, top, right, bottom = self.frame
        # round() would round halves to even numbers: lines of two widths would not lie on each other
        whole = [math.floor(edge + 0.5) for edge in area]
        x0, y0 = max(whole[0], left), max(whole[1], top)
        x1, y1 = min(whole[2], right), min(whole[3], bottom)
        if x0 < x1 and y0 < y1:
            self.canvas.rectangle((x0, y0, x1 - 1, y1 - 1), fill=fill)

    def _corners(self, mark: Mark, box: Edges, side: float) -> None:
        """A filled triangle in each lower corner: the object goes on elsewhere."""
        x0, _, x1, y1 = box
        side = min(side, (x1 - x0) / 2, y1 - box[1])
        for x, way in ((x0, 1), (x1, -1)):
            self.canvas.polygon(
                [(x, y1), (x + way * side, y1), (x, y1 - side)], fill=color(mark.index), outline=HALO
            )

    def _dozens(self, mark: Mark, box: Edges, line: int) -> None:
        """A square at the right edge for each dozen of classes before this one."""
        side = 2 * line + 1
        for number in range(marks(mark.index)):
            y = box[1] + line + number * (side + line)
            area = (box[2] - line - side, y, box[2] - line, y + side)
            self._fill(_grown(area, 1), HALO)
            self._fill(area, color(mark.index))

    def _name(self, mark: Mark, box: Edges) -> None:
        """The name on a plate at the first of some places where no other plate is, or nowhere."""
        text, font = self.style.fonts.spelled(mark.label), self.style.font(mark.label)
        text = text if len(text) <= _NAME_LENGTH else f"{text[: _NAME_LENGTH - 3]}..."
        pad = self.style.line
        width = math.ceil(font.getlength(text)) + 2 * pad
        height = self.style.text + 2 * pad
        for x, y in _places(box, width, height, self.style.line):
            x = min(max(x, self.frame[0]), self.frame[2] - width)
            y = min(max(y, self.frame[1]), self.frame[3] - height)
            plate = (x, y, x + width, y + height)
            if not any(_overlap(plate, other) for other in self._plates):
                self._plates.append(plate)
                fill = color(mark.index)
                self._fill(plate, fill)
                middle = (round(x) + pad, round(y) + height / 2)
                self.canvas.text(middle, text, fill=ink(fill), font=font, anchor="lm")
                return


def _places(box: Edges, width: float, height: float, line: int) -> Iterator[tuple[float, float]]:
    x0, y0, x1, y1 = box
    half = line / 2
    yield x0 - half, y0 - height + half
    yield x0 - half, y1 - half
    yield x1 - width + half, y0 - height + half
    yield x1 - width + half, y1 - half
    yield x0 - half, y0 - half
    yield x0 - half, y1 - height + half


def _edges(box: Edges) -> list[Edges]:
    x0, y0, x1, y1 = box
    return [(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)]


def _dashes(box: Edges, length: float) -> Iterator[Edges]:
    """Pieces of the four edges, the first and the last at a corner."""
    x0, y0, x1, y1 = box
    for start, end in _pieces(x0, x1, length):
        yield start, y0, end, y0
        yield start, y1, end, y1
    for start, end in _pieces(y0, y1, length):
        yield x0, start, x0, end
        yield x1, start, x1, end


def _pieces(start: float, end: float, length: float) -> Iterator[tuple[float, float]]:
    count = max(2, round((end - start) / (2 * length)) + 1)
    step = (end - start) / (2 * count - 1)
    for number in range(count):
        yield start + 2 * number * step, start + (2 * number + 1) * step


def _grown(box: Edges, by: float) -> Edges:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _area(box: Edges) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: Edges, other: Edges) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
