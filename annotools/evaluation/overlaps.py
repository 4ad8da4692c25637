"""Which detections and objects of an image overlap, and by how much; as a sparse list, not as a matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annotools.evaluation.tables import Bools, Detections, Floats, Ints, Truth

_PAIRS = 1 << 19
"""Pairs that are looked at together, about: some 60 MB."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """P pairs of a detection and an object of the same image.

    detection, truth  (P,) positions in Detections and in Truth, ascending: first by detection, then by object
    iou               (P,)
    """

    detection: Ints
    truth: Ints
    iou: Floats

    def where(self, chosen: Bools | Ints) -> Overlaps:
        """The chosen pairs, in the order in which an index gives them."""
        return Overlaps(self.detection[chosen], self.truth[chosen], self.iou[chosen])


def find_overlaps(truth: Truth, detections: Detections, at_least: float) -> Overlaps:
    """All pairs, of whichever classes, with an IoU of `at_least` or more, which must be above 0.

    Widths are differences of edges, without the + 1 of the devkit: numbers of pixels from 1 that include
    both ends become edges before they come here.
    """
    found = [pairs.where(pairs.iou >= at_least) for pairs in _all_pairs(truth, detections)]
    if not found:
        return Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Overlaps(
        np.concatenate([pairs.detection for pairs in found]),
        np.concatenate([pairs.truth for pairs in found]),
        np.concatenate([pairs.iou for pairs in found]),
    )


def _all_pairs(truth: Truth, detections: Detections) -> Iterator[Overlaps]:
    """The pairs of the same image, some at a time, overlapping or not."""
    counts = np.bincount(truth.image, minlength=len(truth.images))
    starts = np.cumsum(counts) - counts
    partners = counts[detections.image]
    ends = np.cumsum(partners)
    start = 0
    while start < len(detections):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _PAIRS, side="right")))
        chunk = np.arange(start, stop)
        which = np.repeat(chunk, partners[chunk])
        place = np.arange(len(which)) + before - (ends - partners)[which]
        objects = starts[detections.image[which]] + place
        yield Overlaps(which, objects, _iou(detections.boxes[which], truth.boxes[objects]))
        start = stop


def _iou(boxes: Floats, others: Floats) -> Floats:
    """(P, 4) and (P, 4) -> (P,), row by row; 0 where the union has no area."""
    sides = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2])
    common = np.prod(np.maximum(sides, 0.0), axis=1)
    union = _area(boxes) + _area(others) - common
    result: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return result


def _area(boxes: Floats) -> Floats:
    area: Floats = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return area
