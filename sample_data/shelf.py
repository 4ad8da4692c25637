"""The shop: wall, boards, rails, stands and price tags, everything that is not a product."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from brush import BLACK, WHITE, XY, Canvas, Colour, curve, darker, down, lighter

# Each digit as five rows of three dots.
DOTS = {
    "0": "111101101101111", "1": "010110010010111", "2": "111001111100111", "3": "111001111001111",
    "4": "101101111001001", "5": "111100111001111", "6": "111100111101111", "7": "111001010010010",
    "8": "111101111101111", "9": "111101111001111", ".": "000000000000010",
}  # fmt: skip


@dataclass(frozen=True)
class Theme:
    wall: Colour
    wall_style: str  # paint, slats, pegs or bricks
    board: Colour
    board_style: str  # wood, metal or glass
    light: Colour  # tint of the lamps
    tag: Colour


THEMES = {
    "oak": Theme((222, 212, 194), "paint", (178, 126, 76), "wood", (255, 244, 224), (250, 250, 244)),
    "walnut": Theme((132, 146, 138), "slats", (104, 68, 44), "wood", (255, 238, 214), (246, 232, 190)),
    "white": Theme((206, 214, 220), "pegs", (232, 232, 230), "metal", (246, 250, 255), (255, 226, 80)),
    "steel": Theme((96, 108, 124), "paint", (160, 166, 174), "metal", (240, 246, 255), (255, 255, 255)),
    "brick": Theme((164, 92, 74), "bricks", (70, 54, 46), "wood", (255, 232, 204), (252, 250, 240)),
    "loft": Theme((70, 92, 96), "slats", (206, 168, 120), "wood", (255, 240, 216), (255, 255, 250)),
}


@dataclass(frozen=True)
class Board:
    """A shelf: y of its front edge and the height of its visible upper side, in pixels."""

    front: float
    depth: float
    thickness: float = 7


def wall(canvas: Canvas, theme: Theme, rng: Random, width: int, height: int) -> None:
    m = canvas.border
    everything: list[XY] = [(-m, -m), (width + m, -m), (width + m, height + m), (-m, height + m)]
    canvas.shape(everything, down(lighter(theme.wall, 0.12), theme.wall, darker(theme.wall, 0.22)))
    if theme.wall_style == "slats":
        for y in range(-m, height + m, 13):
            canvas.rounded((-m, y, width + m, y + 2.2), 0, darker(theme.wall, 0.5))
            canvas.rounded((-m, y + 2.2, width + m, y + 3.2), 0, lighter(theme.wall, 0.25))
    elif theme.wall_style == "pegs":
        for row, y in enumerate(range(-m, height + m, 10)):
            for x in range(-m + 5 * (row % 2), width + m, 10):
                canvas.disc((x, y), 1.1, darker(theme.wall, 0.45))
    elif theme.wall_style == "bricks":
        for row, y in enumerate(range(-m, height + m, 12)):
            for left in range(-m - 14 * (row % 2), width + m, 28):
                tone = darker(theme.wall, rng.uniform(0.0, 0.28))
                canvas.rounded(
                    (left + 0.8, y + 0.8, left + 27.2, y + 11.2), 1, down(lighter(tone, 0.12), tone)
                )
    else:
        canvas.grain(everything, rng, darker(theme.wall, 0.3), 0.12, 40)
    reach, floor = width * 0.3, height * 0.75
    for middle in (width * 0.27, width * 0.73):  # pools of light from above
        cone = [(middle - 12, -m), (middle + 12, -m), (middle + reach, floor), (middle - reach, floor)]
        canvas.shape(cone, theme.light, opacity=0.38, blur=16)


def posts(canvas: Canvas, theme: Theme, width: int, height: int) -> None:
    """The uprights that carry the boards, at both sides."""
    m = canvas.border
    colour = darker(theme.board, 0.25)
    for x in (7.0, width - 12.0):
        canvas.rounded((x + 3, -m, x + 11, height + m), 0, BLACK, opacity=0.3, blur=3)
        canvas.rounded((x, -m, x + 6, height + m), 0, colour)
        canvas.rounded((x, -m, x + 1.4, height + m), 0, lighter(colour, 0.3))
        if theme.board_style == "metal":
            for y in range(-m, height + m, 8):
                canvas.rounded((x + 2, y, x + 4, y + 4.5), 0.6, darker(colour, 0.65))


def board(canvas: Canvas, theme: Theme, rng: Random, shelf: Board, width: int) -> None:
    m = canvas.border
    back, front, low = shelf.front - shelf.depth, shelf.front, shelf.front + shelf.thickness
    canvas.rounded((-m, low, width + m, low + 16), 0, BLACK, opacity=0.42, blur=6)
    canvas.rounded((-m, back - 12, width + m, back), 0, BLACK, opacity=0.25, blur=6)
    top: list[XY] = [(-m, back), (width + m, back), (width + m, front), (-m, front)]
    edge: list[XY] = [(-m, front), (width + m, front), (width + m, low), (-m, low)]
    canvas.shape(top, down(darker(theme.board, 0.35), theme.board, lighter(theme.board, 0.22)))
    canvas.shape(edge, down(lighter(theme.board, 0.3), theme.board, darker(theme.board, 0.3)))
    if theme.board_style == "wood":
        canvas.grain(top, rng, darker(theme.board, 0.65), 0.4, 9)
        canvas.grain(edge, rng, darker(theme.board, 0.65), 0.45, 6)
    else:
        canvas.grain(top, rng, WHITE, 0.25, 30)
        canvas.rounded((-m, front + 1.2, width + m, front + 2), 0, WHITE, opacity=0.7)
    canvas.rounded((-m, low - 0.8, width + m, low), 0, BLACK, opacity=0.5)


def price_tag(canvas: Canvas, theme: Theme, rng: Random, x: float, shelf: Board) -> None:
    price = f"{rng.randrange(5, 200)}.{rng.choice(['00', '50', '90', '95'])}"
    dot = 1.0
    width = len(price) * 4 * dot + 5
    left, top = x - width / 2, shelf.front + 0.6
    canvas.rounded((left + 1, top + 1.5, left + width + 1, top + 10.5), 1, BLACK, opacity=0.45, blur=1)
    canvas.rounded((left, top, left + width, top + 9), 1, down(theme.tag, darker(theme.tag, 0.1)))
    canvas.rounded((left, top, left + 2, top + 9), 0.5, (206, 44, 44))
    for place, digit in enumerate(price):
        for i, bit in enumerate(DOTS[digit]):
            if bit == "1":
                dx, dy = left + 3.5 + (place * 4 + i % 3) * dot, top + 2 + i // 3 * dot
                canvas.rounded((dx, dy, dx + dot, dy + dot), 0, (26, 26, 30))


def rail(canvas: Canvas, y: float, width: int) -> None:
    """The bar that garments hang from."""
    m = canvas.border
    canvas.rounded((-m, y + 10, width + m, y + 16), 0, BLACK, opacity=0.3, blur=4)
    canvas.rounded((-m, y - 2.5, width + m, y + 2.5), 0, down((120, 122, 128), (240, 240, 244), (90, 92, 98)))


def hanger(canvas: Canvas, x: float, rail_y: float, neck_y: float, reach: float) -> None:
    """A hanger for a garment whose neck is at `neck_y`; `reach` is half the width of its shoulders."""
    wire = (86, 88, 94)
    hook = [
        (x - 3, rail_y + 1.5),
        (x - 3.4, rail_y - 2),
        (x, rail_y - 4.2),
        (x + 3.4, rail_y - 1),
        (x + 1, rail_y + 3),
        (x, neck_y),
    ]
    canvas.line(curve(hook, closed=False), 1.3, wire)
    bar = [(x - reach, neck_y + reach * 0.3), (x, neck_y), (x + reach, neck_y + reach * 0.3)]
    canvas.line(bar, 2.6, (150, 108, 66))


def clips(canvas: Canvas, x: float, rail_y: float, top: float, reach: float) -> None:
    """A hanger with two clips, for pants."""
    canvas.line([(x, rail_y - 3), (x, top - 4)], 1.3, (86, 88, 94))
    canvas.line([(x - reach, top - 4), (x + reach, top - 4)], 1.6, (150, 152, 158))
    for side in (-1, 1):
        canvas.rounded((x + side * reach - 2, top - 5, x + side * reach + 2, top + 1), 0.5, (60, 62, 68))


def cushion(canvas: Canvas, x: float, bottom: float, width: float, height: float) -> None:
    """What a watch is shown on."""
    box = (x - width / 2, bottom - height, x + width / 2, bottom)
    canvas.rounded((box[0] + 3, box[1] + 4, box[2] + 5, box[3] + 1), 4, BLACK, opacity=0.35, blur=3)
    canvas.rounded(box, width * 0.25, down((246, 244, 240), (206, 200, 194)))
    canvas.rounded((box[0] + 1.5, box[3] - 5, box[2] - 1.5, box[3]), 1.5, (150, 144, 138))


def easel(canvas: Canvas, x: float, bottom: float, width: float) -> None:
    """The foot that a phone leans on."""
    canvas.rounded(
        (x - width * 0.75, bottom - 4, x + width * 0.75, bottom + 1.5), 1.5, down((90, 92, 98), (30, 30, 34))
    )
