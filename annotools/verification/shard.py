"""The check of one TFRecord shard: framing, index, records. What `verify` distributes over processes."""

from __future__ import annotations

import bisect
import hashlib
import io
import os
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from annotools.conversion.manifest import ShardEntry
from annotools.conversion.plan import hash_of
from annotools.formats.example.framing import index_path
from annotools.verification.dialects import CHECKS
from annotools.verification.faults import Faults, Plain
from annotools.verification.pieces import Piece, pieces
from annotools.verification.records import Terms

_BUFFER: Final = 1 << 20


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


def check_shard(folder: Path, listed: ShardEntry, terms: Terms) -> ShardReport:
    """Check the shard of a folder that is `listed` in the manifest."""
    path, name = folder / listed.file, listed.file
    try:
        with io.BufferedReader(io.FileIO(path), _BUFFER) as file:
            size = os.fstat(file.fileno()).st_size
            report = check_file(file, size, name, terms, read_index(path, size), listed)
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one of a file
        report = ShardReport(name, damaged=True)
        missing = isinstance(error, FileNotFoundError)
        reason = "the manifest lists it, but there is no such file" if missing else f"cannot be read: {error}"
        report.faults.add("shard-missing", reason, file=name)
        return report
    return report


def check_file(
    file: io.BufferedIOBase,
    size: int,
    name: str,
    terms: Terms,
    index: array[int] | None,
    listed: ShardEntry | None,
) -> ShardReport:
    """The same for an open file of `size` bytes; `index` are the offsets that lie beside it."""
    report = ShardReport(name, bytes=size)
    faults = report.faults
    digest = hashlib.sha256()
    check = CHECKS[terms.dialect](terms)
    wrong_index: list[tuple[int, int]] = []
    end = 0
    for number, piece in numbered(pieces(file, size, digest.update), index):
        end = number + 1
        if index is not None and (number >= len(index) or index[number] != piece.offset):
            wrong_index.append((number, piece.offset))
        if piece.data is None:
            report.damaged = True
            faults.add(
                piece.rule,
                piece.message,
                file=name,
                record=number,
                offset=piece.offset,
                found=Plain(piece.found),
                expected=Plain(piece.expected),
            )
            continue
        report.records += 1
        content, findings = check.check(piece.data)
        for rule, key, message, value, wanted in findings:
            faults.add(
                rule,
                message,
                file=name,
                record=number,
                offset=piece.offset,
                field=key,
                found=value,
                expected=wanted,
            )
        if content.filename is None:
            report.unreadable = True
            continue
        report.keys.append(hash_of(content.filename))
        report.count(content.names)
    if report.damaged:  # then it was not read once from start to end
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
    report.sha256 = digest.hexdigest()
    for number, offset in wrong_index:
        stored = index[number] if index is not None and number < len(index) else None
        faults.add(
            "index",
            "the index has another offset for it",
            file=name,
            record=number,
            offset=offset,
            found=stored if stored is not None else Plain("nothing"),
            expected=offset,
        )
    if index is not None and len(index) > end and not report.damaged:
        faults.add("index", "the index has more records", file=name, found=len(index), expected=end)
    if index is None and listed is not None:
        faults.add("index", "the index cannot be read", file=name, expected=Plain(f"index/{name}.u64"))
    if listed is not None:
        compare_with_manifest(report, listed)
    return report


def compare_with_manifest(report: ShardReport, listed: ShardEntry) -> None:
    """Size, number of records and SHA-256 against the entry of the manifest."""
    for key, rule in (("bytes", "shard-bytes"), ("records", "record-count"), ("sha256", "shard-sha256")):
        value = getattr(report, key)
        if value != getattr(listed, key):
            message = {
                "bytes": "the file has another size than the manifest says",
                "records": "not as many records as the manifest says",
                "sha256": "the file has another SHA-256 than the manifest says",
            }[key]
            stated = getattr(listed, key)
            shown = (Plain(value), Plain(stated)) if key == "sha256" else (value, stated)
            report.faults.add(rule, message, file=report.file, found=shown[0], expected=shown[1])


def numbered(found: Iterator[Piece], index: array[int] | None) -> Iterator[tuple[int, Piece]]:
    """Each piece with the number of its record. Behind damage, which may be of several records, the index
    tells it, if it has this offset."""
    number = 0
    after_damage = False
    for piece in found:
        if after_damage and index is not None:
            place = bisect.bisect_left(index, piece.offset)
            if place < len(index) and index[place] == piece.offset:
                number = max(number, place)
        yield number, piece
        number += 1
        after_damage = after_damage or piece.data is None


def read_index(path: Path, size: int) -> array[int] | None:
    """The offsets beside a shard of `size` bytes; None where they cannot be read or are far too many."""
    beside = index_path(path)
    try:
        length = beside.stat().st_size
        if length % 8 or length > size:  # a record has 16 bytes or more
            return None
        data = beside.read_bytes()
        return array("Q", struct.unpack(f"<{len(data) // 8}Q", data))
    except (OSError, struct.error):
        return None
