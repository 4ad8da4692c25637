"""What stands about and is no product: cartons, bottles and plants. Nobody annotates them."""

from __future__ import annotations

from random import Random

from brush import BLACK, WHITE, Colour, Layer, across, darker, down, lighter

CARTONS: tuple[Colour, ...] = ((178, 140, 98), (206, 200, 190), (96, 112, 140), (160, 70, 60), (70, 96, 76))
GLASS: tuple[Colour, ...] = ((40, 90, 60), (120, 70, 40), (180, 200, 210), (60, 70, 120))


def carton(layer: Layer, rng: Random) -> None:
    colour = rng.choice(CARTONS)
    layer.rounded((0, 0, 1, 1), 0.02, down(lighter(colour, 0.2), colour, darker(colour, 0.2)))
    layer.rounded((0.42, 0, 0.58, 1), 0, lighter(colour, 0.3), opacity=0.7, atop=True)
    left, top = rng.uniform(0.05, 0.6), rng.uniform(0.1, 0.6)
    layer.rounded((left, top, left + 0.3, top + 0.25), 0.01, WHITE, opacity=0.85, atop=True)
    for line in range(3):
        y = top + 0.05 + line * 0.06
        layer.line(
            [(left + 0.04, y), (left + rng.uniform(0.12, 0.26), y)], 0.02, BLACK, opacity=0.6, atop=True
        )
    layer.volume(0.03, 0.3)


def bottle(layer: Layer, rng: Random) -> None:
    colour = rng.choice(GLASS)
    glass = across(darker(colour, 0.4), lighter(colour, 0.35), colour, darker(colour, 0.5))
    layer.rounded((0.36, 0, 0.64, 0.4), 0.06, glass)
    layer.rounded((0.02, 0.26, 0.98, 1), 0.3, glass)
    layer.rounded((0.33, 0, 0.67, 0.07), 0.05, rng.choice(CARTONS))
    layer.rounded((0.02, 0.5, 0.98, 0.8), 0.02, lighter(rng.choice(CARTONS), 0.4), atop=True)
    layer.line([(0.2, 0.56), (0.8, 0.56)], 0.05, BLACK, opacity=0.5, atop=True)
    layer.volume(0.05, 0.3)


def plant(layer: Layer, rng: Random) -> None:
    for _ in range(14):
        x, y = rng.uniform(0.05, 0.95), rng.uniform(0, 0.5)
        green: Colour = (rng.randrange(30, 90), rng.randrange(100, 170), rng.randrange(40, 90))
        layer.line([(0.5, 0.68), (x, y)], rng.uniform(0.05, 0.12), green)
    pot = rng.choice(CARTONS)
    layer.shape(
        [(0.2, 0.6), (0.8, 0.6), (0.7, 1), (0.3, 1)],
        across(lighter(pot, 0.2), pot, darker(pot, 0.4)),
    )
    layer.volume(0.04, 0.25)
