"""What differs between two versions of a data set: images and objects that came, went, moved or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from annotools.records import Object, number
from annotools.sources.storage import printable
from annotools.view.cards import Card, Colors, make_card
from annotools.view.options import ReportOptions
from annotools.view.pictures import Album, Picture

Kind = Literal["added", "removed", "moved", "renamed", "flags"]
SHOWN: Final = 20
_SAME_PLACE: Final = 0.5
"""IoU from which on two boxes are taken for two drawings of one object."""


@dataclass(frozen=True, slots=True)
class Change:
    """One object. `old` and `new` are its numbers in the two files, from 0; None where it is not."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class ChangedImage:
    """An image with changes, before and after."""

    id: str
    changes: tuple[Change, ...]
    before: Card
    after: Card


@dataclass(frozen=True, slots=True)
class Changes:
    """The whole. counts: objects by kind; classes: (name, objects before, after) where these differ.

    images   the first SHOWN of `changed` that changed
    """

    path: str
    same: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: int
    counts: dict[str, int]
    classes: tuple[tuple[str, int, int], ...]
    images: tuple[ChangedImage, ...]


def find_changes(old: Album, new: Album, colors: Colors, options: ReportOptions) -> Changes:
    """Compare two versions image by image; images are the same if their ids are."""
    before = {entry.id: entry for entry in old.entries(options.split)}
    added, counts, names = [], Counter[str](), (Counter[str](), Counter[str]())
    shown: list[ChangedImage] = []
    same = changed = 0
    for entry in new.entries(options.split):
        names[1].update(entry.names())
        earlier = before.pop(entry.id, None)
        if earlier is None:
            added.append(entry.id)
            continue
        names[0].update(earlier.names())
        pictures = earlier.picture(), entry.picture()
        changes = compare(*map(_objects, pictures))
        if not changes:
            same += 1
            continue
        changed += 1
        counts.update(change.kind for change in changes)
        if len(shown) < SHOWN:
            shown.append(_changed_image(*pictures, changes, colors))
    for entry in before.values():
        names[0].update(entry.names())
    every = sorted(names[0].keys() | names[1].keys())
    return Changes(
        path=printable(old.path),
        same=same,
        added=tuple(map(printable, added)),
        removed=tuple(map(printable, before)),
        changed=changed,
        counts=dict(counts),
        classes=tuple(
            (printable(name), names[0][name], names[1][name])
            for name in every
            if names[0][name] != names[1][name]
        ),
        images=tuple(shown),
    )


def _objects(picture: Picture) -> tuple[Object, ...]:
    return () if picture.annotation is None else picture.annotation.objects


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
    a, b = one.bndbox, other.bndbox
    if a is None or b is None:
        return float(a is b)
    if a == b:
        return 1.0
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    common = max(width, 0.0) * max(height, 0.0)
    union = a.area + b.area - common
    return common / union if union > 0 else 0.0


def _edges(item: Object) -> str:
    box = item.bndbox
    return "without a box" if box is None else " ".join(map(number, box.as_tuple()))


def _changed_image(
    before: Picture, after: Picture, changes: Sequence[Change], colors: Colors
) -> ChangedImage:
    cards = []
    for picture, touched in (
        (before, {change.old for change in changes}),
        (after, {change.new for change in changes}),
    ):
        card = make_card(0, picture, colors)
        shapes = [replace(shape, is_problem=shape.object_index in touched) for shape in card.shapes]
        cards.append(replace(card, shapes=tuple(shapes)))
    return ChangedImage(printable(after.id), tuple(changes), *cards)
