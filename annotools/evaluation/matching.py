"""Which detection found which object: the devkit's rule and COCO's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotools.evaluation.overlaps import Overlaps
from annotools.evaluation.tables import Bools, Detections, Floats, Ints, Truth

FALSE, TRUE, NEITHER = 0, 1, -1

COCO_IOUS: Final[Floats] = np.linspace(0.5, 0.95, 10)
COCO_LIMIT: Final = 100
"""Detections of one class in one image that the COCO form looks at, those of the highest score."""

Outcomes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Matches:
    """What the devkit's rule says at one IoU.

    outcome  (D,) TRUE, FALSE or NEITHER
    best     (D,) the object of the same class with the largest IoU, -1 where that is below `iou`
    """

    iou: float
    outcome: Outcomes
    best: Ints

    def above(self, number: int) -> Matches:
        """As if there were no more than the first `number` detections; the other ones become NEITHER."""
        outcome = self.outcome.copy()
        outcome[number:] = NEITHER
        return replace(self, outcome=outcome)

    def found(self, objects: int) -> Bools:
        """(G,) which of so many objects have a true detection."""
        found = np.zeros(objects, bool)
        found[self.best[self.outcome == TRUE]] = True
        return found


def match_devkit(truth: Truth, detections: Detections, overlaps: Overlaps, iou: float) -> Matches:
    """The devkit's rule.

    A detection looks at the object of its class and image with the largest IoU, the first of equals, whether
    that one is taken or not. Below `iou` it is FALSE. A difficult object makes it NEITHER; another one makes
    the first detection TRUE and all later ones FALSE.
    """
    best = np.full(len(detections), -1, np.int64)
    outcome = np.zeros(len(detections), np.int8)
    pairs = overlaps.where(_same_class(truth, detections, overlaps) & (overlaps.iou >= iou))
    pairs = pairs.where(np.lexsort((pairs.truth, -pairs.iou, pairs.detection)))
    finders, places = np.unique(pairs.detection, return_index=True)
    best[finders] = pairs.truth[places]
    _, firsts = np.unique(best[finders], return_index=True)
    outcome[finders[firsts]] = TRUE
    outcome[finders[truth.difficult[best[finders]]]] = NEITHER
    return Matches(iou, outcome, best)


def match_coco(truth: Truth, detections: Detections, overlaps: Overlaps) -> Outcomes:
    """COCO's rule at each of COCO_IOUS: (T, D) TRUE, FALSE or NEITHER.

    A detection takes the free object of its class and image with the largest IoU, the last of equals; a
    difficult one only if no other is free, and then it is NEITHER, as is what exceeds COCO_LIMIT. A
    difficult object is taken like any other: a second detection on it is FALSE.
    (cocoeval.py of pycocotools, with `difficult` in the place of its `ignore`.)
    """
    group = detections.image * len(truth.classes) + detections.label
    limited = _place_in_group(group) < COCO_LIMIT
    pairs = overlaps.where(_same_class(truth, detections, overlaps) & limited[overlaps.detection])
    pairs = pairs.where(np.lexsort((-pairs.truth, -pairs.iou, truth.difficult[pairs.truth], pairs.detection)))
    allowed = pairs.iou[:, None] >= COCO_IOUS
    taken = take_in_turn(pairs, allowed, group, len(truth))
    outcome = np.where(taken >= 0, TRUE, FALSE).astype(np.int8)
    outcome[np.append(truth.difficult, False)[taken]] = NEITHER
    outcome[~limited] = NEITHER
    return outcome.T


def take_in_turn(pairs: Overlaps, allowed: Bools, group: Ints, objects: int) -> Ints:
    """Detections take objects, each at most one that nobody has: (D, T) the object taken, or -1.

    pairs    sorted by detection; of the pairs of one detection the first that is allowed and free is taken
    allowed  (P, T): which pairs count in each of T matchings that have nothing to do with each other
    group    (D,): detections of two groups never meet at an object, so that the first of all groups take
             together, then the second of all groups, and so on
    objects  how many there are
    """
    matchings = allowed.shape[1]
    result = np.full((len(group), matchings), -1, np.int64)
    free = np.ones((objects, matchings), bool)
    finders, index = np.unique(pairs.detection, return_inverse=True)
    turn = _place_in_group(group[finders])[index]
    order = np.argsort(turn, kind="stable")
    pairs, allowed, turn = pairs.where(order), allowed[order], turn[order]
    bounds = np.searchsorted(turn, np.arange(turn[-1] + 2)) if len(turn) else np.zeros(1, np.int64)
    for start, stop in pairwise(bounds):
        count = stop - start
        wanted = pairs.truth[start:stop]
        who, firsts = np.unique(pairs.detection[start:stop], return_index=True)
        possible = allowed[start:stop] & free[wanted]
        places = np.where(possible, np.arange(count)[:, None], count)
        chosen = np.minimum.reduceat(places, firsts, axis=0)
        rows, columns = np.nonzero(chosen < count)
        took = wanted[chosen[rows, columns]]
        result[who[rows], columns] = took
        free[took, columns] = False
    return result


def _same_class(truth: Truth, detections: Detections, overlaps: Overlaps) -> Bools:
    same: Bools = detections.label[overlaps.detection] == truth.label[overlaps.truth]
    return same


def _place_in_group(group: Ints) -> Ints:
    """(D,) -> (D,): how many of the same group stand before each."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    places = np.empty(len(group), np.int64)
    places[order] = np.arange(len(group)) - starts
    return places
