"""What differs between two versions of a data set, with pictures: for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from annotools.sources.storage import printable
from annotools.view.cards import Card, Colors, make_card
from annotools.view.differences import Change, Differences
from annotools.view.options import ReportOptions
from annotools.view.pictures import Album, Picture

SHOWN: Final = 20


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
    found = Differences()
    shown: list[ChangedImage] = []
    for one in found.walk(old, new, options.split):
        if one.changes and len(shown) < SHOWN:
            assert one.before is not None
            assert one.after is not None
            shown.append(_changed_image(one.before.picture(), one.after.picture(), one.changes, colors))
    return Changes(
        path=printable(old.path),
        same=found.same,
        added=tuple(map(printable, found.added)),
        removed=tuple(map(printable, found.removed)),
        changed=found.changed,
        counts=dict(found.counts),
        classes=tuple((printable(name), before, after) for name, before, after in found.classes),
        images=tuple(shown),
    )


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
