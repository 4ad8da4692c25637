"""Close pairs among many boxes of a class: one row of NumPy comparisons for each box.

Still every box is held against every other one in the worst case, but only against those that can matter: a
near duplicate begins close by, and a box that is known to lie inside another one is no candidate any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotools.validation.rules.sweep import NEAR_DUPLICATE_IOU, ClosePair, Edges

Array = NDArray[Any]

_NEAR_SHIFT = 0.06
"""With an IoU over 0.95 two left edges are at most 0.05 of the width apart; the rest is for rounding."""


class Rows:
    """Sorted boxes of one class as columns; places are positions in that order, indices count objects.

    contained, repeated   of each place whether contained-same-class, near-duplicate-box has been found
    candidates            the places that are not contained, but for a few that have become so lately
    """

    def __init__(self, boxes: list[Edges]) -> None:
        self.index = [box[4] for box in boxes]
        self.numbers = np.array(self.index)
        self.edges = [box[:4] for box in boxes]
        columns = np.array(self.edges, np.float64).reshape(-1, 4).T.copy()
        self.left, self.right, self.top, self.bottom = columns
        with np.errstate(all="ignore"):  # as Python's floats: the largest boxes have infinite areas
            self.area = (self.right - self.left) * (self.bottom - self.top)
            reach = self.left + _NEAR_SHIFT * (self.right - self.left)
        self.ends = np.searchsorted(self.left, self.right, "left").tolist()
        self.near_ends = np.searchsorted(self.left, reach, "right").tolist()
        self.same_ends = np.searchsorted(self.left, self.left, "right").tolist()
        self.contained = np.zeros(len(boxes), bool)
        self.repeated = np.zeros(len(boxes), bool)
        self._keep_candidates(np.arange(len(boxes)))

    def _keep_candidates(self, places: Array) -> None:
        self.candidates, self.stale = places, 0
        self.candidate_right, self.candidate_top = self.right[places], self.top[places]
        self.candidate_bottom = self.bottom[places]

    def pairs(self) -> Iterator[ClosePair]:
        """The first close pair of each rule and object, in the order of the boxes."""
        index, edges = self.index, self.edges
        for place in range(len(index) - 1):
            if edges[place] == edges[place + 1]:
                # Equal boxes are neighbours, in the order of their objects. One of them stands for all.
                yield "duplicate-box", index[place + 1], index[place]
                continue
            with np.errstate(all="ignore"):
                row = self._near(place) + self._inner(place) + self._outer(place)
            row.sort()
            for _, rule, said_of, other in row:
                yield rule, index[said_of], index[other]

    def _near(self, place: int) -> list[tuple[int, str, int, int]]:
        """(other place, rule, place it is said of, place of the other) of near duplicates further right."""
        start, end = place + 1, self.near_ends[place]
        if start >= end:
            return []
        others = start + np.flatnonzero(self._is_near(place, slice(start, end)))
        later = self.numbers[others] > self.index[place]
        fresh = others[later & ~self.repeated[others]]
        self.repeated[fresh] = True
        row = [(other, "near-duplicate-box", other, place) for other in fresh.tolist()]
        if not self.repeated[place] and not later.all():
            other = int(others[~later][0])
            self.repeated[place] = True
            row.append((other, "near-duplicate-box", place, other))
        return row

    def _inner(self, place: int) -> list[tuple[int, str, int, int]]:
        """The boxes further right that lie inside this one."""
        if self.stale > 32 + len(self.candidates) // 8:
            self._keep_candidates(np.flatnonzero(~self.contained))
        start, end = np.searchsorted(self.candidates, (place + 1, self.ends[place])).tolist()
        if start >= end:
            return []
        inside = self.candidate_right[start:end] <= self.right[place]
        inside &= self.candidate_top[start:end] >= self.top[place]
        inside &= self.candidate_bottom[start:end] <= self.bottom[place]
        found = self.candidates[start + np.flatnonzero(inside)]
        if not len(found):
            return []
        found = found[~(self.contained[found] | self._is_near(place, found))]
        self.contained[found] = True
        self.stale += len(found)
        return [(other, "contained-same-class", other, place) for other in found.tolist()]

    def _outer(self, place: int) -> list[tuple[int, str, int, int]]:
        """The first box with the same left edge in which this one lies."""
        start, end = place + 1, self.same_ends[place]
        if start >= end or self.contained[place]:
            return []
        around = self.right[start:end] >= self.right[place]
        around &= self.top[start:end] <= self.top[place]
        around &= self.bottom[start:end] >= self.bottom[place]
        found = start + np.flatnonzero(around)
        found = found[~self._is_near(place, found)]
        if not len(found):
            return []
        self.contained[place] = True
        self.stale += 1
        return [(int(found[0]), "contained-same-class", place, int(found[0]))]

    def _is_near(self, place: int, others: Array | slice) -> Array:
        """Whether the boxes at `others`, further right, have an IoU over 0.95 with this one."""
        width = np.minimum(self.right[place], self.right[others]) - self.left[others]
        height = np.minimum(self.bottom[place], self.bottom[others])
        height -= np.maximum(self.top[place], self.top[others])
        overlap = width * height
        near: Array = overlap > NEAR_DUPLICATE_IOU * (self.area[place] + self.area[others] - overlap)
        return near
