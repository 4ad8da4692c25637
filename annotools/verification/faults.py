"""What `verify` finds: a Fault is one thing that is wrong with an output, and where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from annotools.errors import shorten
from annotools.records import record

LISTED = 1000
"""Faults of one rule in one file that are listed; all are counted. No file can fill the memory with them."""


@record
class Fault:
    """One fault of an output.

    rule       what was broken, such as data-crc; `annotools.verification.verify` lists all
    file       name inside the output folder
    record     number of the record in its file, from 0
    offset     byte of the file where that record starts
    field      key of the record, or place in the manifest
    found, expected   as text, cut to a line
    """

    rule: str
    message: str
    file: str | None = None
    record: int | None = None
    offset: int | None = None
    field: str | None = None
    found: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        where = "" if self.record is None else f"record {self.record}"
        if self.offset is not None:
            where += f"{' at ' if where else ''}byte {self.offset}"
        head = ": ".join(part for part in (self.file, where, self.rule, self.field, self.message) if part)
        pairs = (("found", self.found), ("expected", self.expected))
        tail = ", ".join(f"{name} {value}" for name, value in pairs if value is not None)
        text = f"{head} ({tail})" if tail else head
        # names of files and classes may hold anything, and a fault is one line
        text = text.encode("utf-8", "backslashreplace").decode()
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

    def as_dict(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


class Where(NamedTuple):
    """Where a fault is, as in Fault."""

    file: str | None = None
    record: int | None = None
    offset: int | None = None
    field: str | None = None


@dataclass(slots=True)
class Faults:
    """Faults under collection. Of each rule and file the first LISTED are kept, and all are counted."""

    listed: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _of_file: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(
        self, rule: str, message: str, where: Where, *, found: object = None, expected: object = None
    ) -> None:
        self.counts[rule] += 1
        self._of_file[rule, where.file] += 1
        if self._of_file[rule, where.file] <= LISTED:
            self.listed.append(Fault(rule, message, *where, _as_text(found), _as_text(expected)))

    def extend(self, other: Faults) -> None:
        self.listed += other.listed
        self.counts.update(other.counts)


def _as_text(value: object) -> str | None:
    """Numbers and prepared texts as they are, values from a file as `repr`."""
    if value is None:
        return None
    return value.text if isinstance(value, Plain) else shorten(value)


@record
class Plain:
    """A text of ours for `found` or `expected`, shown without quotes."""

    text: str
