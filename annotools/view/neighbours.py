"""Boxes of one image that overlap: all pairs, without a loop over images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from annotools.view.columns import Bools, Columns, Floats, Ints


class Pairs(NamedTuple):
    """K pairs of overlapping boxes of the same image.

    first, second  (K,) rows of the objects; `first` is earlier in the file
    iou            (K,)
    inside         (K,) the share of the smaller box that lies in the other
    """

    first: Ints
    second: Ints
    iou: Floats
    inside: Floats

    def where(self, chosen: Bools | Ints) -> Pairs:
        return Pairs(self.first[chosen], self.second[chosen], self.iou[chosen], self.inside[chosen])


def find_pairs(columns: Columns) -> Iterator[Pairs]:
    """All pairs that overlap, some at a time: each measurable box with the next of its image, then with the
    one after that, and so on. As many steps as the fullest image has boxes."""
    rows = np.flatnonzero(columns.has_extent)
    image, box = columns.image[rows], columns.box[rows]
    area = np.prod(box[:, 2:] - box[:, :2], axis=1)
    here = np.arange(len(rows))
    lag = 0
    while len(here):
        lag += 1
        here = here[here + lag < len(rows)]
        here = here[image[here] == image[here + lag]]
        there = here + lag
        sides = np.minimum(box[here, 2:], box[there, 2:]) - np.maximum(box[here, :2], box[there, :2])
        overlap = (sides > 0).all(axis=1)
        first, second = here[overlap], there[overlap]
        common = np.prod(sides[overlap], axis=1)
        union = area[first] + area[second] - common
        smaller = np.minimum(area[first], area[second])
        yield Pairs(rows[first], rows[second], common / union, common / smaller)
