"""The foot of a contact sheet: what is shown, which colour is which class, what the marks mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ImageDraw

from annotools.view.drawing import HALO, TEXT, Mark, Style, elide
from annotools.view.palette import PROBLEM, color, marks

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Item:
    """A text, and the swatch before it; `marks` are small squares on the swatch."""

    text: str
    swatch: str | None = None
    marks: int = 0


def legend_of(sentence: str, drawn: Sequence[Mark]) -> list[Item]:
    """The sentence, the classes that are drawn, and only those signs that occur."""
    names = sorted({(mark.index, mark.name) for mark in drawn if mark.index is not None})
    items = [Item(sentence)] + [Item(name, color(index), marks(index)) for index, name in names]
    for item, occurs in (
        (Item("in no class map", color(None)), any(mark.index is None for mark in drawn)),
        (Item("problem", PROBLEM), any(mark.problem for mark in drawn)),
        (Item("dashed: difficult"), any(mark.difficult for mark in drawn)),
        (Item("filled corners: truncated"), any(mark.truncated for mark in drawn)),
        (Item("thin: as annotated"), any(mark.thin for mark in drawn)),
    ):
        if occurs:
            items.append(item)
    return items


def rows_of(items: Sequence[Item], width: int, style: Style) -> list[list[Item]]:
    """The items in rows of at most `width` pixels; the first has one of its own."""
    rows = [[items[0]]]
    left = width + 1
    for item in items[1:]:
        needed = _width(item, width, style)
        if left + needed > width:
            rows.append([])
            left = 0
        rows[-1].append(item)
        left += needed
    return rows


def draw_row(sheet: Image.Image, items: Sequence[Item], corner: tuple[int, int], style: Style) -> None:
    """Draw one row, its upper left corner at `corner`."""
    canvas = ImageDraw.Draw(sheet)
    width = sheet.width - 2 * corner[0]
    x, y = corner
    for item in items:
        left = x
        if item.swatch is not None:
            area = (left, y + style.text // 4, left + 2 * style.text, y + style.text // 4 + style.text)
            canvas.rectangle(area, fill=item.swatch, outline=HALO)
            for number in range(item.marks):
                side = max(2, style.text // 4)
                at = left + 2 + number * (side + 2)
                canvas.rectangle((at, area[1] + 2, at + side, area[1] + 2 + side), fill=HALO)
            left += 2 * style.text + style.text // 2
        font = style.font(item.text)
        text = elide(style.fonts.spelled(item.text), width, font)
        canvas.text((left, y + style.text * 3 // 4), text, fill=TEXT, font=font, anchor="lm")
        x += _width(item, width, style)


def _width(item: Item, most: int, style: Style) -> int:
    swatch = 0 if item.swatch is None else style.text * 5 // 2
    length = style.font(item.text).getlength(style.fonts.spelled(item.text))
    return round(min(length, most)) + swatch + style.text
