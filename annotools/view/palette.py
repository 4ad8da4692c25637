"""The colours of classes: twelve that differ for every reader, then the same with marks.

Found once by search and frozen: the smallest CIE76 distance between two of them, and to PROBLEM, is above 24
for normal sight and for deutan, protan and tritan readers (Machado, Oliveira and Fernandes 2009, severity 1).
tests/viewing/test_palette.py computes it again. No list of more than a dozen keeps such distances, so
the thirteenth class has the colour of the first and one mark, the twenty-fifth two. From 72 classes on
nothing but the name on the box tells them all apart.
"""

from __future__ import annotations

from typing import Final

PALETTE: Final = (
    "#3355aa", "#ee9911", "#22aa88", "#ff22ff", "#ffee00", "#7700ff",
    "#99bb66", "#884477", "#00ffbb", "#ffaaff", "#aaff77", "#bb1144",
)  # fmt: skip
PROBLEM: Final = "#e50020"
UNKNOWN: Final = "#999999"
"""Of a name that is in no class map."""

Rgb = tuple[int, int, int]


def color(index: int | None) -> str:
    """The colour of class `index`, counted from 0; None: a name that no class has."""
    return UNKNOWN if index is None else PALETTE[index % len(PALETTE)]


def marks(index: int | None) -> int:
    """How many marks a box of class `index` carries: the second channel. After five they begin anew."""
    return 0 if index is None else index // len(PALETTE) % 6


def rgb(text: str) -> Rgb:
    """`#ee9911` as three numbers from 0 to 255."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def ink(background: str) -> str:
    """Black or white, whichever has the higher contrast on `background` (WCAG 2, relative luminance)."""
    linear = [
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4
        for one in (value / 255 for value in rgb(background))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"
