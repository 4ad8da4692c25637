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
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

from annotools.conversion.options import Options
from annotools.conversion.splits import RatioSplit, compile_group_by, parse_split
from annotools.errors import SourceError
from annotools.ledger import Ledger
from annotools.sources.catalogue import decode, trouble, use_freely
from annotools.sources.source import Pair, Source
from annotools.sources.storage import fingerprint_of

DEFAULT_SPLIT = "train"
ALL_SPLITS = "all"
NOT_IN_SPLIT = "not-in-split"
"""The code under which the ledger counts images that no list and no split folder names."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image to convert.

    number   its place, from 1, among all images of the source by id; 0 unless options ask for numeric ids,
             because an image that is added moves the numbers of all that come after it
    fingerprints   of XML and image as `Source.fingerprint` gives them, where the listing told them
    """

    number: int
    pair: Pair
    fingerprints: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Shard:
    """One output file: `entries` rows of the plan after the first `start`."""

    split: str
    index: int
    count: int
    start: int
    entries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a worker needs to write any of the shards; small and picklable.

    rows   the path of the plan file, or what `packed` gives of its only shard
    """

    source: Source
    options: Options
    rows: str | bytes
    shards: tuple[Shard, ...]
    left_out: Ledger = field(default_factory=Ledger)

    @property
    def total(self) -> int:
        return sum(shard.entries for shard in self.shards)

    def entries(self, shard: Shard) -> Iterator[Entry]:
        """The images of a shard, in its order."""
        for number, image_id, xml, image, split, *listed in self._rows(shard):
            xml_size, xml_version, image_size, image_version = listed
            fingerprints = (
                None if xml_size is None else fingerprint_of(xml_size, xml_version),
                None if image_size is None else fingerprint_of(image_size, image_version),
            )
            yield Entry(number, Pair(image_id, xml, image, split, xml_size, image_size), fingerprints)

    def _rows(self, shard: Shard) -> Iterator[Sequence[Any]]:
        if isinstance(self.rows, bytes):
            yield from map(json.loads, self.rows.splitlines())
            return
        with contextlib.closing(_open_plan(self.rows)) as database:
            yield from database.execute(_OF_SHARD, (shard.start, shard.start + shard.entries))

    def lines(self, shard: Shard) -> Iterator[bytes]:
        """A line for each image of a shard, in its order: what decides about it apart from the files."""
        for number, image_id, xml, image, split, *_ in self._rows(shard):
            # [number, id, XML, image, split] as JSON, in a third of the time that the encoder takes;
            # what is not ASCII is escaped, lone surrogates of undecodable file names included
            xml = "null" if xml is None else quoted(xml)
            image = "null" if image is None else quoted(image)
            yield f"[{number},{quoted(image_id)},{xml},{image},{quoted(split)}]\n".encode("ascii")

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
        database = sqlite3.connect(f"{Path(path).absolute().as_uri()}?immutable=1", uri=True)
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
    rows = _Rows(source, options, merged=merged)
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
        if count := rows.left_out():
            left_out.images.found = left_out.images.lost[NOT_IN_SPLIT] = count
    if not found:
        raise SourceError("no images or annotations were found", path=source.root)
    return Plan(source, options, str(path), tuple(found), left_out)


def _power_of_two(size: int, shard_size: int) -> int:
    """The smallest power of two that is at least size / shard_size."""
    return 1 << (max(1, -(-size // shard_size)) - 1).bit_length()


def _ways(source: Source, options: Options, names: Sequence[str]) -> Iterator[tuple[int, int, str | None]]:
    """(combination of splits in the catalogue, turn, split) for each way in which its pairs are converted.

    turn    which way comes first, of all of them where the options name splits, else of one combination
    split   None: no split takes them
    """
    combinations = source.catalogue.combinations
    if names and source.splits:
        for turn, name in enumerate(names):
            source.check_split(name)
            for number, splits in enumerate(source.splits_of_combinations(name)):
                yield from ((number, turn, split) for split in splits)
        return
    if source.splits:
        for number, splits in enumerate(source.splits_of_combinations(None)):
            yield from ((number, turn, split) for turn, split in enumerate(splits))
        return
    if len(names) > 1:
        raise SourceError(
            "the source has no splits of its own",
            path=source.root,
            field="--split",
            found=options.split,
            expected="one name, or ratios such as train=0.8,val=0.2",
        )
    yield from ((number, 0, names[0] if names else DEFAULT_SPLIT) for number in range(len(combinations)))


_ENTRIES = """
CREATE TABLE plan.entry AS
SELECT split, {position} AS position, {number} AS number, id, xml, image, stem, image_stem, {sizes}
FROM (
    SELECT pair.*, {split} AS split, {row} AS row, pair.rowid AS pair
    FROM pair JOIN plan.way ON combination = pair.splits)
{listed} WHERE split IS NOT NULL ORDER BY {order}
"""


_LISTED = """
JOIN (SELECT number AS listed, xml_size, xml_version, image_size, image_version FROM named) ON listed = pair
"""


class _Rows:
    """The rows of a plan, while they are made from the catalogue of the source."""

    def __init__(self, source: Source, options: Options, *, merged: bool) -> None:
        self.source, self.options, self.merged = source, options, merged
        self.catalogue = source.catalogue
        wanted = parse_split(options.split)
        self.split, self.order = "way.split", "turn, pair.rowid" if wanted.names else "pair.rowid, turn"
        if wanted.ratios:
            # lists of the source may overlap; a ratio split has each image once
            ratio = RatioSplit(wanted.ratios, options.seed, compile_group_by(options.group_by))
            self.catalogue.connection.create_function("split_of", 1, ratio.assign, deterministic=True)
            self.split = "split_of(id)"
            names = [name for name, _ in wanted.ratios]
            self.ways: list[tuple[int, int, str | None]] = [
                (number, 0, "") for number in range(len(self.catalogue.combinations))
            ]
        else:
            self.ways = list(_ways(source, options, wanted.names))
            names = [split for _, _, split in self.ways if split is not None]
        self.names = [ALL_SPLITS] if merged else sorted({*names})

    @contextlib.contextmanager
    def written_to(self, path: Path) -> Iterator[None]:
        """In here the rows are there; afterwards the file is complete."""
        catalogue = self.catalogue
        with trouble(str(path)):
            catalogue.execute("ATTACH ? AS plan", str(path))
            try:
                use_freely(catalogue.connection, "plan")
                self._write()
                yield
                for table in ("CREATE TABLE plan.about(is_utf8)", "DROP TABLE plan.way"):
                    catalogue.execute(table)
                catalogue.execute("INSERT INTO plan.about VALUES (?)", catalogue.is_utf8)
            finally:
                catalogue.execute("DETACH plan")

    def _write(self) -> None:
        catalogue, by_hash = self.catalogue, self.options.sharded
        numeric = self.options.source_id == "numeric"
        catalogue.execute("CREATE TABLE plan.way(combination INTEGER, turn INTEGER, split TEXT)")
        ways = ((number, turn, split and catalogue.bound(split)) for number, turn, split in self.ways)
        catalogue.insert("plan.way VALUES (?, ?, CAST(? AS TEXT))", ways)
        catalogue.execute("CREATE TABLE plan.pattern(number INTEGER PRIMARY KEY, folder, extension)")
        catalogue.execute("INSERT INTO plan.pattern SELECT number, folder, extension FROM main.pattern")
        catalogue.connection.create_function("hash_of", 1, _hash, deterministic=True)
        sizes = ("xml_size", "xml_version", "image_size", "image_version")
        catalogue.execute(
            _ENTRIES.format(
                position="hash_of(id)" if by_hash else "row",
                number="row" if numeric else "0",
                row=f"row_number() OVER (ORDER BY {self.order})" if numeric or not by_hash else "0",
                split=self.split,
                order="position" if self.merged else "split, position",
                sizes=", ".join(sizes if catalogue.has_sizes else (f"NULL AS {size}" for size in sizes)),
                listed=_LISTED if catalogue.has_sizes else "",
            )
        )
        (self.count,) = catalogue.execute("SELECT max(rowid) FROM plan.entry").fetchone()

    def files(self) -> Iterator[str]:
        """The files that have rows, in their order."""
        yield from (name for name in self.names if self.before(name) < self.through(name))

    def before(self, file: str, position: int = 0) -> int:
        """How many rows come before those of `file` from `position` on."""
        wanted = file, position.to_bytes(8, "big") if self.options.sharded else position
        return bisect_left(range(1, (self.count or 0) + 1), wanted, key=self._at)

    def through(self, file: str) -> int:
        """How many rows there are up to the last of `file`."""
        return bisect_left(range(1, (self.count or 0) + 1), True, key=lambda row: self._at(row)[0] > file)

    def _at(self, row: int) -> tuple[str, Any]:
        """The file and the position of a row."""
        split, position = self.catalogue.execute(
            "SELECT split, position FROM plan.entry WHERE rowid = ?", row
        ).fetchone()
        return ALL_SPLITS if self.merged else split, position

    def sizes(self) -> Counter[str]:
        """Bytes of the images of each split."""
        sizes: Counter[str] = Counter()
        for split, image, size in self.catalogue.execute(
            f"SELECT {self.split}, image, image_size FROM named JOIN plan.way ON combination = splits"
            " WHERE way.split IS NOT NULL AND image IS NOT NULL ORDER BY named.number"
        ):
            sizes[split] += self._size(image) if size is None else size
        return sizes

    def _size(self, image: str) -> int:
        try:
            return self.source.storage.size(image)
        except SourceError:
            return 0  # an image that vanished is reported when it is read

    def left_out(self) -> int:
        """How many images no split takes."""
        statement = "SELECT count(*) FROM pair JOIN plan.way ON combination = splits WHERE split IS NULL"
        (count,) = self.catalogue.execute(statement).fetchone()
        return int(count)


def shard_of(place: int, count: int) -> int:
    """Which of `count` shards takes the hash: shard i begins at the hash i * 2^64 / count, rounded down."""
    return (place + 1) * count - 1 >> 64


def hash_of(image_id: str) -> int:
    """64 bits that say where an image stands: the same on every machine, unlike `hash()`."""
    return int.from_bytes(_hash(image_id), "big")


def _hash(image_id: str) -> bytes:
    return blake2b(image_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
