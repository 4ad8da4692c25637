"""The ledger: what was found, what was written, and what was lost under which code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotools.errors import LedgerError


@dataclass(slots=True)
class Tally:
    """What was found, what was written, and what was lost, by code."""

    found: int = 0
    written: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.found += other.found
        self.written += other.written
        self.lost.update(other.lost)

    @property
    def unexplained(self) -> int:
        """0 when everything found was either written or lost with a code."""
        return self.found - self.written - sum(self.lost.values())


@dataclass(slots=True)
class Ledger:
    """Images and objects, in and out. Add up the ledgers of the parts, then `check` the sum."""

    images: Tally = field(default_factory=Tally)
    objects: Tally = field(default_factory=Tally)

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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ledger:
        images, objects = data["images"], data["objects"]
        return cls(
            Tally(images["found"], images["written"], Counter(images["skipped"])),
            Tally(objects["found"], objects["written"], Counter(objects["dropped"])),
        )


def _tally_dict(tally: Tally, lost_name: str) -> dict[str, Any]:
    return {
        "found": tally.found,
        "written": tally.written,
        lost_name: dict(sorted(tally.lost.items())),
    }
