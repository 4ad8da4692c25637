"""Hints of wrong labels, without a model: places where a person should look, most of them right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotools.classes.spelling import nearest
from annotools.view.columns import Columns, Ints
from annotools.view.neighbours import Pairs

KINDS: Final = ("same-box-other-class", "inside-other-class", "size-outlier", "rare-name")
SAME_BOX: Final = 0.9
"""IoU from which on two boxes are said to be drawn around the same thing."""
OUTLIER: Final = 4.0
"""Standard deviations of the logarithm of the area."""
ENOUGH: Final = 20
"""Objects of a class, fewer of which have no usual size."""
RARE: Final = 0.05
"""Of the objects of the name that is like it."""
SHOWN: Final = 100
"""Hints of each kind that are told with their place."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One object to look at. `line` is that of its box, None where unknown; `object_index` counts from 0."""

    kind: str
    class_name: str
    path: str
    line: int | None
    object_index: int
    message: str


class HintFinder:
    """Collects hints: first `add` all pairs of boxes, then `finish`."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.counts = dict.fromkeys(KINDS, 0)
        self.hints: list[Hint] = []
        with np.errstate(invalid="ignore"):
            self._area = np.prod(columns.box[:, 2:] - columns.box[:, :2], axis=1)
        self._same: list[Pairs] = []
        self._nested: list[Pairs] = []

    def add(self, pairs: Pairs) -> None:
        """Boxes of two classes, one around the other or both around the same thing."""
        label = self.columns.label
        other = label[pairs.first] != label[pairs.second]
        same = other & (pairs.iou >= SAME_BOX)
        nested = other & ~same & (pairs.inside >= 1)
        for found, chosen in ((self._same, same), (self._nested, nested)):
            if chosen.any():
                found.append(pairs.where(chosen))

    def finish(self) -> None:
        """All hints by kind, then in the order of the files."""
        names, label = self.columns.names, self.columns.label
        same = _joined(self._same, lambda pairs: pairs.second)
        self._tell(
            "same-box-other-class",
            same.second,
            lambda at: f"nearly the box of a {names[label[same.first[at]]]!r} (IoU {same.iou[at]:.2f})",
        )
        nested = _joined(self._nested, self._inner)
        inner = self._inner(nested)
        outer = nested.first + nested.second - inner
        self._tell("inside-other-class", inner, lambda at: f"inside a {names[label[outer[at]]]!r}")
        self._sizes()
        self._names()

    def _inner(self, pairs: Pairs) -> Ints:
        smaller = self._area[pairs.first] <= self._area[pairs.second]
        return np.where(smaller, pairs.first, pairs.second)

    def _sizes(self) -> None:
        columns = self.columns
        rows = np.flatnonzero(columns.has_extent)
        size = np.prod(columns.size[columns.image[rows]], axis=1)
        rows, size = rows[size > 0], size[size > 0]
        share = self._area[rows] / size
        logarithm = np.log(share)
        usual, odd = {}, np.zeros(len(rows), bool)
        for place, name in enumerate(columns.names):
            own = columns.label[rows] == place
            values = logarithm[own]
            if len(values) >= ENOUGH and values.std():
                odd[own] = np.abs(values - values.mean()) > OUTLIER * values.std()
                usual[place] = f"the median {name!r} has {np.exp(np.median(values)):.2%}"
        where = np.flatnonzero(odd)
        self._tell(
            "size-outlier",
            rows[where],
            lambda at: f"{share[where[at]]:.2%} of the image; {usual[columns.label[rows[where[at]]]]}",
        )

    def _names(self) -> None:
        columns = self.columns
        counts = np.bincount(columns.label, minlength=len(columns.names)).tolist()
        meant: dict[int, str] = {}
        for place, name in enumerate(columns.names):
            pairs = zip(columns.names, counts, strict=True)
            frequent = [other for other, count in pairs if other != name and counts[place] <= RARE * count]
            if (near := nearest(name, frequent)) is not None:
                meant[place] = f"{counts[place]} of this name; {near!r} is like it"
        rows = np.flatnonzero(np.isin(columns.label, list(meant)))
        self._tell("rare-name", rows, lambda at: meant[columns.label[rows[at]]])

    def _tell(self, kind: str, rows: Ints, message: Callable[[int], str]) -> None:
        """Count the objects `rows`, and tell about the first ones; `message` takes a position in `rows`."""
        columns = self.columns
        self.counts[kind] = len(rows)
        for at in np.argsort(rows, kind="stable")[:SHOWN].tolist():
            row = int(rows[at])
            self.hints.append(
                Hint(
                    kind=kind,
                    class_name=columns.names[columns.label[row]],
                    path=columns.paths[columns.image[row]],
                    line=int(columns.line[row]) or None,
                    object_index=int(columns.index[row]),
                    message=message(at),
                )
            )


def _joined(parts: list[Pairs], meant: Callable[[Pairs], Ints]) -> Pairs:
    """All pairs in one, each object that is `meant` in one pair only."""
    if not parts:
        nobody = np.zeros(0, np.int64)
        return Pairs(nobody, nobody, np.zeros(0), np.zeros(0))
    pairs = Pairs(
        np.concatenate([one.first for one in parts]),
        np.concatenate([one.second for one in parts]),
        np.concatenate([one.iou for one in parts]),
        np.concatenate([one.inside for one in parts]),
    )
    _, once = np.unique(meant(pairs), return_index=True)
    return pairs.where(once)
