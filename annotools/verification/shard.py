"""The check of one TFRecord shard: framing, index, records."""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import io
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from annotools.conversion.manifest import Manifest, ShardEntry
from annotools.conversion.output.place import Place
from annotools.conversion.output_formats import FORMATS
from annotools.conversion.plan import hash_of
from annotools.errors import RecordError
from annotools.formats.example.features import read_features
from annotools.formats.example.offsets import read_offsets
from annotools.records import record
from annotools.verification.dialects import CHECKS
from annotools.verification.faults import Plain, Where
from annotools.verification.pieces import Piece, pieces
from annotools.verification.records import Terms
from annotools.verification.report import ShardReport, compare_with_manifest

_BUFFER: Final = 1 << 20


@dataclass(slots=True)
class OpenShard:
    """An open file of `size` bytes. index: the offsets beside it; None where they cannot be read."""

    name: str
    file: io.BufferedIOBase
    size: int
    index: array[int] | None


@record
class ShardCheck:
    """The check of the shards of one output."""

    place: Place
    terms: Terms

    @classmethod
    def of(cls, place: Place, manifest: Manifest, images: str) -> ShardCheck:
        dialect = FORMATS[manifest.to].dialect or ""
        names = CHECKS[dialect].names_by_label(manifest.classes)
        return cls(place, Terms(dialect, names, manifest.options.source_id, images))

    def check(self, listed: ShardEntry) -> ShardReport:
        """Check the shard that is `listed` in the manifest."""
        path, name = self.place.file(listed.file), listed.file
        try:
            with io.BufferedReader(io.FileIO(path), _BUFFER) as file:
                size = os.fstat(file.fileno()).st_size
                shard = OpenShard(name, file, size, read_offsets(path, size))
                report = check_file(shard, self.terms)
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one of a file
            report = ShardReport(name, damaged=True)
            message = f"cannot be read: {error}"
            if isinstance(error, FileNotFoundError):
                message = "the manifest lists it, but there is no such file"
            report.faults.add("shard-missing", message, Where(name))
            return report
        if shard.index is None:
            expected = Plain(f"index/{name}.u64")
            report.faults.add("index", "the index cannot be read", Where(name), expected=expected)
        compare_with_manifest(report, listed)
        return report

    def names_in(self, file: str) -> Iterator[tuple[int, int | None, str]]:
        """(record, offset, name of the image) of each record of a shard that can be read."""
        path = self.place.file(file)
        with contextlib.suppress(OSError), open(path, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            for number, piece in numbered(pieces(opened, size), read_offsets(path, size)):
                if piece.data is not None:
                    with contextlib.suppress(ValueError, KeyError, IndexError, AttributeError, RecordError):
                        name = read_features(piece.data)["image/filename"][1][0].decode()
                        yield number, piece.offset, name


def check_file(shard: OpenShard, terms: Terms) -> ShardReport:
    """The check of a shard by itself."""
    name, index = shard.name, shard.index
    report = ShardReport(name, bytes=shard.size)
    faults = report.faults
    digest = hashlib.sha256()
    check = CHECKS[terms.dialect](terms)
    wrong_index: list[tuple[int, int]] = []
    end = 0
    for number, piece in numbered(pieces(shard.file, shard.size, digest.update), index):
        end = number + 1
        if index is not None and (number >= len(index) or index[number] != piece.offset):
            wrong_index.append((number, piece.offset))
        if piece.data is None:
            report.damaged = True
            where = Where(name, number, piece.offset)
            found, expected = Plain(piece.found), Plain(piece.expected)
            faults.add(piece.rule, piece.message, where, found=found, expected=expected)
            continue
        report.records += 1
        content, findings = check.check(piece.data)
        for finding in findings:
            where = Where(name, number, piece.offset, finding.field)
            faults.add(finding.rule, finding.message, where, found=finding.found, expected=finding.expected)
        if content.filename is None:
            report.unreadable = True
            continue
        report.keys.append(hash_of(content.filename))
        report.count(content.names)
    if report.damaged:  # then it was not read once from start to end
        shard.file.seek(0)
        digest = hashlib.file_digest(shard.file, "sha256")
    report.sha256 = digest.hexdigest()
    if index is not None:
        _check_index(report, index, wrong_index, end)
    return report


def _check_index(report: ShardReport, index: array[int], wrong: list[tuple[int, int]], end: int) -> None:
    """wrong: (record, offset) where the index says something else; end: the number of records."""
    for number, offset in wrong:
        stored = index[number] if number < len(index) else Plain("nothing")
        where = Where(report.file, number, offset)
        message = "the index has another offset for it"
        report.faults.add("index", message, where, found=stored, expected=offset)
    if len(index) > end and not report.damaged:
        message = "the index has more records"
        report.faults.add("index", message, Where(report.file), found=len(index), expected=end)


def check_framing(place: Place, name: str) -> ShardReport:
    """The check of a file by itself where no manifest says what is in it."""
    report = ShardReport(name)
    try:
        with open(place.file(name), "rb") as file:
            report.bytes = os.fstat(file.fileno()).st_size
            for number, piece in numbered(pieces(file, report.bytes), None):
                report.records += piece.data is not None
                if piece.data is None:
                    report.damaged = True
                    report.faults.add(piece.rule, piece.message, Where(name, number, piece.offset))
    except OSError as error:
        report.faults.add("shard-missing", f"cannot be read: {error}", Where(name))
    return report


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
