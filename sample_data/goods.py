"""Watches, phones, audio and computers. Each function fills a layer; `rng` varies the details."""

from __future__ import annotations

import math
from random import Random

from brush import BLACK, WHITE, XY, Colour, Layer, across, curve, darker, down, lighter, mix

METALS: tuple[Colour, ...] = ((196, 198, 204), (206, 172, 112), (70, 72, 80), (210, 168, 150))
STRAPS: tuple[Colour, ...] = ((96, 56, 36), (34, 34, 40), (40, 68, 112), (176, 60, 48), (120, 130, 90))
SCREENS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((26, 40, 110), (150, 60, 160), (250, 150, 110)), ((10, 90, 130), (60, 180, 190), (220, 240, 210)),
    ((40, 24, 70), (120, 50, 120), (240, 90, 110)), ((20, 70, 50), (90, 160, 90), (240, 220, 140)),
)  # fmt: skip


def _strap(layer: Layer, colour: Colour, left: float, metal: bool) -> None:
    right = 1 - left
    for ends in ([(left + 0.05, 0.0), (right - 0.05, 0.0), (right, 0.34), (left, 0.34)],
                 [(left, 0.66), (right, 0.66), (right - 0.07, 1.0), (left + 0.07, 1.0)]):  # fmt: skip
        layer.shape(ends, across(darker(colour, 0.3), lighter(colour, 0.15), darker(colour, 0.3)))
    for i in range(6):
        for y in (0.03 + i * 0.05, 0.7 + i * 0.05):
            if metal:
                layer.line([(0, y), (1, y)], 0.02, BLACK, opacity=0.45, atop=True)
            elif i % 2:
                layer.disc((0.5, y + 0.02), 0.025, BLACK, opacity=0.6, atop=True)
    if not metal:
        for x in (left + 0.07, right - 0.07):
            layer.line([(x, 0), (x, 1)], 0.014, lighter(colour, 0.45), opacity=0.7, atop=True)


def watch(layer: Layer, rng: Random) -> None:
    metal = rng.choice(METALS)
    steel = rng.random() < 0.4
    _strap(layer, metal if steel else rng.choice(STRAPS), 0.26, steel)
    face = rng.choice([(244, 242, 234), (24, 30, 52), (30, 84, 74), (250, 250, 250)])
    ink = WHITE if sum(face) < 380 else (30, 30, 36)
    centre = (0.48, 0.5)
    layer.rounded((0.9, 0.465, 1.0, 0.535), 0.02, across(lighter(metal, 0.3), darker(metal, 0.4)))
    layer.disc(centre, 0.46, across(lighter(metal, 0.55), metal, darker(metal, 0.45)))
    layer.disc(centre, 0.39, darker(metal, 0.5))
    layer.disc(centre, 0.37, face)

    def at(hour: float, radius: float) -> XY:
        angle = hour / 12 * 2 * math.pi
        return (
            centre[0] + radius * math.sin(angle),
            centre[1] - radius * math.cos(angle) * layer.aspect,
        )

    for hour in range(12):
        layer.line([at(hour, 0.28 if hour % 3 else 0.25), at(hour, 0.33)], 0.035 if hour % 3 else 0.055, ink)
    layer.line([centre, at(10.15, 0.19)], 0.06, ink)
    layer.line([centre, at(2, 0.28)], 0.045, ink)
    layer.line([at(0.5, 0.08), at(6.5, 0.3)], 0.02, (210, 50, 50))
    layer.disc(centre, 0.03, ink)
    glass = [at(9, 0.36), at(11, 0.36), at(12.5, 0.36), at(8, 0.2)]
    layer.shape(glass, WHITE, opacity=0.16, atop=True)
    layer.volume(0.06, 0.4)


def smart_watch(layer: Layer, rng: Random) -> None:
    _strap(layer, rng.choice(STRAPS), 0.2, False)
    metal = rng.choice(METALS)
    layer.rounded((0.93, 0.42, 1.0, 0.53), 0.03, darker(metal, 0.2))
    layer.rounded((0.06, 0.24, 0.94, 0.76), 0.2, across(lighter(metal, 0.4), metal, darker(metal, 0.4)))
    layer.rounded((0.1, 0.265, 0.9, 0.735), 0.17, (12, 12, 16))
    layer.rounded((0.16, 0.3, 0.84, 0.7), 0.12, down(*rng.choice(SCREENS)))
    for x in (0.3, 0.42, 0.58, 0.7):
        layer.rounded((x - 0.045, 0.36, x + 0.045, 0.48), 0.02, WHITE)
    for i, colour in enumerate([(250, 80, 90), (120, 230, 90), (90, 200, 250)]):
        layer.disc((0.3 + i * 0.2, 0.6), 0.07, colour)
        layer.disc((0.3 + i * 0.2, 0.6), 0.04, (20, 20, 30))
    layer.volume(0.06, 0.35)


def phone(layer: Layer, rng: Random) -> None:
    frame = rng.choice(METALS)
    layer.rounded((0, 0, 1, 1), 0.15, across(lighter(frame, 0.3), darker(frame, 0.2)))
    layer.rounded((0.025, 0.0125, 0.975, 0.9875), 0.135, (10, 10, 14))
    layer.rounded((0.065, 0.035, 0.935, 0.965), 0.1, down(*rng.choice(SCREENS)))
    icons = [(250, 90, 80), (90, 200, 120), (250, 200, 70), (80, 150, 250), (240, 240, 244), (170, 110, 230)]
    for row in range(3):
        for column in range(4):
            x, y = 0.14 + column * 0.197, 0.4 + row * 0.125
            box = (x, y, x + 0.13, y + 0.13 * layer.aspect)
            layer.rounded(box, 0.035, rng.choice(icons), atop=True)
    layer.rounded((0.1, 0.82, 0.9, 0.93), 0.06, WHITE, opacity=0.35, atop=True)
    for column in range(4):
        x = 0.15 + column * 0.19
        layer.rounded((x, 0.84, x + 0.13, 0.84 + 0.13 * layer.aspect), 0.035, rng.choice(icons), atop=True)
    for i, x in enumerate((0.3, 0.42, 0.58, 0.7)):
        layer.rounded((x - 0.045, 0.16, x + 0.045, 0.26 - 0.001 * i), 0.02, WHITE, opacity=0.95, atop=True)
    layer.rounded((0.36, 0.05, 0.64, 0.072), 0.04, (10, 10, 14))
    layer.shape([(0.45, 0), (0.9, 0), (0.4, 1), (-0.05, 1)], WHITE, opacity=0.1, atop=True)
    layer.volume(0.03, 0.25)


def phone_back(layer: Layer, rng: Random) -> None:
    shell = rng.choice(
        [(222, 226, 232), (70, 86, 120), (240, 196, 186), (60, 66, 64), (150, 190, 170), (196, 60, 66)]
    )
    layer.rounded((0, 0, 1, 1), 0.15, across(lighter(shell, 0.4), darker(shell, 0.25)))
    layer.rounded((0.03, 0.015, 0.97, 0.985), 0.13, down(lighter(shell, 0.28), shell, darker(shell, 0.22)))
    layer.rounded((0.09, 0.05, 0.55, 0.28), 0.12, mix(shell, (128, 128, 128), 0.25))
    for x, y in ((0.21, 0.11), (0.21, 0.215), (0.42, 0.165)):
        layer.disc((x, y), 0.1, darker(shell, 0.5))
        layer.disc((x, y), 0.08, (14, 14, 20))
        layer.disc((x - 0.02, y - 0.01), 0.03, (70, 90, 150))
    layer.disc((0.44, 0.085), 0.028, (250, 246, 220))
    layer.disc((0.5, 0.55), 0.09, lighter(shell, 0.5), opacity=0.8)
    layer.shape([(0.5, 0), (0.95, 0), (0.45, 1), (0, 1)], WHITE, opacity=0.12, atop=True)
    layer.volume(0.03, 0.3)


def headphones(layer: Layer, rng: Random) -> None:
    base = rng.choice([(40, 40, 46), (228, 226, 222), (190, 52, 56), (60, 86, 130), (196, 164, 130)])
    arc = [
        (0.5 + 0.41 * math.cos(a), 0.45 - 0.4 * math.sin(a))
        for a in (math.pi * i / 24 for i in range(-2, 27))
    ]
    layer.line(arc, 0.085, darker(base, 0.15))
    layer.line(arc[6:-6], 0.11, lighter(base, 0.1))
    layer.line(arc[9:-9], 0.03, WHITE, opacity=0.45, blur=0.01, atop=True)
    for side in (0, 1):
        x = abs(side - 0.13)
        lean = 0.05 if side else -0.05
        layer.line([(x, 0.4), (x, 0.58)], 0.07, (150, 152, 158))
        pad = curve(
            [
                (x - lean * 3.4, 0.5),
                (x - lean * 2, 0.46),
                (x, 0.5),
                (x, 0.95),
                (x - lean * 2, 0.99),
                (x - lean * 3.4, 0.95),
            ]
        )
        layer.shape(pad, darker(mix(base, BLACK, 0.4), 0.2))
        cup = curve(
            [
                (x + lean * 2.3, 0.62),
                (x + lean * 0.8, 0.48),
                (x - lean, 0.5),
                (x - lean, 0.95),
                (x + lean * 0.8, 0.98),
                (x + lean * 2.3, 0.83),
            ]
        )
        layer.shape(cup, down(lighter(base, 0.25), base, darker(base, 0.3)))
        layer.disc((x + lean * 0.7, 0.73), 0.045, (170, 172, 178), flat=2.0, atop=True)
    layer.volume(0.04, 0.4)


def _cone(layer: Layer, centre: XY, radius: float, ring: Colour) -> None:
    layer.disc(centre, radius, ring)
    layer.disc(centre, radius * 0.9, (20, 20, 22))
    layer.disc(centre, radius * 0.78, down((38, 38, 42), (72, 72, 78)))
    layer.disc(centre, radius * 0.66, down((24, 24, 26), (52, 52, 56)))
    layer.disc(centre, radius * 0.3, down((120, 120, 126), (40, 40, 44)))
    layer.disc((centre[0] - radius * 0.1, centre[1] - radius * 0.08), radius * 0.1, WHITE, opacity=0.5)


def speaker(layer: Layer, rng: Random) -> None:
    body = rng.choice([(118, 78, 46), (44, 44, 48), (232, 230, 226), (160, 44, 44)])
    side = 0.14
    layer.shape(
        [(1 - side, 0.02), (1.0, 0.0), (1.0, 0.96), (1 - side, 1.0)],
        across(darker(body, 0.35), darker(body, 0.6)),
    )
    layer.rounded((0, 0.02, 1 - side, 1.0), 0.03, down(lighter(body, 0.12), body, darker(body, 0.18)))
    if body == (118, 78, 46):
        for _ in range(14):
            x = rng.uniform(0.02, 0.84)
            layer.line(
                [(x, 0.02), (x + rng.uniform(-0.03, 0.03), 1.0)], 0.012, BLACK, opacity=0.16, atop=True
            )
    ring = rng.choice([(150, 152, 158), (206, 172, 112), (30, 30, 34)])
    middle = (1 - side) / 2
    _cone(layer, (middle, 0.24), 0.19, ring)
    _cone(layer, (middle, 0.64), 0.33, ring)
    layer.rounded((middle - 0.14, 0.91, middle + 0.14, 0.945), 0.015, (200, 200, 204))
    layer.volume(0.03, 0.3)


def boombox(layer: Layer, rng: Random) -> None:
    base = rng.choice([(200, 52, 48), (42, 62, 104), (46, 46, 50), (52, 128, 116), (226, 160, 60)])
    handle = curve(
        [(0.22, 0.3), (0.24, 0.03), (0.3, 0.02), (0.7, 0.02), (0.76, 0.03), (0.78, 0.3)], closed=False
    )
    layer.line(handle, 0.035, (64, 64, 70))
    layer.rounded((0, 0.2, 1, 1), 0.09, down(lighter(base, 0.3), base, darker(base, 0.3)))
    for x in (0.22, 0.78):
        _cone(layer, (x, 0.62), 0.16, (176, 178, 184))
    layer.rounded((0.41, 0.36, 0.59, 0.56), 0.02, (18, 26, 34))
    layer.rounded((0.43, 0.4, 0.57, 0.52), 0.01, (90, 220, 210), opacity=0.85)
    for i in range(4):
        layer.disc((0.43 + i * 0.048, 0.68), 0.017, (226, 226, 230))
    layer.rounded((0.4, 0.79, 0.6, 0.83), 0.01, (226, 226, 230))
    layer.volume(0.03, 0.4)


def _display(layer: Layer, rng: Random, quad: list[XY]) -> None:
    (left, top), (right, _), (_, bottom), _ = quad
    layer.shape(quad, down(*rng.choice(SCREENS)))
    width, height = right - left, bottom - top
    hill = [
        (left, bottom),
        (left + 0.3 * width, bottom - 0.45 * height),
        (left + 0.55 * width, bottom - 0.15 * height),
        (left + 0.75 * width, bottom - 0.35 * height),
        (right + 0.01, bottom),
    ]
    layer.shape(hill, (20, 24, 48), opacity=0.35, atop=True)
    x, y = left + rng.uniform(0.1, 0.3) * width, top + rng.uniform(0.12, 0.25) * height
    layer.rounded((x, y, x + 0.5 * width, y + 0.5 * height), 0.01, (246, 247, 250))
    layer.rounded((x, y, x + 0.5 * width, y + 0.08 * height), 0.01, (86, 110, 160))
    for i in range(4):
        row = y + (0.15 + i * 0.08) * height
        layer.line(
            [(x + 0.04 * width, row), (x + rng.uniform(0.25, 0.45) * width, row)], 0.012, (150, 154, 166)
        )
    layer.rounded(
        (left + 0.2 * width, bottom - 0.09 * height, right - 0.2 * width, bottom - 0.03 * height),
        0.01,
        WHITE,
        opacity=0.5,
    )
    layer.shape(
        [(left + 0.55 * width, top), (right, top), (right, top + 0.7 * height)],
        WHITE,
        opacity=0.12,
        atop=True,
    )


def laptop(layer: Layer, rng: Random) -> None:
    shell = rng.choice([(190, 194, 200), (72, 76, 84), (222, 204, 186), (132, 146, 170)])
    lid = [(0.1, 0.0), (0.9, 0.0), (0.925, 0.66), (0.075, 0.66)]
    layer.shape(lid, darker(shell, 0.1))
    layer.shape([(0.107, 0.012), (0.893, 0.012), (0.915, 0.645), (0.085, 0.645)], (16, 16, 20))
    _display(layer, rng, [(0.125, 0.045), (0.875, 0.045), (0.893, 0.6), (0.107, 0.6)])
    layer.shape(
        [(0.075, 0.655), (0.925, 0.655), (1.0, 0.94), (0.0, 0.94)],
        down(darker(shell, 0.2), shell, lighter(shell, 0.2)),
    )
    for row in range(4):
        y = 0.69 + row * 0.035
        inset = 0.13 - row * 0.011
        step = (1 - 2 * inset) / 13
        for key in range(13):
            x = inset + key * step
            layer.rounded((x, y, x + step * 0.82, y + 0.026), 0.004, (38, 40, 46))
    layer.shape([(0.37, 0.845), (0.63, 0.845), (0.645, 0.92), (0.355, 0.92)], darker(shell, 0.12))
    layer.shape(
        [(0.0, 0.94), (1.0, 0.94), (0.985, 1.0), (0.015, 1.0)],
        down(lighter(shell, 0.25), darker(shell, 0.35)),
    )
    layer.volume(0.02, 0.25)


def desktop(layer: Layer, rng: Random) -> None:
    shell = rng.choice([(206, 208, 212), (52, 54, 60), (228, 228, 230)])
    layer.shape(
        [(0.42, 0.7), (0.58, 0.7), (0.6, 0.92), (0.4, 0.92)],
        across(darker(shell, 0.4), shell, darker(shell, 0.4)),
    )
    layer.shape(curve([(0.3, 0.93), (0.5, 0.9), (0.7, 0.93), (0.7, 0.97), (0.3, 0.97)]), darker(shell, 0.15))
    layer.rounded((0.0, 0.0, 1.0, 0.8), 0.025, down(lighter(shell, 0.1), darker(shell, 0.1)))
    layer.rounded((0.012, 0.016, 0.988, 0.7), 0.015, (16, 16, 20))
    _display(layer, rng, [(0.03, 0.04), (0.97, 0.04), (0.97, 0.675), (0.03, 0.675)])
    layer.disc((0.5, 0.75), 0.018, darker(shell, 0.35))
    layer.shape(
        [(0.16, 0.94), (0.8, 0.94), (0.84, 1.0), (0.12, 1.0)], down(lighter(shell, 0.15), darker(shell, 0.3))
    )
    for row in range(2):
        layer.line(
            [(0.17 - row * 0.02, 0.955 + row * 0.02), (0.79 + row * 0.02, 0.955 + row * 0.02)],
            0.008,
            (60, 62, 68),
        )
    layer.volume(0.02, 0.3)
