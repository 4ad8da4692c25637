"""What went wrong: false detections by kind, and which class was taken for which."""

from __future__ import annotations

from typing import Final

import numpy as np

from annotools.evaluation.matching import FALSE, TRUE, Matches, take_in_turn
from annotools.evaluation.overlaps import Overlaps
from annotools.evaluation.tables import Detections, Ints, Truth

KINDS: Final = ("duplicate", "class", "localisation", "background", "missed")
NEAR: Final = 0.1
"""The IoU from which on a detection is said to mean an object."""


def find_kinds(truth: Truth, detections: Detections, overlaps: Overlaps, matches: Matches) -> Ints:
    """(D,) the position in KINDS of each FALSE detection, -1 for the others.

    duplicate      IoU >= iou with an object of its class that another detection has found
    class          else: IoU >= iou with an object of another class
    localisation   else: IoU >= NEAR with an object of its class
    background     else

    The names are those of Hoiem (ECCV 2012) and TIDE (ECCV 2020), whose order differs; here the object that
    is covered best decides.
    """
    same = detections.label[overlaps.detection] == truth.label[overlaps.truth]
    hit = overlaps.iou >= matches.iou
    kinds = np.full(len(detections), KINDS.index("background"), np.int64)
    for name, pairs in (
        ("localisation", same & (overlaps.iou >= NEAR)),
        ("class", ~same & hit),
        ("duplicate", same & hit),
    ):
        kinds[overlaps.detection[pairs]] = KINDS.index(name)
    kinds[matches.outcome != FALSE] = -1
    return kinds


def count_kinds(truth: Truth, detections: Detections, kinds: Ints, matches: Matches) -> Ints:
    """(C, len(KINDS)): false detections by the class that they say; `missed` by the class of the object.

    Difficult objects cannot be missed: true positives and missed objects are all that count.
    """
    table = np.zeros((len(truth.classes), len(KINDS)), np.int64)
    wrong = kinds >= 0
    np.add.at(table, (detections.label[wrong], kinds[wrong]), 1)
    missed = ~matches.found(len(truth)) & ~truth.difficult
    table[:, KINDS.index("missed")] = np.bincount(truth.label[missed], minlength=len(table))
    return table


def count_confusion(truth: Truth, detections: Detections, overlaps: Overlaps, matches: Matches) -> Ints:
    """(C + 1, C + 1): row the class of the object, column that of the detection; last: no object, none found.

    True detections are the diagonal. The other ones, by falling score, take the object of another class with
    the largest IoU >= iou that nobody has; what is left of both goes into the last row and column. Each
    counted object is in one place, and so is each detection that is TRUE or FALSE.
    """
    classes = len(truth.classes)
    table = np.zeros((classes + 1, classes + 1), np.int64)
    true, false = matches.outcome == TRUE, matches.outcome == FALSE
    free = ~truth.difficult & ~matches.found(len(truth))
    other = detections.label[overlaps.detection] != truth.label[overlaps.truth]
    wanted = other & false[overlaps.detection] & free[overlaps.truth] & (overlaps.iou >= matches.iou)
    pairs = overlaps.where(wanted)
    pairs = pairs.where(np.lexsort((pairs.truth, -pairs.iou, pairs.detection)))
    allowed = np.ones((len(pairs.detection), 1), bool)
    taken = take_in_turn(pairs, allowed, detections.image, len(truth))[:, 0]
    taken[true] = matches.best[true]
    rows = np.append(truth.label, classes)[taken]
    np.add.at(table, (rows[true | false], detections.label[true | false]), 1)
    missed = ~truth.difficult
    missed[taken[taken >= 0]] = False
    table[:, classes] += np.bincount(truth.label[missed], minlength=len(table))
    return table
