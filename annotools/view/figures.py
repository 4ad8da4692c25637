"""The figures of `annotools stats`: frozen records of built-in types, and how they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from annotools.view.columns import FLAGS, Bools, Columns, Floats, Ints

PERCENTS: Final = (0, 5, 25, 50, 75, 95, 100)
COCO_SIDES: Final = (32, 96)
"""Below 32 x 32 pixels an object is small, from 96 x 96 on it is large: COCO's words."""
GRID: Final = 16
_BORDER: Final = 1.0
_EDGES: Final = np.arange(-4.0, 4.5, 0.5)

Percentiles = tuple[float, ...] | None
"""At PERCENTS; None of nothing."""
Grid = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class BoxFigures:
    """Boxes of a class or of all, in pixels of the original image unless it says otherwise.

    measured          boxes with finite edges and an extent; all that follows is of them
    side              the root of the area; relative_side is that of the area's share of the image
    aspect            width / height
    aspect_histogram  counts of log2(aspect) below -4, in steps of 0.5 from -4 to 4, and above
    original, training   {"small", "medium", "large"} by COCO_SIDES, as they are and after the resize
    touching          within a pixel of the border of the image
    centres           GRID x GRID counts, rows from top to bottom of the image
    """

    measured: int
    width: Percentiles
    height: Percentiles
    side: Percentiles
    relative_side: Percentiles
    aspect: Percentiles
    aspect_histogram: tuple[int, ...]
    original: dict[str, int]
    training: dict[str, int]
    touching: int
    centres: Grid


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class. `share` is of all objects; `splits` and `flags` count objects: {flag: that have it set}."""

    name: str
    objects: int
    images: int
    share: float
    splits: dict[str, int]
    flags: dict[str, int]
    boxes: BoxFigures


def percentiles(values: Floats | Ints) -> Percentiles:
    """At PERCENTS, linear between two values."""
    if not len(values):
        return None
    return tuple(float(value) for value in np.percentile(values, PERCENTS))


class Measures:
    """What is measured of each box, once for all classes.

    rows      (M,) objects whose boxes have an extent
    training  (M, 2) widths and heights at the training size, NaN where the size of the image is unknown
    """

    def __init__(self, columns: Columns, image_size: tuple[int, int]) -> None:
        self.rows = np.flatnonzero(columns.has_extent)
        self.label = columns.label[self.rows]
        self.box = columns.box[self.rows]
        self.sides: Floats = self.box[:, 2:] - self.box[:, :2]
        size = columns.size[columns.image[self.rows]].astype(np.float64)
        size[size == 0] = np.nan
        self.size: Floats = size
        self.training: Floats = self.sides / size * np.array(image_size[::-1], np.float64)

    def figures(self, chosen: Bools) -> BoxFigures:
        """Of the chosen (M,)."""
        sides, size, box = self.sides[chosen], self.size[chosen], self.box[chosen]
        known = ~np.isnan(size[:, 0])
        area = np.prod(sides, axis=1)
        share = area[known] / np.prod(size[known], axis=1)
        aspect = sides[:, 0] / sides[:, 1]
        near = (box[:, :2] <= _BORDER) | (box[:, 2:] >= size - _BORDER)
        return BoxFigures(
            measured=len(sides),
            width=percentiles(sides[:, 0]),
            height=percentiles(sides[:, 1]),
            side=percentiles(np.sqrt(area)),
            relative_side=percentiles(np.sqrt(share)),
            aspect=percentiles(aspect),
            aspect_histogram=tuple(
                np.bincount(np.searchsorted(_EDGES, np.log2(aspect), side="right"), minlength=18).tolist()
            ),
            original=_by_size(area),
            training=_by_size(np.prod(self.training[chosen][known], axis=1)),
            touching=int((near.any(axis=1) & known).sum()),
            centres=_grid((box[:, :2] + box[:, 2:])[known] / 2 / size[known]),
        )


def _by_size(area: Floats) -> dict[str, int]:
    small, medium = (int(np.sum(area < side**2)) for side in COCO_SIDES)
    return {"small": small, "medium": medium - small, "large": len(area) - medium}


def _grid(centres: Floats) -> Grid:
    cells = np.clip((centres * GRID).astype(np.int64), 0, GRID - 1)
    counts = np.bincount(cells[:, 1] * GRID + cells[:, 0], minlength=GRID * GRID).reshape(GRID, GRID)
    return tuple(tuple(row) for row in counts.tolist())


def class_figures(columns: Columns, measures: Measures) -> tuple[ClassFigures, ...]:
    """A record for each class, in the order of the names."""
    in_split = columns.member[columns.image]
    total = len(columns.label)
    figures = []
    for place, name in enumerate(columns.names):
        own = columns.label == place
        count = int(own.sum())
        figures.append(
            ClassFigures(
                name=name,
                objects=count,
                images=len(np.unique(columns.image[own])),
                share=count / total,
                splits=dict(zip(columns.splits, in_split[own].sum(axis=0).tolist(), strict=True)),
                flags=dict(zip(FLAGS, (columns.flags[own] == 1).sum(axis=0).tolist(), strict=True)),
                boxes=measures.figures(measures.label == place),
            )
        )
    return tuple(figures)


def divergence(counts: Ints, others: Ints) -> float:
    """Jensen-Shannon divergence of two distributions of classes, in bits: 0 the same, 1 nothing in common.

    NaN where one of them has no objects.
    """
    if not counts.sum() or not others.sum():
        return float("nan")
    p, q = counts / counts.sum(), others / others.sum()
    middle = (p + q) / 2

    def entropy(share: Floats) -> float:
        some = share[share > 0]
        return float(-(some * np.log2(some)).sum())

    return max(0.0, entropy(middle) - (entropy(p) + entropy(q)) / 2)
