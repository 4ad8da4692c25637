"""`annotools stats`: what is in a data set, in figures."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from annotools.errors import SourceError
from annotools.options import takes
from annotools.view.columns import FLAGS, Bools, Columns, Ints, read_columns
from annotools.view.figures import (
    BoxFigures,
    ClassFigures,
    Measures,
    Percentiles,
    class_figures,
    divergence,
    percentiles,
)
from annotools.view.hints import Hint, HintFinder
from annotools.view.neighbours import find_pairs
from annotools.view.options import StatsOptions, StrPath

CROWDED: Final = 0.5
_SAMPLE: Final = 10_000
_SIZES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class ImageFigures:
    """Images, each counted once. annotated + negative + lost + without_annotation = found.

    lost      {rule: count}: annotation files that cannot be read; nothing else is known of these images
    sizes     the most frequent, (W, H, count); W and H are 0 where unknown
    aspect    width / height
    objects_per_image, fullest   of annotated and negative ones; the file with the most objects
    """

    found: int
    annotated: int
    negative: int
    without_annotation: int
    without_image: int
    unreadable_image: int
    lost: dict[str, int]
    distinct_sizes: int
    sizes: tuple[tuple[int, int, int], ...]
    aspect: Percentiles
    objects_per_image: Percentiles
    most_objects: int
    fullest: str | None


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """`missing` are classes of the source of which the split has no object."""

    name: str
    images: int
    negative: int
    objects: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Anchors:
    """Shapes by k-means with IoU, at the training size. The shapes' IoU is that of centred boxes.

    mean_best_iou, share_above_half   over all measurable boxes, of the best IoU of each
    """

    count: int
    seed: int
    shapes: tuple[tuple[float, float], ...]
    mean_best_iou: float
    share_above_half: float


@dataclass(frozen=True, slots=True)
class Stats:
    """The result of `annotools.view.stats.stats`. Objects are those of the files, unrepaired.

    flags         {flag: {"set", "not_set", "absent"}}
    crowding      boxes with IoU above 0.5 to another one: of the same class (drawn twice?), of another class
    together      (C, C) images that hold an object of both classes; the diagonal: of the class
    divergence    {"train|val": bits}: how far the classes of two splits are apart, None where one is empty
    hint_counts, hints   {kind: count}, and of each kind the first 100
    """

    source: str
    split: str | None
    image_size: tuple[int, int]
    images: ImageFigures
    objects: int
    objects_without_box: int
    objects_without_extent: int
    boxes: BoxFigures
    classes: tuple[ClassFigures, ...]
    splits: tuple[SplitFigures, ...]
    flags: dict[str, dict[str, int]]
    crowding: dict[str, int]
    together: tuple[tuple[int, ...], ...]
    divergence: dict[str, float | None]
    hint_counts: dict[str, int]
    hints: tuple[Hint, ...]
    anchors: Anchors | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data as schemas/stats.schema.json has it."""
        return dataclasses.asdict(self)


@takes(StatsOptions)
def stats(source: StrPath, options: StatsOptions) -> Stats:
    """What is in a data set: classes, sizes, splits, crowding, hints of wrong labels.

    source       anything that `annotools.read` takes
    split        one split; None: everything, each image once
    image_size   (H, W) or one number: the input of the detector, after a resize by stretching
    anchors      propose so many shapes; `seed` fixes the k-means
    images       "header": sizes are those of the image files; "none": those of `<size>`
    annotations, image_folder   as for `annotools.convert`

    Faulty files end nothing: they are counted. Raises SourceError where there is nothing to read.
    """
    columns = read_columns(
        source,
        options.split,
        headers=options.images != "none",
        annotations=options.annotations,
        image_folder=options.image_folder,
    )
    return figures_of(columns, os.fspath(source), options)


def figures_of(columns: Columns, source: str, options: StatsOptions) -> Stats:
    """The figures of columns that have been read. Raises as `stats`."""
    if not columns.paths and not columns.lost and not columns.counts["without_annotation"]:
        raise SourceError("nothing to count", path=source, field="split", found=options.split)
    measures = Measures(columns, options.size)
    crowding, hints = _neighbours(columns)
    no_box = int(np.isnan(columns.box[:, 0]).sum())
    return Stats(
        source=source,
        split=options.split,
        image_size=options.size,
        images=_images(columns),
        objects=len(columns.label),
        objects_without_box=no_box,
        objects_without_extent=len(columns.label) - no_box - len(measures.rows),
        boxes=measures.figures(np.ones(len(measures.rows), bool)),
        classes=class_figures(columns, measures),
        splits=tuple(_split(columns, place) for place in range(len(columns.splits))),
        flags=_flags(columns),
        crowding=crowding,
        together=_together(columns),
        divergence=_divergences(columns),
        hint_counts=dict(hints.counts),
        hints=tuple(hints.hints),
        anchors=None if options.anchors is None else _anchors(measures, options.anchors, options.seed),
    )


def _images(columns: Columns) -> ImageFigures:
    per_image = np.bincount(columns.image, minlength=len(columns.paths))
    most = int(per_image.max(initial=0))
    sizes = Counter(map(tuple, columns.size.tolist()))
    known = columns.size[columns.size[:, 0] > 0]
    lost, counts = sum(columns.lost.values()), columns.counts
    return ImageFigures(
        found=len(columns.paths) + lost + counts["without_annotation"],
        annotated=int((per_image > 0).sum()),
        negative=int((per_image == 0).sum()),
        without_annotation=counts["without_annotation"],
        without_image=counts["without_image"],
        unreadable_image=counts["unreadable_image"],
        lost=dict(sorted(columns.lost.items())),
        distinct_sizes=len({size for size in sizes if size[0]}),
        sizes=tuple(
            (*size, count)
            for size, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_SIZES_SHOWN]
        ),
        aspect=percentiles(known[:, 0] / known[:, 1]),
        objects_per_image=percentiles(per_image),
        most_objects=most,
        fullest=columns.paths[int(per_image.argmax())] if most else None,
    )


def _of_split(columns: Columns, place: int) -> tuple[Bools, Ints]:
    """(N,) its images, (C,) its objects by class."""
    member = columns.member[:, place]
    return member, np.bincount(columns.label[member[columns.image]], minlength=len(columns.names))


def _split(columns: Columns, place: int) -> SplitFigures:
    member, counts = _of_split(columns, place)
    per_image = np.bincount(columns.image, minlength=len(columns.paths))
    return SplitFigures(
        name=columns.splits[place],
        images=int(member.sum()),
        negative=int((member & (per_image == 0)).sum()),
        objects=int(counts.sum()),
        missing=tuple(name for name, count in zip(columns.names, counts, strict=True) if not count),
    )


def _divergences(columns: Columns) -> dict[str, float | None]:
    counts = [_of_split(columns, place)[1] for place in range(len(columns.splits))]
    found = {}
    for first, second in combinations(range(len(columns.splits)), 2):
        value = divergence(counts[first], counts[second])
        found[f"{columns.splits[first]}|{columns.splits[second]}"] = None if math.isnan(value) else value
    return found


def _flags(columns: Columns) -> dict[str, dict[str, int]]:
    return {
        name: {
            word: int((columns.flags[:, place] == value).sum())
            for word, value in (("set", 1), ("not_set", 0), ("absent", -1))
        }
        for place, name in enumerate(FLAGS)
    }


def _together(columns: Columns) -> tuple[tuple[int, ...], ...]:
    there = np.zeros((len(columns.paths), len(columns.names)), np.float32)
    there[columns.image, columns.label] = 1
    return tuple(tuple(row) for row in (there.T @ there).astype(np.int64).tolist())


def _neighbours(columns: Columns) -> tuple[dict[str, int], HintFinder]:
    hints = HintFinder(columns)
    same, other = (np.zeros(len(columns.label), bool) for _ in range(2))
    for pairs in find_pairs(columns):
        hints.add(pairs)
        close = pairs.iou > CROWDED
        first, second = pairs.first[close], pairs.second[close]
        alike = columns.label[first] == columns.label[second]
        for seen, chosen in ((same, alike), (other, ~alike)):
            seen[first[chosen]] = seen[second[chosen]] = True
    hints.finish()
    return {"same_class": int(same.sum()), "other_class": int(other.sum())}, hints


def _anchors(measures: Measures, count: int, seed: int) -> Anchors:
    from annotools.targets.anchors import kmeans_anchors, shape_iou

    shapes = measures.training[~np.isnan(measures.training[:, 0])]
    sample = shapes
    if len(shapes) > _SAMPLE:
        sample = shapes[np.sort(np.random.default_rng(seed).choice(len(shapes), _SAMPLE, replace=False))]
    anchors = kmeans_anchors(sample, count, seed).astype(np.float64)
    best = shape_iou(shapes, anchors).max(axis=1)
    return Anchors(
        count=count,
        seed=seed,
        shapes=tuple((float(width), float(height)) for width, height in anchors),
        mean_best_iou=float(best.mean()),
        share_above_half=float((best > 0.5).mean()),
    )
