"""Ground truth and detections as columns: what every other file here works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotools.classes.class_map import ClassMap
from annotools.ledger import Ledger

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Truth:
    """The objects of a split, image by image.

    images     image ids in the order of the source; `image` counts them
    boxes      (G, 4) xyxy, edges in pixels of the original image
    image      (G,) ascending
    label      (G,) position of the class in id order, from 0 and without gaps
    difficult  (G,)
    ledger     what the source had, what is here, and what was left out by which rule
    no_truth   images of the split about which nothing is known: their detections are left out
    """

    classes: ClassMap
    images: tuple[str, ...]
    boxes: Floats
    image: Ints
    label: Ints
    difficult: Bools
    ledger: Ledger = field(default_factory=Ledger)
    no_truth: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found: by falling score; equal scores by image, then as they were given.

    boxes, image, label   as in Truth
    score     (D,)
    left_out  detections on images about which nothing is known
    silent    images without any detection
    """

    boxes: Floats
    image: Ints
    label: Ints
    score: Floats
    left_out: int = 0
    silent: int = 0

    def __len__(self) -> int:
        return len(self.label)


def by_score(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns of Detections in their order."""
    order = np.lexsort((columns["image"], -columns["score"]))
    return {name: column[order] for name, column in columns.items()}
