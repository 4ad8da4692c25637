"""Books, standing in a row and lying in a stack. Each function fills a layer; `rng` varies the details."""

from __future__ import annotations

from random import Random

from brush import Colour, Layer, across, darker, down, lighter

SPINES: tuple[Colour, ...] = (
    (150, 40, 44), (32, 62, 110), (46, 100, 78), (222, 180, 84), (92, 58, 104), (228, 222, 208), (40, 42, 50),
    (200, 104, 56), (92, 140, 164), (120, 84, 56),
)  # fmt: skip


def _spine(
    layer: Layer, rng: Random, box: tuple[float, float, float, float], colour: Colour, upright: bool
) -> None:
    x0, y0, x1, y1 = box
    paint = across(darker(colour, 0.35), lighter(colour, 0.15), darker(colour, 0.3)) if upright else down(
        lighter(colour, 0.15), colour, darker(colour, 0.4))  # fmt: skip
    layer.rounded(box, 0.008, paint)
    ink = (238, 216, 150) if sum(colour) < 420 else (70, 40, 40)
    if upright:
        w, h = x1 - x0, y1 - y0
        for share in (0.07, 0.11, 0.88):
            layer.line([(x0 + 0.1 * w, y0 + share * h), (x1 - 0.1 * w, y0 + share * h)], 0.01, ink)
        middle, start = (x0 + x1) / 2, y0 + 0.2 * h
        while start < y0 + 0.65 * h:
            stop = start + rng.uniform(0.05, 0.12) * h
            layer.line([(middle, start), (middle, stop)], min(0.03, w * 0.35), ink)
            start = stop + 0.04 * h
    else:
        w, h = x1 - x0, y1 - y0
        middle, start = (y0 + y1) / 2, x0 + 0.18 * w
        for share in (0.06, 0.1, 0.92):
            layer.line([(x0 + share * w, y0 + 0.1 * h), (x0 + share * w, y1 - 0.1 * h)], 0.01, ink)
        while start < x0 + 0.66 * w:
            stop = start + rng.uniform(0.05, 0.12) * w
            layer.line([(start, middle), (stop, middle)], h / layer.aspect * 0.32, ink)
            start = stop + 0.035 * w


def standing_books(layer: Layer, rng: Random) -> None:
    count = max(4, round(layer.width / rng.uniform(9, 12)))
    parts = [rng.uniform(0.6, 1.3) for _ in range(count)]
    x, total = 0.0, sum(parts)
    tallest = rng.randrange(count)
    colours = [rng.choice(SPINES) for _ in range(count)]
    for i, part in enumerate(parts):
        width = part / total
        top = 0.03 if i == tallest else rng.uniform(0.05, 0.3)
        pages = [
            (x + 0.004, top + 0.01),
            (x + 0.012, top - 0.03),
            (x + width, top - 0.03),
            (x + width - 0.004, top + 0.01),
        ]
        layer.shape(pages, (236, 228, 206))
        colour = colours[i] if not i or colours[i] != colours[i - 1] else (96, 104, 112)
        _spine(layer, rng, (x, top, x + width - 0.003, 1.0), colour, upright=True)
        x += width
    layer.volume(0.03, 0.3)


def stacked_books(layer: Layer, rng: Random) -> None:
    count = rng.choice([4, 5])
    colours = rng.sample(SPINES, count)
    parts = [rng.uniform(0.7, 1.3) for _ in range(count)]
    top = 0.14
    y, total = top, sum(parts)
    insets = [rng.uniform(0.0, 0.1) for _ in range(count)]
    insets[rng.randrange(1, count)] = 0.0
    for i, part in enumerate(parts):
        height = part / total * (1 - top)
        left = insets[i]
        right = 1 - rng.uniform(0.0, 0.1) if left else 1.0
        if i == 0:
            cover = [(left + 0.1, 0.0), (right - 0.06, 0.0), (right, y + 0.03), (left, y + 0.03)]
            layer.shape(cover, down(lighter(colours[0], 0.1), lighter(colours[0], 0.3)))
            layer.shape([(0.4, 0.03), (0.66, 0.03), (0.68, 0.1), (0.38, 0.1)], (238, 220, 170), atop=True)
        _spine(layer, rng, (left, y, right, y + height - 0.006), colours[i], upright=False)
        y += height
    layer.volume(0.03, 0.35)
