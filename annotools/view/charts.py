"""The figures of `stats` as drawings of the report: plain numbers, which templates/charts.html.j2 draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from annotools.sources.storage import printable
from annotools.view.columns import Columns
from annotools.view.figures import Grid
from annotools.view.palette import color
from annotools.view.stats import Stats

SHOWN: Final = 12
"""Classes in a drawing that shows some; the table has all."""
_LEVELS: Final = 6
_MATRIX: Final = 15
_COUNT_BINS: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """`share` is of the longest bar, 0 to 1; `note` is written at its end, `mark` under an upright one."""

    label: str
    share: float
    note: str
    color: str = "var(--accent)"
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles 5, 25, 50, 75 and 95 of a class as positions 0 to 1 on a logarithmic axis."""

    label: str
    color: str
    at: tuple[float, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A grid of counts: of each level from 1 up the SVG path of its cells; (columns, rows); the most."""

    levels: tuple[str, ...]
    size: tuple[int, int]
    most: int


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing. `look` says what to look for, `text` what is seen, for those who do not see."""

    id: str
    title: str
    look: str
    text: str
    bars: tuple[Bar, ...] = ()
    spreads: tuple[Spread, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    heat: Heat | None = None
    labels: tuple[str, ...] = ()
    columns: tuple[Bar, ...] = ()


def make_charts(figures: Stats, columns: Columns, index_of: dict[str, int]) -> list[Chart]:
    """All drawings for which there is something to draw."""
    makers = (_classes, _counts, _scales, _sides, _aspects, _centres, _images, _together, _splits)
    return [chart for make in makers for chart in make(figures, columns, index_of)]


def heat(grid: Grid) -> Heat:
    """Levels by equal steps of the count, so that twice as dark is twice as many."""
    most = max(map(max, grid), default=0)
    paths = [""] * _LEVELS
    for y, row in enumerate(grid):
        for x, count in enumerate(row):
            if count:
                paths[min(_LEVELS - 1, count * _LEVELS // (most + 1))] += f"M{x} {y}h1v1h-1z"
    return Heat(tuple(paths), (len(grid[0]) if grid else 0, len(grid)), most)


def _bars(rows: Sequence[tuple[str, int, str]], total: int) -> tuple[Bar, ...]:
    """(label, count, colour): the count and its share at the end of each."""
    most = max((count for _, count, _ in rows), default=0) or 1
    return tuple(
        Bar(label, count / most, f"{count:,} ({count / total:.1%})" if total else f"{count:,}", fill)
        for label, count, fill in rows
    )


def _classes(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    ordered = sorted(figures.classes, key=lambda one: -one.objects)
    if not ordered:
        return
    rows = [(printable(one.name), one.objects, color(index_of.get(one.name))) for one in ordered]
    more = (
        ""
        if len(rows) <= 2 * SHOWN
        else f" The first {2 * SHOWN} of {len(rows)} are drawn, the table has all."
    )
    first, last = ordered[0], ordered[-1]
    yield Chart(
        id="classes",
        title="Objects of each class",
        look="Bars that hardly show: a detector learns little of a class with a hundredth of the objects."
        + more,
        text=f"{rows[0][0]} has most, {first.objects}; {rows[-1][0]} has fewest, {last.objects}.",
        bars=_bars(rows[: 2 * SHOWN], figures.objects),
    )


def _counts(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    per_image = np.bincount(columns.image, minlength=len(columns.paths))
    if not len(per_image):
        return
    most = int(per_image.max())
    step = max(1, -(-(most + 1) // _COUNT_BINS))
    counts = np.bincount(per_image // step).tolist()
    labels = [
        str(place) if step == 1 else f"{place * step}-{place * step + step - 1}"
        for place in range(len(counts))
    ]
    yield Chart(
        id="counts",
        title="Objects in an image",
        look="A bar at 0 that you did not expect (forgotten annotations), and a long tail: "
        f"max_boxes must be {most}, or objects are left out.",
        text=f"Most images have {labels[int(np.argmax(counts))]} objects, the fullest has {most}.",
        columns=_columns(labels, counts),
    )


def _columns(labels: Sequence[str], counts: Sequence[int], marks: Sequence[str] = ()) -> tuple[Bar, ...]:
    """Upright bars; without `marks` some of the labels are written."""
    most = max(counts, default=0) or 1
    step = -(-len(labels) // 8)
    marks = marks or [label if place % step == 0 else "" for place, label in enumerate(labels)]
    return tuple(
        Bar(label, count / most, f"{count:,}", mark=mark)
        for label, count, mark in zip(labels, counts, marks, strict=True)
    )


def _scales(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    boxes = figures.boxes
    if not boxes.measured:
        return
    height, width = figures.image_size
    rows = [
        (f"{name}, {where}", count, fill)
        for where, counts, fill in (
            ("in the files", boxes.original, "var(--muted)"),
            (f"at {width}x{height}", boxes.training, "var(--accent)"),
        )
        for name, count in counts.items()
    ]
    share = boxes.training["small"] / (sum(boxes.training.values()) or 1)
    yield Chart(
        id="scales",
        title="Small, medium, large",
        look="Boxes that become small by the resize: below 32x32 pixels most detectors miss many. "
        "A larger input or crops help. The limits, 32 and 96 pixels, are COCO's.",
        text=f"At {width}x{height} pixels {share:.0%} of the boxes are small.",
        bars=_bars(rows, boxes.measured),
    )


def _sides(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    shown = [one for one in sorted(figures.classes, key=lambda one: -one.objects) if one.boxes.side][:SHOWN]
    if not shown:
        return
    sides = {one.name: [float(side) for side in (one.boxes.side or ())[1:6]] for one in shown}
    low = 2.0 ** np.floor(np.log2(min(max(side[0], 0.5) for side in sides.values())))
    high = max(2.0 ** np.ceil(np.log2(max(side[-1] for side in sides.values()))), low * 2)

    def place(side: float) -> float:
        return float(np.log(max(side, low) / low) / np.log(high / low))

    count = round(float(np.log2(high / low)))
    ticks = [float(low) * 2.0**power for power in range(0, count + 1, max(1, count // 6))]
    yield Chart(
        id="sides",
        title="Size of the boxes, by class",
        look="Lines of one class that reach over many doublings: mixed scales, or boxes that are wrong. "
        "Thin line: 5% to 95%; thick: the middle half; tick: the median of the root of the area in pixels.",
        text="; ".join(f"{printable(name)}: median {side[2]:.0f}" for name, side in sides.items()),
        spreads=tuple(
            Spread(printable(name), color(index_of.get(name)), tuple(map(place, side)), f"{side[2]:.0f}")
            for name, side in sides.items()
        ),
        ticks=tuple((place(tick), f"{tick:g}") for tick in ticks),
    )


def _aspects(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    counts = figures.boxes.aspect_histogram
    if not sum(counts):
        return
    edges = [2 ** ((step - 8) / 2) for step in range(17)]
    labels = ["below 1:16"]
    labels += [f"{low:.2g} to {high:.2g}" for low, high in pairwise(edges)]
    labels += ["above 16:1"]
    named = {1: "1:16", 5: "1:4", 7: "1:2", 9: "1:1", 11: "2:1", 13: "4:1", 17: "16:1"}
    marks = [named.get(place, "") for place in range(len(labels))]
    yield Chart(
        id="aspects",
        title="Width divided by height",
        look="Weight at the ends: anchors of 1:2 to 2:1 do not fit such boxes. A bar is half a doubling.",
        text=f"The median is {(figures.boxes.aspect or (0,) * 7)[3]:.2f}.",
        columns=_columns(labels, counts, marks),
    )


def _centres(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    grid = heat(figures.boxes.centres)
    if grid.most:
        yield Chart(
            id="centres",
            title="Where the centres of boxes lie",
            look="Empty regions, or all in the middle: the detector learns the place and not the thing. "
            "The table has the same for each class.",
            text=f"The fullest of {grid.size[0]}x{grid.size[1]} cells has {grid.most} centres.",
            heat=grid,
        )


def _images(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    images = figures.images
    if not images.sizes:
        return
    rows = [
        (f"{width}x{height}" if width else "unknown", count, "var(--accent)")
        for width, height, count in images.sizes
    ]
    more = (
        f" The {len(rows)} most frequent of {images.distinct_sizes}."
        if images.distinct_sizes > len(rows)
        else ""
    )
    yield Chart(
        id="images",
        title="Sizes of the images",
        look="Sizes far from the input of the detector, and both upright and lying pictures: "
        "a stretching resize distorts them." + more,
        text=f"{rows[0][0]} is the most frequent.",
        bars=_bars(rows, sum(count for _, _, count in images.sizes)),
    )


def _together(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    ordered = sorted(range(len(figures.classes)), key=lambda place: -figures.classes[place].images)[:_MATRIX]
    if len(ordered) < 2:
        return
    grid = tuple(
        tuple(0 if one == other else figures.together[one][other] for other in ordered) for one in ordered
    )
    drawn = heat(grid)
    yield Chart(
        id="together",
        title="Classes in one image",
        look="Classes that always come together: the detector may learn one by the other. "
        "Darker: more images with both.",
        text=f"The most frequent pair is in {drawn.most} images.",
        heat=drawn,
        labels=tuple(printable(figures.classes[place].name) for place in ordered),
    )


def _splits(figures: Stats, columns: Columns, index_of: dict[str, int]) -> Iterator[Chart]:
    if len(figures.splits) < 2 or not figures.classes:
        return
    shown = sorted(figures.classes, key=lambda one: -one.objects)[:SHOWN]
    rows: list[Bar] = []
    for one in shown:
        for split in figures.splits:
            share = one.splits[split.name] / split.objects if split.objects else 0.0
            label = f"{printable(one.name)}, {printable(split.name)}"
            rows.append(Bar(label, share, f"{share:.1%}", color(index_of.get(one.name))))
    longest = max(row.share for row in rows) or 1
    apart = [
        f"{printable(pair.replace('|', ' and '))} {bits:.3f}"
        for pair, bits in figures.divergence.items()
        if bits is not None
    ]
    yield Chart(
        id="splits",
        title="Share of each class in the splits",
        look="Bars of one class that differ in length: scores on one split say little about another. "
        f"Divergence, 0 the same and 1 nothing in common: {', '.join(apart) or 'not known'}.",
        text="; ".join(f"{row.label} {row.note}" for row in rows),
        bars=tuple(Bar(row.label, row.share / longest, row.note, row.color) for row in rows),
    )
