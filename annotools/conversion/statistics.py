"""What is known of the images of a shard: counted while they are written, kept in journal and manifest."""

from __future__ import annotations

import dataclasses
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annotools.conversion.json_records import NOT_STORED, SPARE
from annotools.issues import Issue
from annotools.ledger import Ledger
from annotools.records import record
from annotools.repair.fixes import Repair
from annotools.validation.census import Census

if TYPE_CHECKING:
    from annotools.conversion.outcome import Outcome

EXAMPLES_KEPT = 50
"""Warnings and infos of one rule that a shard keeps whole; all are counted. Errors are all kept."""

PLACES_KEPT = 10
"""Places of each kind that a shard keeps for the rules on the whole data set."""


@dataclass(slots=True)
class Statistics:
    """The images that were looked at, one after the other.

    records       images that were written
    max_boxes     the most boxes that one of them has
    image_bytes   of their files
    classes       objects by class
    not_written   objects that say more than the format has a place for, by field
    """

    records: int = 0
    max_boxes: int = 0
    image_bytes: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    classes: Counter[str] = field(default_factory=Counter)
    issues: list[Issue] = field(default_factory=list)
    issue_counts: Counter[str] = field(default_factory=Counter)
    repairs: list[Repair] = field(default_factory=list)
    census: Census = field(default_factory=lambda: Census(kept=PLACES_KEPT))
    not_written: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome, drops: Sequence[str] = ()) -> None:
        """Count one image. drops: the fields of an Example that the format has no place for."""
        images, objects = self.ledger.images, self.ledger.objects
        images.found += 1
        self.repairs += outcome.repairs
        objects.found += outcome.found
        if outcome.lost:
            objects.lost.update(outcome.lost)
        self._count_seen(outcome)
        if outcome.example is None:
            images.lost[outcome.reason or "unknown"] += 1
        else:
            images.written += 1
            objects.written += len(outcome.example.boxes)
            self.add_written(len(outcome.example.encoded), outcome.example.names)
            for name in drops:
                said = sum(_says_something(value) for value in getattr(outcome.example, name))
                self.not_written += Counter({name: said})
        for issue in outcome.issues:
            self.issue_counts[issue.rule] += 1
            if issue.severity == "error" or self.issue_counts[issue.rule] <= EXAMPLES_KEPT:
                self.issues.append(issue)

    def _count_seen(self, outcome: Outcome) -> None:
        self.census.fingerprints.append(outcome.mark)
        if outcome.seen is not None:
            annotation = outcome.seen.annotation
            self.census.count(annotation, *outcome.seen.size, outcome.seen.indices)
            if outcome.is_without_image:
                self.census.without_image.note((annotation.xml_path, None, None), PLACES_KEPT)

    def add_written(self, size: int, names: Sequence[str]) -> None:
        """Count an image of `size` bytes whose objects are of the classes `names`."""
        self.records += 1
        self.max_boxes = max(self.max_boxes, len(names))
        self.image_bytes += size
        classes = self.classes
        for name in names:  # for a few names faster than `update`
            classes[name] += 1

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(issue.severity == "error" for issue in self.issues)


def _says_something(value: int | str) -> bool:
    return bool(value) and value != "Unspecified"  # labelImg writes that pose everywhere


@record
class WrittenFile:
    """What is known of a file when it has been written.

    has_index   record offsets are beside it
    beside      the other files that belong to it
    """

    bytes: int = 0
    sha256: str = ""
    has_index: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResult:
    """A finished shard: its place in the plan, its file (the name, without folder), and its Statistics.

    marks    the fingerprints of the census, 8 bytes each, in hex
    reused   whether an earlier run had finished it
    """

    split: str
    index: int
    count: int
    file: str
    records: int
    bytes: int
    sha256: str
    has_index: bool
    max_boxes: int
    image_bytes: int
    ledger: Ledger
    classes: Counter[str]
    issues: tuple[Issue, ...]
    issue_counts: Counter[str]
    repairs: tuple[Repair, ...]
    not_written: Counter[str] = field(default_factory=Counter, metadata=SPARE)
    beside: tuple[str, ...] = field(default=(), metadata=SPARE)
    census: Census = field(default_factory=Census, metadata=SPARE)
    marks: str = field(default="", metadata=SPARE)
    reused: bool = field(default=False, metadata=NOT_STORED)

    @classmethod
    def of(
        cls, place: tuple[str, int, int], file: str, written: WrittenFile, found: Statistics
    ) -> ShardResult:
        """The result for shard (split, index, count) in `file`."""
        split, index, count = place
        values = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
        marks, found.census.fingerprints = found.census.fingerprints, array("Q")
        values |= {"issues": tuple(found.issues), "repairs": tuple(found.repairs)}
        return cls(
            split=split,
            index=index,
            count=count,
            file=file,
            bytes=written.bytes,
            sha256=written.sha256,
            has_index=written.has_index,
            beside=written.beside,
            marks=marks.tobytes().hex(),
            **values,
        )

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(issue.severity == "error" for issue in self.issues)
