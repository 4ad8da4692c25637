"""The colours of classes, as readers of four kinds see them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from annotools.view.palette import PALETTE, PROBLEM, color, ink, marks, rgb

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of CVD", 2009, severity 1
SIGHTS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039),
    ),
}  # fmt: skip
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(text: str, sight: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    share = np.array(rgb(text)) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1)
    x, y, z = np.cbrt(np.maximum(TO_XYZ @ seen / (0.9505, 1.0, 1.089), 216 / 24389))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHTS)
def test_all_colours_differ_for_every_reader(sight: str) -> None:
    for one, other in combinations([*PALETTE, PROBLEM], 2):
        assert np.linalg.norm(lab(one, sight) - lab(other, sight)) > 24, (one, other)


def test_the_measure_knows_colours_that_look_alike() -> None:
    """tab10 of matplotlib: 28 apart for normal sight, 5 for protan readers."""
    tab10 = [
        "1f77b4",
        "ff7f0e",
        "2ca02c",
        "d62728",
        "9467bd",
        "8c564b",
        "e377c2",
        "7f7f7f",
        "bcbd22",
        "17becf",
    ]

    def smallest(sight: str) -> float:
        pairs = combinations([lab(f"#{one}", sight) for one in tab10], 2)
        return min(float(np.linalg.norm(one - other)) for one, other in pairs)

    assert smallest("normal") > 25
    assert smallest("protan") < 6


def test_beyond_a_dozen_marks_tell_classes_apart() -> None:
    assert len({(color(index), marks(index)) for index in range(72)}) == 72
    assert [marks(index) for index in (None, 0, 11, 12, 24, 72)] == [0, 0, 0, 1, 2, 0]


def test_names_are_written_in_black_or_white_by_contrast() -> None:
    assert (ink("#ffee00"), ink("#00ffbb"), ink("#3355aa"), ink("#884477")) == (
        "#000000", "#000000", "#ffffff", "#ffffff",
    )  # fmt: skip
