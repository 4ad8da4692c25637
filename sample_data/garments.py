"""Clothes, pants and shoes. Each function fills a layer; `rng` varies the details."""

from __future__ import annotations

from random import Random

from brush import BLACK, WHITE, XY, Colour, Layer, across, curve, darker, down, lighter, mirrored, mix

FABRICS: tuple[Colour, ...] = (
    (196, 52, 58), (38, 84, 148), (236, 232, 222), (54, 122, 92), (232, 176, 60),
    (60, 60, 70), (140, 92, 150), (222, 126, 98), (112, 168, 196), (170, 178, 186),
)  # fmt: skip
DENIMS: tuple[Colour, ...] = (
    (58, 82, 128), (44, 54, 82), (112, 140, 178), (178, 158, 122), (72, 84, 66), (52, 50, 54),
)  # fmt: skip
LEATHERS: tuple[Colour, ...] = ((112, 66, 40), (52, 40, 38), (160, 60, 56), (186, 140, 92), (70, 74, 92))


def _accent(rng: Random, base: Colour) -> Colour:
    """A colour that can be told from `base`."""
    others = [c for c in FABRICS if sum(abs(a - b) for a, b in zip(c, base, strict=True)) > 150]
    return rng.choice(others)


def tee(layer: Layer, rng: Random) -> None:
    base = rng.choice(FABRICS)
    outline = curve(
        mirrored([
            (0.5, 0.105), (0.57, 0.085), (0.63, 0.03), (0.63, 0.03), (0.8, 0.09), (0.87, 0.14), (0.99, 0.34),
            (0.99, 0.34), (0.86, 0.43), (0.86, 0.43), (0.775, 0.3), (0.775, 0.3), (0.77, 0.6), (0.79, 0.975),
            (0.79, 0.975), (0.65, 0.995),
        ])
    )  # fmt: skip
    layer.disc((0.5, 0.055), 0.13, darker(base, 0.5), flat=0.42)
    layer.shape(outline, down(lighter(base, 0.08), base, darker(base, 0.12)))
    accent = _accent(rng, base)
    pattern = rng.choice(["stripes", "disc", "band", "plain", "text"])
    if pattern == "stripes":
        for percent in range(24, 96, 11):
            height = percent / 100
            edge = [(0.0, height), (0.5, height + 0.02), (1.0, height)]
            layer.line(curve(edge, closed=False), 0.04, accent, opacity=0.9, atop=True)
    elif pattern == "disc":
        layer.disc((0.5, 0.42), 0.15, accent, atop=True)
        layer.shape([(0.4, 0.47), (0.5, 0.34), (0.6, 0.47)], lighter(base, 0.5), atop=True)
    elif pattern == "band":
        layer.rounded((0.0, 0.4, 1.0, 0.58), 0, accent, atop=True)
        layer.rounded((0.0, 0.6, 1.0, 0.63), 0, accent, atop=True)
    elif pattern == "text":
        for row in range(2):
            x = 0.34
            while x < 0.64:
                step = rng.uniform(0.03, 0.07)
                y = 0.35 + row * 0.1
                layer.rounded((x, y, x + step, y + 0.06), 0.01, accent, atop=True)
                x += step + 0.02
    collar = curve([(0.37, 0.03), (0.42, 0.085), (0.5, 0.105), (0.58, 0.085), (0.63, 0.03)], closed=False)
    layer.line(collar, 0.035, lighter(base, 0.18), atop=True)
    for side in (0, 1):
        seam = [(abs(side - 0.2), 0.1), (abs(side - 0.215), 0.3)]
        layer.line(seam, 0.018, BLACK, opacity=0.35, blur=0.008, atop=True)
    layer.line([(0.2, 0.955), (0.8, 0.955)], 0.008, darker(base, 0.45), opacity=0.6, atop=True)
    layer.folds(rng, 7)
    layer.volume()


def shirt(layer: Layer, rng: Random) -> None:
    base = rng.choice(FABRICS)
    sleeve = curve(
        mirrored([
            (0.5, 0.07), (0.6, 0.02), (0.6, 0.02), (0.78, 0.07), (0.88, 0.14), (0.94, 0.45), (0.985, 0.86),
            (0.985, 0.86), (0.86, 0.885), (0.86, 0.885), (0.81, 0.55), (0.77, 0.3), (0.77, 0.3), (0.765, 0.6),
            (0.775, 0.97), (0.775, 0.97), (0.6, 1.0),
        ])
    )  # fmt: skip
    layer.disc((0.5, 0.045), 0.11, darker(base, 0.5), flat=0.45)
    layer.shape(sleeve, down(lighter(base, 0.1), base, darker(base, 0.12)))
    accent = _accent(rng, base)
    if rng.random() < 0.55:  # a checked shirt
        for i in range(9):
            layer.line([(i / 8, 0), (i / 8, 1)], 0.035, accent, opacity=0.35, atop=True)
            layer.line([(0, i / 9), (1, i / 9)], 0.035, accent, opacity=0.35, atop=True)
            layer.line([(i / 8 + 0.05, 0), (i / 8 + 0.05, 1)], 0.008, WHITE, opacity=0.35, atop=True)
    for side in (0, 1):
        cuff = [(abs(side - 0.015), 0.8), (abs(side - 0.15), 0.83)]
        layer.line(cuff, 0.012, BLACK, opacity=0.45, atop=True)
        arm = curve(
            [(abs(side - 0.21), 0.12), (abs(side - 0.225), 0.3), (abs(side - 0.2), 0.6)], closed=False
        )
        layer.line(arm, 0.02, BLACK, opacity=0.5, blur=0.01, atop=True)
        wing = [(0.5, 0.12), (abs(side - 0.4), 0.0), (abs(side - 0.33), 0.07), (abs(side - 0.38), 0.17)]
        layer.shape(wing, lighter(base, 0.22), atop=True)
        layer.line([*wing[1:], wing[0]], 0.008, BLACK, opacity=0.4, atop=True)
    layer.line([(0.5, 0.12), (0.5, 1)], 0.05, lighter(base, 0.12), atop=True)
    layer.line([(0.53, 0.13), (0.53, 1)], 0.01, BLACK, opacity=0.45, atop=True)
    for i in range(6):
        layer.disc((0.5, 0.2 + i * 0.13), 0.014, darker(accent, 0.1), atop=True)
    layer.rounded((0.58, 0.28, 0.71, 0.41), 0.015, darker(base, 0.14), opacity=0.6, atop=True)
    layer.folds(rng, 7)
    layer.volume()


def hoodie(layer: Layer, rng: Random) -> None:
    base = rng.choice(FABRICS)
    outline = curve(
        mirrored([
            (0.5, 0.1), (0.64, 0.13), (0.8, 0.17), (0.9, 0.27), (0.96, 0.55), (0.99, 0.88), (0.99, 0.88),
            (0.86, 0.9), (0.86, 0.9), (0.81, 0.6), (0.77, 0.4), (0.77, 0.4), (0.78, 0.7), (0.77, 0.985),
            (0.77, 0.985), (0.6, 0.995),
        ])
    )  # fmt: skip
    hood = curve(mirrored([(0.5, 0.0), (0.62, 0.02), (0.68, 0.1), (0.64, 0.2), (0.55, 0.25)]))
    layer.shape(outline, down(lighter(base, 0.06), base, darker(base, 0.15)))
    layer.shape(hood, down(base, darker(base, 0.1)))
    layer.shape(curve(mirrored([(0.5, 0.04), (0.58, 0.06), (0.61, 0.11), (0.55, 0.2)])), darker(base, 0.55))
    pocket = [(0.33, 0.88), (0.38, 0.66), (0.62, 0.66), (0.67, 0.88)]
    layer.shape(pocket, darker(base, 0.12), atop=True)
    layer.line([*pocket, pocket[0]], 0.01, darker(base, 0.4), atop=True)
    for x in (0.45, 0.55):
        layer.line([(x, 0.22), (x, 0.42)], 0.016, lighter(base, 0.7), atop=True)
    layer.line([(0.22, 0.93), (0.78, 0.93)], 0.012, darker(base, 0.4), atop=True)
    for side in (0, 1):
        layer.line(
            [(abs(side - 0.01), 0.82), (abs(side - 0.145), 0.84)], 0.012, BLACK, opacity=0.4, atop=True
        )
        layer.line(
            [(abs(side - 0.2), 0.22), (abs(side - 0.23), 0.4)], 0.02, BLACK, opacity=0.4, blur=0.01, atop=True
        )
    layer.folds(rng, 8, top=0.35)
    layer.volume()


def _folded(layer: Layer, rng: Random, colours: list[Colour], stitched: bool) -> None:
    count = len(colours)
    top = 0.16
    each = (1 - top) / count
    for i in reversed(range(count)):
        colour, y = colours[i], top + i * each
        left, right = rng.uniform(0.0, 0.035), 1 - rng.uniform(0.0, 0.035)
        if i == 0:  # the upper side of the topmost piece is in sight
            back = [(left + 0.1, 0.0), (right - 0.1, 0.0), (right, y + 0.05), (left, y + 0.05)]
            layer.shape(back, down(lighter(colour, 0.2), lighter(colour, 0.05)))
            if stitched:
                layer.line([(0.16, 0.05), (0.84, 0.05)], 0.012, (214, 170, 96), opacity=0.8, atop=True)
                layer.rounded((0.58, 0.06, 0.72, 0.15), 0.01, (150, 92, 52), atop=True)
            else:
                layer.shape([(0.36, 0.0), (0.64, 0.0), (0.5, 0.12)], darker(colour, 0.4), atop=True)
                layer.line([(0.36, 0.0), (0.5, 0.12), (0.64, 0.0)], 0.025, lighter(colour, 0.35), atop=True)
        body = (left, y, right, y + each * 1.04)
        radius = min(0.06, each / layer.aspect * 0.45)
        layer.rounded(body, radius, down(lighter(colour, 0.22), colour, darker(colour, 0.38)))
        middle = y + each * 0.55
        crease = curve(
            [(left, middle), (0.5, middle + rng.uniform(-0.02, 0.02)), (right, middle)], closed=False
        )
        layer.line(crease, 0.012, BLACK, opacity=0.4, atop=True)
        if stitched:
            layer.line(
                [(left + 0.02, y + each * 0.3), (right - 0.02, y + each * 0.3)],
                0.008,
                (214, 170, 96),
                opacity=0.7,
            )


def folded_shirts(layer: Layer, rng: Random) -> None:
    _folded(layer, rng, rng.sample(FABRICS, rng.choice([3, 4])), stitched=False)
    layer.volume(0.04, 0.5)


def folded_jeans(layer: Layer, rng: Random) -> None:
    _folded(layer, rng, rng.sample(DENIMS, 3), stitched=True)
    layer.volume(0.04, 0.5)


def _pants(layer: Layer, rng: Random, hem: float, creased: bool) -> None:
    base = rng.choice(DENIMS)
    crotch = 0.36 if hem < 0.97 else 0.62
    outline = curve(
        mirrored([
            (0.5, 0.0), (0.84, 0.0), (0.84, 0.0), (0.9, 0.16), (0.93, 0.3), (hem + 0.03, 0.985),
            (hem + 0.03, 0.985), (hem - 0.3, 1.0), (hem - 0.3, 1.0), (0.56, 0.5), (0.5, crotch),
        ])
    )  # fmt: skip
    layer.shape(outline, down(lighter(base, 0.05), base, darker(base, 0.1)))
    stitch = mix(base, (226, 178, 104), 0.7) if not creased else darker(base, 0.35)
    for side in (0, 1):
        thigh = (abs(side - 0.29), 0.45)
        layer.disc(thigh, 0.13, WHITE, flat=2.2, opacity=0.2, blur=0.05, atop=True)
        inner = curve([(0.5, 0.36), (abs(side - 0.47), 0.5), (abs(side - (1.27 - hem)), 1.0)], closed=False)
        layer.line(inner, 0.05, BLACK, opacity=0.35, blur=0.03, atop=True)
        pocket = curve(
            [(abs(side - 0.36), 0.075), (abs(side - 0.3), 0.14), (abs(side - 0.12), 0.17)], closed=False
        )
        layer.line(pocket, 0.014, stitch, atop=True)
        if creased:
            layer.line(
                [(abs(side - 0.3), 0.12), (abs(side - 0.2), 1.0)], 0.014, WHITE, opacity=0.35, atop=True
            )
            layer.line(
                [(abs(side - 0.32), 0.12), (abs(side - 0.22), 1.0)], 0.014, BLACK, opacity=0.35, atop=True
            )
        for x in (0.28, 0.4):
            layer.rounded(
                (abs(side - x) - 0.012, 0.0, abs(side - x) + 0.012, 0.07), 0, darker(base, 0.3), atop=True
            )
    layer.line([(0.0, 0.062), (1.0, 0.062)], 0.014, darker(base, 0.4), atop=True)
    fly = curve([(0.5, 0.06), (0.5, 0.33)], closed=False)
    layer.line(fly, 0.014, darker(base, 0.45), atop=True)
    layer.line(curve([(0.56, 0.07), (0.565, 0.2), (0.51, 0.3)], closed=False), 0.012, stitch, atop=True)
    layer.disc((0.5, 0.033), 0.022, (196, 168, 110), atop=True)
    for y in (0.965, 0.945) if not creased else (0.96,):
        layer.line([(0.0, y), (1.0, y)], 0.009, stitch, opacity=0.8, atop=True)
    layer.folds(rng, 6, top=0.35, strength=0.25)
    layer.volume(0.07, 0.6)


def jeans(layer: Layer, rng: Random) -> None:
    _pants(layer, rng, hem=0.9, creased=False)


def trousers(layer: Layer, rng: Random) -> None:
    _pants(layer, rng, hem=0.85, creased=True)


def shorts(layer: Layer, rng: Random) -> None:
    _pants(layer, rng, hem=0.97, creased=rng.random() < 0.5)


def _within(points: list[XY], x: float, y: float, w: float, h: float) -> list[XY]:
    return [(x + px * w, y + py * h) for px, py in points]


def _sneaker(layer: Layer, x: float, y: float, w: float, h: float, base: Colour, accent: Colour) -> None:
    def at(points: list[XY]) -> list[XY]:
        return _within(points, x, y, w, h)

    upper = [
        (0.05, 0.86), (0.05, 0.86), (0.03, 0.5), (0.05, 0.12), (0.1, 0.04), (0.17, 0.1), (0.26, 0.24),
        (0.33, 0.18), (0.4, 0.02), (0.47, 0.03), (0.56, 0.26), (0.7, 0.44), (0.87, 0.53), (0.97, 0.68),
        (0.98, 0.86), (0.98, 0.86),
    ]  # fmt: skip
    collar = curve([(0.06, 0.1), (0.2, 0.08), (0.36, 0.1), (0.34, 0.24), (0.22, 0.28), (0.1, 0.2)])
    layer.shape(at(collar), darker(base, 0.6))
    layer.shape(at(curve(upper)), down(lighter(base, 0.15), base, darker(base, 0.25)))
    toe = curve([(0.98, 0.88), (0.97, 0.68), (0.88, 0.55), (0.8, 0.62), (0.76, 0.88)])
    layer.shape(at(toe), down(lighter(base, 0.3), lighter(base, 0.05)), opacity=0.8, atop=True)
    heel = curve([(0.03, 0.86), (0.03, 0.5), (0.05, 0.3), (0.15, 0.4), (0.18, 0.86)])
    layer.shape(at(heel), accent, atop=True)
    swoosh = curve([(0.24, 0.55), (0.36, 0.72), (0.55, 0.66), (0.78, 0.46), (0.52, 0.54), (0.38, 0.56)])
    layer.shape(at(swoosh), accent, atop=True)
    for i in range(5):
        cx, cy = 0.42 + i * 0.055, 0.13 + i * 0.075
        layer.line(at([(cx - 0.045, cy + 0.1), (cx + 0.03, cy - 0.005)]), 0.022 * w, lighter(base, 0.75))
    sole = curve([
        (0.02, 0.8), (0.02, 0.8), (0.5, 0.84), (0.99, 0.78), (0.99, 0.78), (1.0, 0.9), (0.94, 0.99),
        (0.94, 0.99), (0.04, 1.0), (0.04, 1.0), (0.01, 0.9),
    ])  # fmt: skip
    layer.shape(at(sole), down((250, 250, 246), (206, 204, 200)))
    layer.line(at([(0.03, 0.97), (0.95, 0.965)]), 0.02 * w, (120, 112, 106), atop=True)
    layer.line(
        at(curve([(0.02, 0.82), (0.5, 0.86), (0.99, 0.8)], closed=False)),
        0.01 * w,
        BLACK,
        opacity=0.35,
        atop=True,
    )


def sneakers(layer: Layer, rng: Random) -> None:
    base = rng.choice(FABRICS)
    accent = _accent(rng, base)
    _sneaker(layer, 0.14, 0.0, 0.86, 0.88, darker(base, 0.18), darker(accent, 0.18))
    _sneaker(layer, 0.0, 0.1, 0.88, 0.9, base, accent)
    layer.volume(0.03, 0.35)


def _boot(layer: Layer, x: float, y: float, w: float, h: float, base: Colour) -> None:
    def at(points: list[XY]) -> list[XY]:
        return _within(points, x, y, w, h)

    body = [
        (0.06, 0.0), (0.06, 0.0), (0.56, 0.0), (0.56, 0.0), (0.56, 0.3), (0.6, 0.5), (0.78, 0.6),
        (0.95, 0.68), (0.99, 0.86), (0.99, 0.86), (0.04, 0.86), (0.04, 0.86), (0.09, 0.5),
    ]  # fmt: skip
    layer.shape(at(curve(body)), across(lighter(base, 0.12), base, darker(base, 0.25)))
    layer.shape(at([(0.07, 0.0), (0.55, 0.0), (0.55, 0.07), (0.07, 0.07)]), lighter(base, 0.28), atop=True)
    for i in range(6):
        cy = 0.13 + i * 0.075
        layer.line(at([(0.42, cy + 0.02), (0.56, cy - 0.02)]), 0.024 * w, (226, 200, 140), atop=True)
    layer.line(
        at(curve([(0.08, 0.5), (0.3, 0.56), (0.6, 0.5)], closed=False)),
        0.014 * w,
        BLACK,
        opacity=0.45,
        atop=True,
    )
    layer.line(
        at(curve([(0.74, 0.86), (0.72, 0.7), (0.8, 0.6)], closed=False)),
        0.014 * w,
        BLACK,
        opacity=0.45,
        atop=True,
    )
    sole = [(0.02, 0.84), (1.0, 0.84), (0.99, 0.95), (0.45, 0.95), (0.4, 0.92), (0.36, 1.0), (0.03, 1.0)]
    layer.shape(at(sole), down((78, 62, 50), (34, 28, 26)))


def boots(layer: Layer, rng: Random) -> None:
    base = rng.choice(LEATHERS)
    _boot(layer, 0.22, 0.0, 0.78, 0.93, darker(base, 0.25))
    _boot(layer, 0.0, 0.05, 0.8, 0.95, base)
    layer.volume(0.04, 0.45)


def _pump(layer: Layer, x: float, y: float, w: float, h: float, base: Colour) -> None:
    def at(points: list[XY]) -> list[XY]:
        return _within(points, x, y, w, h)

    inside = curve([(0.06, 0.1), (0.3, 0.3), (0.62, 0.62), (0.5, 0.62), (0.2, 0.4)])
    layer.shape(at(inside), (214, 178, 140))
    body = [
        (0.03, 0.06), (0.03, 0.06), (0.14, 0.3), (0.36, 0.52), (0.6, 0.66), (0.66, 0.6), (0.8, 0.76),
        (0.99, 0.94), (0.99, 0.94), (0.62, 0.98), (0.42, 0.82), (0.24, 0.6), (0.12, 0.54), (0.0, 0.42),
    ]  # fmt: skip
    layer.shape(at(curve(body)), across(darker(base, 0.1), lighter(base, 0.2), base))
    layer.shape(
        at([(0.01, 0.42), (0.16, 0.52), (0.1, 0.74), (0.09, 1.0), (0.04, 1.0), (0.03, 0.7)]),
        darker(base, 0.3),
    )
    layer.line(
        at(curve([(0.24, 0.62), (0.44, 0.85), (0.62, 0.985), (0.98, 0.96)], closed=False)),
        0.02 * w,
        (60, 30, 30),
    )


def heels(layer: Layer, rng: Random) -> None:
    base = rng.choice([(176, 34, 48), (36, 32, 40), (214, 140, 150), (60, 76, 132)])
    _pump(layer, 0.16, 0.0, 0.84, 0.88, darker(base, 0.2))
    _pump(layer, 0.0, 0.1, 0.86, 0.9, base)
    layer.volume(0.03, 0.35)
