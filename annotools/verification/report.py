"""What the check of one file of an output finds."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from annotools.conversion.manifest import ShardEntry
from annotools.verification.faults import Faults, Plain, Where


@dataclass(slots=True)
class ShardReport:
    """What a shard holds.

    keys      for each readable record, in order, a hash of its image's file name
    damaged   whether records may be missing because they cannot be read
    unreadable  whether something about the records could not be counted
    """

    file: str
    faults: Faults = field(default_factory=Faults)
    records: int = 0
    bytes: int = 0
    sha256: str = ""
    objects: int = 0
    max_boxes: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    keys: array[int] = field(default_factory=lambda: array("Q"))
    damaged: bool = False
    unreadable: bool = False

    @property
    def complete(self) -> bool:
        return not (self.damaged or self.unreadable)

    def count(self, names: Sequence[str]) -> None:
        """Enter the objects of one image, by class."""
        self.objects += len(names)
        self.max_boxes = max(self.max_boxes, len(names))
        self.classes.update(names)


def compare_with_manifest(report: ShardReport, listed: ShardEntry) -> None:
    """Size, number of records and SHA-256 against the entry of the manifest."""
    stated: object
    for rule, message, found, stated in (
        ("shard-bytes", "the file has another size than the manifest says", report.bytes, listed.bytes),
        ("record-count", "not as many records as the manifest says", report.records, listed.records),
    ):
        if found != stated:
            report.faults.add(rule, message, Where(report.file), found=found, expected=stated)
    if report.sha256 != listed.sha256:
        message = "the file has another SHA-256 than the manifest says"
        shown = Plain(report.sha256), Plain(listed.sha256)
        report.faults.add("shard-sha256", message, Where(report.file), found=shown[0], expected=shown[1])
