"""The plan: which image goes into which shard, in which order. Small, and the same for the same input.

Order and shard of an image come from a hash of its id: shard i of n holds the i-th n-th of all hashes. Shards
are therefore shuffled as they lie, and an image that is added later changes one shard only. They are as even
as chance makes them: with n records in a shard the spread is about sqrt(n). Where their number follows from
`--shard-size` it is a power of two, which changes, for all shards, only when the data set outgrows it. The
single file of a pickle is in the order of the ids.

The plan is a file: a line of JSON for each image, in the order of the shards. It is sorted on disk as well
(spool.py), so that memory does not grow with the number of images.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import accumulate
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path

from annotools.conversion.options import Options
from annotools.conversion.splits import RatioSplit, compile_group_by, parse_split
from annotools.errors import SourceError
from annotools.ledger import Ledger
from annotools.sources.source import Pair, Source
from annotools.sources.spool import Sorter, decode, encode

DEFAULT_SPLIT = "train"
ALL_SPLITS = "all"
NOT_IN_SPLIT = "not-in-split"
"""The code under which the ledger counts images that no list and no split folder names."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image to convert.

    number   its place, from 1, among all images of the source by id; 0 unless options ask for numeric ids,
             because an image that is added moves the numbers of all that come after it
    """

    number: int
    pair: Pair


@dataclass(frozen=True, slots=True)
class Shard:
    """One output file: `entries` lines of the plan file from byte `start` on."""

    split: str
    index: int
    count: int
    start: int
    entries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a worker needs to write any of the shards; small and picklable.

    listing   the path of the plan file, or its content
    """

    source: Source
    options: Options
    listing: str | bytes
    shards: tuple[Shard, ...]
    left_out: Ledger = field(default_factory=Ledger)

    @property
    def total(self) -> int:
        return sum(shard.entries for shard in self.shards)

    def lines(self, shard: Shard) -> Iterator[bytes]:
        """The lines of the plan file for a shard, as they are."""
        if isinstance(self.listing, bytes):
            yield from self.listing.splitlines(keepends=True)[: shard.entries]
            return
        with open(self.listing, "rb") as lines:
            lines.seek(shard.start)
            for _ in range(shard.entries):
                yield lines.readline()

    def entries(self, shard: Shard) -> Iterator[Entry]:
        for line in self.lines(shard):
            number, image_id, xml, image, split = json.loads(line)
            yield Entry(number, Pair(image_id, xml, image, split))

    def inline(self, index: int) -> Plan:
        """A plan of shard `index` alone, in memory and not in a file: for machines that do not see the file.

        Its only shard, `shards[0]`, has the split, index and count that it has here, so that
        `write_shard(plan.inline(index), 0, folder)` writes what `write_shard(plan, index, folder)` writes.
        """
        shard = replace(self.shards[index], start=0)
        return replace(self, listing=b"".join(self.lines(self.shards[index])), shards=(shard,))


def make_plan(source: Source, options: Options, folder: Path, *, merged: bool = False) -> Plan:
    """List the source into `folder`, split it and cut it into shards.

    merged   one file for all splits (each entry still knows its own)

    Raises SourceError when the source has no images or lacks a split that `--split` names.
    """
    shards = options.shards
    left_out = Ledger()
    lines = _Lines(source, options, left_out, merged=merged, sizes=shards is None and options.stores_pixels)
    ordered = Sorter(lines, folder=str(folder))
    if not lines.bytes:
        raise SourceError("no images or annotations were found", path=source.root)
    counts = dict.fromkeys(sorted(lines.bytes), 1)
    if options.stores_pixels:
        counts = {split: shards or _power_of_two(lines.bytes[split], options.shard_size) for split in counts}
    path = folder / "plan.jsonl"
    return Plan(source, options, str(path), tuple(_write(ordered, counts, path)), left_out)


def _power_of_two(size: int, shard_size: int) -> int:
    """The smallest power of two that is at least size / shard_size."""
    return 1 << (max(1, -(-size // shard_size)) - 1).bit_length()


def _write(ordered: Iterable[bytes], counts: Mapping[str, int], path: Path) -> Iterator[Shard]:
    """Write the lines, which come in order, and yield the shards, which are stretches of them."""
    lengths = {split: [0] * count for split, count in counts.items()}
    entries = {split: [0] * count for split, count in counts.items()}
    with open(path, "wb") as file:
        for record in ordered:
            name, place, line = record.split(b"\0")
            split = decode(name)
            index = shard_of(int(place, 16), counts[split])
            lengths[split][index] += file.write(line)
            entries[split][index] += 1
    starts = accumulate((length for split in counts for length in lengths[split]), initial=0)
    for split, count in counts.items():
        for index in range(count):
            yield Shard(split, index, count, next(starts), entries[split][index])


def _assigned(source: Source, options: Options) -> Iterator[tuple[Pair, str | None]]:
    """Each pair of the source with the split it goes to, or None where no split takes it."""
    wanted = parse_split(options.split)
    if wanted.ratios:
        split = RatioSplit(wanted.ratios, options.seed, compile_group_by(options.group_by))
        last = None
        for pair in source.pairs():
            if pair.id != last:  # lists of the source may overlap; a ratio split has each image once
                yield pair, split.assign(pair.id)
            last = pair.id
        return
    if not source.splits:
        if len(wanted.names) > 1:
            raise SourceError(
                "the source has no splits of its own",
                path=source.root,
                field="--split",
                found=options.split,
                expected="one name, or ratios such as train=0.8,val=0.2",
            )
        name = wanted.names[0] if wanted.names else DEFAULT_SPLIT
        for pair in source.pairs():
            yield pair, name
        return
    for name in wanted.names:
        for pair in source.pairs(name):
            yield pair, name
    if not wanted.names:
        for pair in source.pairs():
            yield pair, pair.split


def _to_line(number: int, pair: Pair, split: str) -> str:
    """[number, id, XML, image, split] as JSON, in a third of the time that the encoder takes."""
    # what is not ASCII is escaped, lone surrogates of undecodable file names included
    xml = "null" if pair.xml is None else quoted(pair.xml)
    image = "null" if pair.image is None else quoted(pair.image)
    return f"[{number},{quoted(pair.id)},{xml},{image},{quoted(split)}]"


class _Lines:
    """The lines of the plan file, in the order of the source, each behind its split and its place there.

    bytes   of the images of each split, once all lines have come; 0 unless `sizes`
    """

    def __init__(
        self, source: Source, options: Options, left_out: Ledger, *, merged: bool, sizes: bool
    ) -> None:
        self.source = source
        self.options = options
        self.left_out = left_out
        self.merged = merged
        self.sizes = sizes
        self.bytes: Counter[str] = Counter()

    def __iter__(self) -> Iterator[bytes]:
        numeric, by_hash = self.options.source_id == "numeric", self.options.stores_pixels
        prefixes: dict[str, bytes] = {}
        for number, (pair, split) in enumerate(_assigned(self.source, self.options), start=1):
            if split is None:
                self.left_out.images.found += 1
                self.left_out.images.lost[NOT_IN_SPLIT] += 1
                continue
            file = ALL_SPLITS if self.merged else split
            if file not in prefixes:
                prefixes[file] = encode(file) + b"\0"
            self.bytes[file] += self._size(pair.image) if self.sizes and pair.image is not None else 0
            place = _hex_hash(pair.id) if by_hash else f"{number:016x}"
            line = _to_line(number if numeric else 0, pair, split)
            yield prefixes[file] + f"{place}\0{line}\n".encode("ascii")

    def _size(self, image: str) -> int:
        try:
            return self.source.storage.size(image)
        except SourceError:
            return 0  # an image that vanished is reported when it is read


def shard_of(place: int, count: int) -> int:
    """Which of `count` shards takes the hash: shard i begins at the hash i * 2^64 / count, rounded down."""
    return (place + 1) * count - 1 >> 64


def hash_of(image_id: str) -> int:
    """64 bits that say where an image stands: the same on every machine, unlike `hash()`."""
    return int(_hex_hash(image_id), 16)


def _hex_hash(image_id: str) -> str:
    return blake2b(image_id.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
