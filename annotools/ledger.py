"""The ledger: what was found, what was written, and what was lost under which code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotools.errors import LedgerError

Count = Annotated[int, ">= 0"]


@dataclass(slots=True)
class Tally:
    """What was found, what was written, and what was lost, by code."""

    found: Count = 0
    written: Count = 0

    @property
    def lost(self) -> Counter[str]:
        raise NotImplementedError

    def add(self, other: Tally) -> None:
        self.found += other.found
        self.written += other.written
        self.lost.update(other.lost)

    @property
    def unexplained(self) -> int:
        """0 when everything found was either written or lost with a code."""
        return self.found - self.written - sum(self.lost.values())


@dataclass(slots=True)
class Images(Tally):
    """Images; those that are lost were skipped."""

    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> Counter[str]:
        return self.skipped


@dataclass(slots=True)
class Objects(Tally):
    """Objects; those that are lost were dropped."""

    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> Counter[str]:
        return self.dropped


@dataclass(slots=True)
class Ledger:
    """Images and objects, in and out. Add up the ledgers of the parts, then `check` the sum."""

    images: Images = field(default_factory=Images)
    objects: Objects = field(default_factory=Objects)

    def add(self, other: Ledger) -> None:
        self.images.add(other.images)
        self.objects.add(other.objects)

    def check(self) -> None:
        """Raise LedgerError unless found = written + lost, for images and for objects."""
        for name, tally in (("images", self.images), ("objects", self.objects)):
            if tally.unexplained:
                raise LedgerError(
                    f"{name} do not add up: {tally.found} found, {tally.written} written, "
                    f"{sum(tally.lost.values())} lost with a code",
                    field=name,
                    found=tally.unexplained,
                    expected="0 unexplained",
                )

    def as_dict(self) -> dict[str, Any]:
        """{"images": {"found", "written", "skipped": {code: n}}, "objects": {..., "dropped": {code: n}}}"""
        return {
            "images": _tally_dict(self.images, "skipped"),
            "objects": _tally_dict(self.objects, "dropped"),
        }


def _tally_dict(tally: Tally, lost_name: str) -> dict[str, Any]:
    return {
        "found": tally.found,
        "written": tally.written,
        lost_name: dict(sorted(tally.lost.items())),
    }
