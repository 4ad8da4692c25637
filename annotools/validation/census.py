"""Statistics of a data set, small however many files there are: what the rules on data sets look at.

A worker fills one Census for each chunk of files, the parent adds them up in the order of the files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.records import Annotation

if TYPE_CHECKING:
    Numbers = array[int]
else:
    Numbers = array  # which Python 3.11 does not let anybody subscript when hints are read

Place = tuple[str | None, int | None, int | None]
"""(path, line, object index) of one object."""

KEPT_PLACES = 100
"""Of each kind of finding, this many places are kept, so that the census stays small."""

NOT_STORED = {"stored": False}
"""Of a field that the journal of a conversion does not keep as it is."""


@dataclass(slots=True)
class Occurrences:
    """How often something occurs, and where the first times."""

    count: int = 0
    places: list[Place] = field(default_factory=list)

    def add(self, other: Occurrences) -> None:
        self.count += other.count
        self.places += other.places[: KEPT_PLACES - len(self.places)]

    def note(self, place: Place, kept: int = KEPT_PLACES) -> None:
        self.count += 1
        if len(self.places) < kept:
            self.places.append(place)

    def issues(self, rule: str, message: str, fix: str | None = None) -> Iterator[Issue]:
        """One issue at each place that was kept, and one for the others together; `fix` as in Issue."""
        for path, line, index in self.places:
            yield replace(Issue.of(rule, message, path, line, index), fix=fix)
        hidden = self.count - len(self.places)
        if hidden:
            yield replace(Issue.of(rule, f"{message}; and for {hidden} further objects"), fix=fix)


@dataclass(slots=True)
class OriginEvidence:
    """What the boxes tell about whether pixels are counted from 0 or from 1. All counts are of boxes.

    at_zero   xmin or ymin is 0: impossible when counting from 1
    at_one    xmin or ymin is 1, none is 0: what boxes at the left or upper edge look like counted from 1
    at_end    xmax is the width or ymax the height: the last pixel counted from 1, or the far edge
    """

    boxes: int = 0
    at_zero: int = 0
    at_one: int = 0
    at_end: int = 0

    def add(self, other: OriginEvidence) -> None:
        self.boxes += other.boxes
        self.at_zero += other.at_zero
        self.at_one += other.at_one
        self.at_end += other.at_end

    @property
    def verdict(self) -> str:
        """ "zero-based", "one-based" or "unknown"."""
        if self.at_zero:
            return "zero-based"
        # One box may start at 1 by chance; ten that do while none starts at 0 do not.
        if self.at_one >= 10 and self.at_end:
            return "one-based"
        return "unknown"


@dataclass(slots=True)
class Census:
    """Sums over annotation files and images. `one_based` is the reading of boxes that the user asked for.

    without_image  annotations to which no image belongs
    inverted       boxes whose xmin is above xmax, or ymin above ymax
    with_boxes     files that have a box
    in_shares      files all of whose boxes lie between 0 and 1, with a fraction in one of them
    fingerprints   one 64-bit number for each pair, in the order of the pairs; equal bytes, equal number
    hashes         one 64-bit perceptual hash for each pair; empty unless near-duplicates are asked for
    kept           places that are kept of each kind
    """

    files: int = 0
    objects: int = 0
    classes: dict[str, Occurrences] = field(default_factory=dict)
    with_difficult: Occurrences = field(default_factory=Occurrences)
    without_difficult: Occurrences = field(default_factory=Occurrences)
    origin: OriginEvidence = field(default_factory=OriginEvidence)
    without_image: Occurrences = field(default_factory=Occurrences)
    inverted: int = 0
    with_boxes: int = 0
    in_shares: Occurrences = field(default_factory=Occurrences)
    fingerprints: Numbers = field(default_factory=lambda: array("Q"), metadata=NOT_STORED)
    hashes: Numbers = field(default_factory=lambda: array("Q"), metadata=NOT_STORED)
    one_based: bool = False
    kept: int = KEPT_PLACES

    def count(
        self,
        annotation: Annotation,
        width: int | None,
        height: int | None,
        indices: Sequence[int] | None = None,
    ) -> None:
        """Add one annotation; `width` and `height` are those of its image in pixels, if known.

        indices   of each object in the file, where repairs have removed some
        """
        self.files += 1
        objects = annotation.objects
        self.objects += len(objects)
        classes, origin, path = self.classes, self.origin, annotation.xml_path
        boxes = shares = 0
        has_fraction = False
        kept = self.kept
        for place, obj in enumerate(objects):
            index = place if indices is None else indices[place]
            flag = self.with_difficult if obj.difficult is not None else self.without_difficult
            flag.count += 1
            if len(flag.places) < kept:
                flag.places.append((path, obj.line, index))
            if obj.name:  # a missing name is missing-field, and no class
                occurrences = classes.get(obj.name)
                if occurrences is None:
                    occurrences = classes[obj.name] = Occurrences()
                occurrences.count += 1
                if len(occurrences.places) < kept:
                    occurrences.places.append((path, obj.line, index))
            box = obj.bndbox
            if box is not None:
                origin.boxes += 1
                if box.xmin == 0 or box.ymin == 0:
                    origin.at_zero += 1
                elif box.xmin == 1 or box.ymin == 1:
                    origin.at_one += 1
                if box.xmax == width or box.ymax == height:
                    origin.at_end += 1
                boxes += 1
                if box.xmin > box.xmax or box.ymin > box.ymax:
                    self.inverted += 1
                if box.xmax <= 1 and box.ymax <= 1 and 0 <= box.xmin <= 1 and 0 <= box.ymin <= 1:
                    shares += 1
                    has_fraction = has_fraction or any(edge % 1 for edge in box.as_tuple())
        if boxes:
            self.with_boxes += 1
            if shares == boxes and has_fraction:
                self.in_shares.note((path, objects[0].bndbox_line, None), kept)

    def add(self, other: Census) -> None:
        """Add the census of the files that follow."""
        self.files += other.files
        self.objects += other.objects
        for name, occurrences in other.classes.items():
            self.classes.setdefault(name, Occurrences()).add(occurrences)
        self.with_difficult.add(other.with_difficult)
        self.without_difficult.add(other.without_difficult)
        self.origin.add(other.origin)
        self.without_image.add(other.without_image)
        self.inverted += other.inverted
        self.with_boxes += other.with_boxes
        self.in_shares.add(other.in_shares)
        self.fingerprints.extend(other.fingerprints)
        self.hashes.extend(other.hashes)


_BITS = 63  # splits that an array of 64-bit numbers can tell apart


class Memberships:
    """To which splits each pair belongs, as a set of bits; pairs in the order in which they are checked."""

    def __init__(self, splits: Sequence[str]) -> None:
        self.splits = tuple(splits)[:_BITS]
        self.masks = array("Q")

    def bit(self, split: str | None) -> int:
        return 1 << self.splits.index(split) if split is not None and split in self.splits else 0

    def names(self, mask: int) -> str:
        return " and ".join(name for place, name in enumerate(self.splits) if mask >> place & 1)
