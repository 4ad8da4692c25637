"""What differs between two data sets: images and objects that came, went, moved or changed.

The one comparison behind `annotools diff` and `report --against`. Images are the same if their ids are,
objects if they are equal, then if their boxes overlap by half or have three edges in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from annotools.records import Box, Object, number
from annotools.sources.storage import printable
from annotools.view.pictures import Album, Entry, SourceAlbum

Kind = Literal["added", "removed", "moved", "renamed", "flags"]
_SAME_PLACE: Final = 0.5
"""IoU from which on two boxes are taken for two drawings of one object."""
_SAME_EDGES: Final = 3
"""Of four: then one edge was moved, however far."""
_PLACES: Final = 2
"""Decimals of a pixel to which boxes count where one side has them as float32 shares."""


@dataclass(frozen=True, slots=True)
class Change:
    """One object. `old` and `new` are its numbers in the two files, from 0; None where it is not."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """An image that is on one side only (`before` or `after` is None), or whose objects differ."""

    id: str
    before: Entry | None
    after: Entry | None
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class Differences:
    """Counts, complete when `walk` has ended. counts: changes by kind; names: of objects on each side."""

    same: int = 0
    changed: int = 0
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    names: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))

    @property
    def is_empty(self) -> bool:
        return not (self.changed or self.added or self.removed)

    @property
    def classes(self) -> list[tuple[str, int, int]]:
        """(name, objects before, after) of the classes for which these differ."""
        before, after = self.names
        every = sorted(before.keys() | after.keys())
        return [(name, before[name], after[name]) for name in every if before[name] != after[name]]

    def walk(self, old: Album, new: Album, split: str | None) -> Iterator[ImageDifference]:
        """The images that differ: in the order of `new`, then those that are gone."""
        # records do not say all that XML does: only what both can say is compared
        alike = isinstance(old, SourceAlbum) and isinstance(new, SourceAlbum)
        before = {entry.id: entry for entry in old.entries(split)}
        for entry in new.entries(split):
            after = _objects(entry, whole=alike)
            self.names[1].update(one.name for one in after)
            earlier = before.pop(entry.id, None)
            if earlier is None:
                self.added.append(entry.id)
                yield ImageDifference(entry.id, None, entry)
                continue
            objects = _objects(earlier, whole=alike)
            self.names[0].update(one.name for one in objects)
            changes = compare(objects, after)
            if changes:
                self.changed += 1
                self.counts.update(change.kind for change in changes)
                yield ImageDifference(entry.id, earlier, entry, tuple(changes))
            else:
                self.same += 1
        for entry in before.values():
            self.names[0].update(one.name for one in _objects(entry, whole=alike))
            self.removed.append(entry.id)
            yield ImageDifference(entry.id, entry, None)


def _objects(entry: Entry, *, whole: bool) -> Sequence[Object]:
    annotation = entry.annotation()
    objects = () if annotation is None else annotation.objects
    return objects if whole else [_plain(one) for one in objects]


def _plain(one: Object) -> Object:
    box = one.bndbox
    return Object(
        name=one.name,
        bndbox=None if box is None else Box(*(round(edge, _PLACES) for edge in box.as_tuple())),
        truncated=bool(one.truncated),
        difficult=bool(one.difficult),
        occluded=bool(one.occluded),
    )


def compare(old: Sequence[Object], new: Sequence[Object]) -> list[Change]:
    """The changes from one list of objects to another: first come equal ones, then those of one place."""
    pairs = list(_matches(old, new))
    changes = []
    for one, other in pairs:
        a, b = old[one], new[other]
        if a == b:
            continue
        if a.name != b.name:
            text = f"{printable(a.name)} is now {printable(b.name)}"
            changes.append(Change("renamed", text, one, other))
        elif a.bndbox != b.bndbox:
            text = f"{printable(a.name)}: {_edges(a)} is now {_edges(b)}"
            changes.append(Change("moved", text, one, other))
        else:
            changes.append(Change("flags", f"{printable(a.name)}: other flags or fields", one, other))
    kept_old, kept_new = {one for one, _ in pairs}, {other for _, other in pairs}
    changes += [
        Change("removed", f"{printable(item.name)} {_edges(item)}", old=place)
        for place, item in enumerate(old)
        if place not in kept_old
    ]
    changes += [
        Change("added", f"{printable(item.name)} {_edges(item)}", new=place)
        for place, item in enumerate(new)
        if place not in kept_new
    ]
    return changes


def _matches(old: Sequence[Object], new: Sequence[Object]) -> Iterator[tuple[int, int]]:
    left_old, left_new = list(range(len(old))), list(range(len(new)))

    def take(one: int, other: int) -> tuple[int, int]:
        left_old.remove(one)
        left_new.remove(other)
        return one, other

    for one in list(left_old):
        equal = next((other for other in left_new if old[one] == new[other]), None)
        if equal is not None:
            yield take(one, equal)
    near = [
        (_iou(old[one], new[other]), old[one].name == new[other].name, one, other)
        for one in left_old
        for other in left_new
    ]
    near.sort(key=lambda found: (-found[1], -found[0], found[2:]))
    for iou, _, one, other in near:
        if iou >= _SAME_PLACE and one in left_old and other in left_new:
            yield take(one, other)


def _iou(one: Object, other: Object) -> float:
    """Of their boxes; not below _SAME_PLACE where these differ in one edge only."""
    if one.bndbox is None or other.bndbox is None:
        return float(one.bndbox is other.bndbox)
    a, b = _in_order(one.bndbox), _in_order(other.bndbox)
    if a == b:
        return 1.0
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    common = max(width, 0.0) * max(height, 0.0)
    union = a.area + b.area - common
    iou = common / union if union > 0 else 0.0
    same = sum(edge == other for edge, other in zip(a.as_tuple(), b.as_tuple(), strict=True))
    return max(iou, _SAME_PLACE) if same == _SAME_EDGES else iou


def _in_order(box: Box) -> Box:
    """The box between the same corners, with its edges in order."""
    xs, ys = sorted((box.xmin, box.xmax)), sorted((box.ymin, box.ymax))
    return Box(xs[0], ys[0], xs[1], ys[1])


def _edges(item: Object) -> str:
    box = item.bndbox
    return "without a box" if box is None else " ".join(map(number, box.as_tuple()))
