"""`diff`: what changed from one data set to another, image by image and object by object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotools.options import takes
from annotools.view.differences import Differences, ImageDifference
from annotools.view.options import DiffOptions, StrPath
from annotools.view.pictures import open_album


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs. images: those that differ, in the order of the new data set, then those that are gone."""

    old: str
    new: str
    total: Differences
    images: tuple[ImageDifference, ...]

    @property
    def is_empty(self) -> bool:
        return self.total.is_empty

    def as_dict(self) -> dict[str, Any]:
        """schemas/diff.schema.json"""
        total = self.total
        return {
            "images": [
                {
                    "id": one.id,
                    "kind": kind_of(one),
                    "changes": [
                        {"kind": change.kind, "old": change.old, "new": change.new, "text": change.text}
                        for change in one.changes
                    ],
                }
                for one in self.images
            ],
            "summary": {
                "same": total.same,
                "changed": total.changed,
                "added": len(total.added),
                "removed": len(total.removed),
                "objects": dict(sorted(total.counts.items())),
                "classes": {name: [before, after] for name, before, after in total.classes},
            },
        }


def kind_of(one: ImageDifference) -> str:
    """ "added", "removed" or "changed" """
    if one.before is None:
        return "added"
    return "removed" if one.after is None else "changed"


@takes(DiffOptions)
def diff(old: StrPath, new: StrPath, options: DiffOptions) -> Diff:
    """Compare two data sets, each anything that `annotools.read` takes. Images that differ are in memory.

    split   only this split of both

    Where one of them is no XML only what records say is compared: names, boxes to a hundredth of a pixel,
    truncated, difficult, occluded. Raises SourceError.
    """
    albums = open_album(old), open_album(new)
    total = Differences()
    images = tuple(total.walk(*albums, options.split))
    return Diff(albums[0].path, albums[1].path, total, images)
