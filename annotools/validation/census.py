"""Statistics of a data set, small however many files there are: what the rules on data sets look at.

A worker fills one Census for each chunk of files, the parent adds them up in the order of the files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from annotools.issues import Issue
from annotools.records import Annotation

Place = tuple[str | None, int | None, int | None]
"""(path, line, object index) of one object."""

KEPT_PLACES = 100
"""Of each kind of finding, this many places are kept, so that the census stays small."""


@dataclass(slots=True)
class Occurrences:
    """How often something occurs, and where the first times."""

    count: int = 0
    places: list[Place] = field(default_factory=list)

    def add(self, other: Occurrences) -> None:
        self.count += other.count
        self.places += other.places[: KEPT_PLACES - len(self.places)]

    def issues(self, rule: str, message: str) -> Iterator[Issue]:
        """One issue at each place that was kept, and one for the others together."""
        for path, line, index in self.places:
            yield Issue.of(rule, message, path, line, index)
        hidden = self.count - len(self.places)
        if hidden:
            yield Issue.of(rule, f"{message}; and for {hidden} further objects")


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

    fingerprints   one 64-bit number for each pair, in the order of the pairs; equal bytes, equal number
    hashes         one 64-bit perceptual hash for each pair; empty unless near-duplicates are asked for
    """

    files: int = 0
    objects: int = 0
    classes: dict[str, Occurrences] = field(default_factory=dict)
    with_difficult: Occurrences = field(default_factory=Occurrences)
    without_difficult: Occurrences = field(default_factory=Occurrences)
    origin: OriginEvidence = field(default_factory=OriginEvidence)
    fingerprints: array[int] = field(default_factory=lambda: array("Q"))
    hashes: array[int] = field(default_factory=lambda: array("Q"))
    one_based: bool = False

    def count(self, annotation: Annotation, width: int | None, height: int | None) -> None:
        """Add one annotation; `width` and `height` are those of its image in pixels, if known."""
        self.files += 1
        objects = annotation.objects
        self.objects += len(objects)
        classes, origin, path = self.classes, self.origin, annotation.xml_path
        index = -1
        for obj in objects:
            index += 1
            flag = self.with_difficult if obj.difficult is not None else self.without_difficult
            flag.count += 1
            if len(flag.places) < KEPT_PLACES:
                flag.places.append((path, obj.line, index))
            if obj.name:  # a missing name is missing-field, and no class
                occurrences = classes.get(obj.name)
                if occurrences is None:
                    occurrences = classes[obj.name] = Occurrences()
                occurrences.count += 1
                if len(occurrences.places) < KEPT_PLACES:
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

    def add(self, other: Census) -> None:
        """Add the census of the files that follow."""
        self.files += other.files
        self.objects += other.objects
        for name, occurrences in other.classes.items():
            self.classes.setdefault(name, Occurrences()).add(occurrences)
        self.with_difficult.add(other.with_difficult)
        self.without_difficult.add(other.without_difficult)
        self.origin.add(other.origin)
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
