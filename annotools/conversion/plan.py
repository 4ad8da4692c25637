"""The plan: which image goes into which shard, in which order. Small, and the same for the same input.

Order and shard of an image come from a hash of its id: shard i of n holds the i-th n-th of all hashes. Shards
are therefore shuffled as they lie, and an image that is added later changes one shard only. They are as even
as chance makes them: with n records in a shard the spread is about sqrt(n). Where their number follows from
`--shard-size` it is a power of two, which changes, for all shards, only when the data set outgrows it. The
single file of a pickle is in the order of the ids.

The plan is a file: an SQLite database with a row for each image, in the order of the shards. It is made from
the catalogue of the source by a few statements, so that memory does not grow with the number of images.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from itertools import pairwise
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

from annotools.conversion.options import Options
from annotools.conversion.plan_rows import PlanRows, hash_bytes
from annotools.errors import SourceError
from annotools.issues import Issue
from annotools.ledger import Ledger
from annotools.records import maker, record
from annotools.sources.catalogue import Connection, decode, trouble
from annotools.sources.pair import Pair, make_pair
from annotools.sources.source import Source
from annotools.sources.storage import fingerprint_of

NOT_IN_SPLIT = "not-in-split"
"""The code under which the ledger counts images that no list and no split folder names."""


Files = tuple[tuple[str | None, str | None], ...]
"""(name, fingerprint) of annotation and image; each None where there is none, or where nothing told it."""


@record
class Entry:
    """One image to convert.

    number   its place, from 1, among all images of the source by id; 0 unless options ask for numeric ids,
             because an image that is added moves the numbers of all that come after it
    """

    number: int
    pair: Pair


_entry = maker(Entry)


@record
class Shard:
    """One output file: `entries` rows of the plan after the first `start`."""

    split: str
    index: int
    count: int
    start: int
    entries: int


@record
class Plan:
    """Everything that a worker needs to write any of the shards; small and picklable.

    rows     the path of the plan file, or what `packed` gives of its only shard
    issues   what is odd about the splits
    """

    source: Source
    options: Options
    rows: str | bytes
    shards: tuple[Shard, ...]
    left_out: Ledger = field(default_factory=Ledger)
    issues: tuple[Issue, ...] = ()

    @property
    def total(self) -> int:
        return sum(shard.entries for shard in self.shards)

    def entries(self, shard: Shard) -> Iterator[Entry]:
        """The images of a shard, in its order."""
        for number, image_id, xml, image, split, xml_size, _, image_size, _ in self._rows(shard):
            yield _entry(number, make_pair(image_id, xml, image, split, xml_size, image_size))

    def _rows(self, shard: Shard) -> Iterator[Sequence[Any]]:
        if isinstance(self.rows, bytes):
            yield from map(json.loads, self.rows.splitlines())
            return
        with contextlib.closing(_open_plan(self.rows)) as database:
            yield from database.execute(_OF_SHARD, (shard.start, shard.start + shard.entries))

    def lines(self, shard: Shard) -> Iterator[tuple[bytes, Files]]:
        """What decides about each image of a shard, in its order: a line, and its two files."""
        for number, image_id, xml, image, split, *listed in self._rows(shard):
            xml_size, xml_version, image_size, image_version = listed
            files = (
                (xml, None if xml_size is None else fingerprint_of(xml_size, xml_version)),
                (image, None if image_size is None else fingerprint_of(image_size, image_version)),
            )
            # [number, id, XML, image, split] as JSON, in a third of the time that the encoder takes;
            # what is not ASCII is escaped, lone surrogates of undecodable file names included
            xml = "null" if xml is None else quoted(xml)
            image = "null" if image is None else quoted(image)
            yield f"[{number},{quoted(image_id)},{xml},{image},{quoted(split)}]\n".encode("ascii"), files

    def packed(self, shard: Shard) -> bytes:
        """The rows of a shard: for machines that do not see the file."""
        return b"".join(json.dumps(row).encode("ascii") + b"\n" for row in self._rows(shard))

    def alone(self, index: int, rows: bytes) -> Plan:
        """A plan of shard `index` only, with the rows that `packed` gave.

        Its only shard, `shards[0]`, has the split, index and count that it has here, so that
        `write_shard(plan.alone(index, rows), 0, folder)` writes what `write_shard(plan, index, folder)` does.
        """
        return replace(self, rows=rows, shards=(replace(self.shards[index], start=0),))


_OF_SHARD = """
SELECT e.number, id, x.folder || coalesce(stem, id) || x.extension,
    i.folder || coalesce(image_stem, stem, id) || i.extension, split,
    xml_size, xml_version, image_size, image_version
FROM entry e LEFT JOIN pattern x ON x.number = xml LEFT JOIN pattern i ON i.number = image
WHERE e.rowid > ? AND e.rowid <= ? ORDER BY e.rowid
"""


def _open_plan(path: str) -> sqlite3.Connection:
    """A finished plan: it will not change, so that nobody has to lock it, also on a network's file system."""
    with trouble(path):
        name = f"{Path(path).absolute().as_uri()}?immutable=1"
        database = sqlite3.connect(name, uri=True, factory=Connection)
        (is_utf8,) = database.execute("SELECT is_utf8 FROM about").fetchone()
    if not is_utf8:
        database.text_factory = decode
    return database


def make_plan(source: Source, options: Options, folder: Path, *, merged: bool = False) -> Plan:
    """Write the plan for a source into `folder`: what goes into which split, and into which shard of it.

    merged   one file for all splits (each entry still knows its own)

    Raises SourceError when the source has no images or lacks a split that `--split` names, OutputError where
    the plan cannot be written.
    """
    shards = options.shards
    path = folder / "plan.sqlite"
    rows = PlanRows(source, options, merged=merged)
    with rows.written_to(path):
        sizes = rows.sizes() if shards is None and options.sharded else Counter[str]()
        found: list[Shard] = []
        for file in rows.files():
            count = (shards or _power_of_two(sizes[file], options.shard_size)) if options.sharded else 1
            edges = [
                *(rows.before(file, (index << 64) // count) for index in range(count)),
                rows.through(file),
            ]
            found += (
                Shard(file, index, count, start, end - start)
                for index, (start, end) in enumerate(pairwise(edges))
            )
        left_out = Ledger()
        images, objects = rows.left_out()
        if images:
            left_out.images.found = left_out.images.lost[NOT_IN_SPLIT] = images
        if objects:
            left_out.objects.found = left_out.objects.lost[NOT_IN_SPLIT] = objects
        issues = tuple(rows.issues()) if found else ()
    if not found:
        raise SourceError("no images or annotations were found", path=source.root)
    return Plan(source, options, str(path), tuple(found), left_out, issues)


def _power_of_two(size: int, shard_size: int) -> int:
    """The smallest power of two that is at least size / shard_size."""
    return 1 << (max(1, -(-size // shard_size)) - 1).bit_length()


def shard_of(place: int, count: int) -> int:
    """Which of `count` shards takes the hash: shard i begins at the hash i * 2^64 / count, rounded down."""
    return (place + 1) * count - 1 >> 64


def hash_of(image_id: str) -> int:
    """64 bits that say where an image stands: the same on every machine, unlike `hash()`."""
    return int.from_bytes(hash_bytes(image_id), "big")
