"""The plan: which image goes into which shard, in which order. Small, and the same for the same input.

Order and shard of an image come from a hash of its id. Shards are therefore shuffled as they lie, and an
image that is added later changes one shard only. They are as even as chance makes them: with n records
in a shard the spread is about sqrt(n). The single file of a pickle is in the order of the ids.

The plan of a large source does not fit in memory as objects, so it is a file: a line of JSON for each
image, written once in the order in which the source lists it and once more in the order of the shards.
In memory it takes 16 bytes an image, and 44 more while it is being sorted.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import json
import mmap
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotools.convert.options import Options
from annotools.errors import OptionError, SourceError
from annotools.issues import Ledger
from annotools.sources import Pair, Source
from annotools.splits import RatioSplit, compile_group_by, parse_split

DEFAULT_SPLIT = "train"
ALL_SPLITS = "all"
NOT_IN_SPLIT = "not-in-split"
"""The code under which the ledger counts images that no list and no split folder names."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image to convert. `number` is its place, from 1, among all images of the source by id."""

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
    """Everything that a worker needs to write any of the shards; small and picklable."""

    source: Source
    options: Options
    listing: str
    shards: tuple[Shard, ...]
    left_out: Ledger = field(default_factory=Ledger)

    @property
    def total(self) -> int:
        return sum(shard.entries for shard in self.shards)

    def lines(self, shard: Shard) -> Iterator[bytes]:
        """The lines of the plan file for a shard, as they are."""
        with open(self.listing, "rb") as lines:
            lines.seek(shard.start)
            for _ in range(shard.entries):
                yield lines.readline()

    def entries(self, shard: Shard) -> Iterator[Entry]:
        for line in self.lines(shard):
            number, image_id, xml, image, split = json.loads(line)
            yield Entry(number, Pair(image_id, xml, image, split))


def make_plan(
    source: Source,
    options: Options,
    folder: Path,
    *,
    shards: int | None,
    shard_size: int,
    merged: bool = False,
) -> Plan:
    """List the source into `folder`, split it and cut it into shards.

    shards       files for each split; None: as many as `shard_size` bytes of images need
    shard_size   bytes
    merged       one file for all splits (each entry still knows its own)

    Raises SourceError when the source has no images or lacks a split that `--split` names.
    """
    if shards is not None and shards < 1:
        raise OptionError("at least one shard is needed", field="--shards", found=shards, expected=">= 1")
    by_size = shards is None and options.stores_pixels
    listing = _Listing(folder / "listing.jsonl")
    left_out = Ledger()
    with listing:
        for number, (pair, split) in enumerate(_assigned(source, options), start=1):
            if split is None:
                left_out.images.found += 1
                left_out.images.lost[NOT_IN_SPLIT] += 1
                continue
            pair = Pair(pair.id, pair.xml, pair.image, split)
            size = _bytes_of(source, pair) if by_size else 0
            listing.add(ALL_SPLITS if merged else split, number, pair, size)
    if not listing.keys:
        raise SourceError("no images or annotations were found", path=source.root)

    planned = []
    with listing.lines() as line_at, open(folder / "plan.jsonl", "wb") as ordered:
        written = 0
        for split in sorted(listing.keys):
            size = listing.bytes[split]
            count = shards or max(1, -(-size // shard_size)) if options.stores_pixels else 1
            order = listing.order(split, by_hash=options.stores_pixels)
            borders = listing.borders(split, order, count)
            for index in range(count):
                start = written
                for offset in listing.offsets_of(split, order[borders[index] : borders[index + 1]]):
                    written += ordered.write(line_at(offset))
                entries = borders[index + 1] - borders[index]
                planned.append(Shard(split, index, count, start, entries))
    return Plan(source, options, str(folder / "plan.jsonl"), tuple(planned), left_out)


def _assigned(source: Source, options: Options) -> Iterator[tuple[Pair, str | None]]:
    """Each pair of the source with the split it goes to, or None where no split takes it."""
    wanted = parse_split(options.split)
    if wanted.ratios:
        split = RatioSplit(wanted.ratios, options.seed, compile_group_by(options.group_by))
        seen: set[str] | None = set() if len(source.splits) > 1 else None
        for pair in source.pairs():
            if seen is not None:  # lists of the source may overlap; a ratio split has each image once
                if pair.id in seen:
                    continue
                seen.add(pair.id)
            yield pair, split.assign(pair.id)
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


def _bytes_of(source: Source, pair: Pair) -> int:
    if pair.image is None:
        return 0
    with contextlib.suppress(SourceError):  # an image that vanished is reported when it is read
        return source.size(pair.image)
    return 0


_to_json = json.JSONEncoder(separators=(",", ":")).encode


class _Listing:
    """The plan file in the order of the source, and for each split the hash and offset of its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: dict[str, array[int]] = {}
        self.offsets: dict[str, array[int]] = {}
        self.bytes: Counter[str] = Counter()

    def __enter__(self) -> _Listing:
        self._position = 0
        self._file = open(self.path, "wb")  # closed in __exit__
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def add(self, split: str, number: int, pair: Pair, size: int) -> None:
        if split not in self.keys:
            self.keys[split], self.offsets[split] = array("Q"), array("Q")
        self.offsets[split].append(self._position)
        self.keys[split].append(hash_of(pair.id))
        self.bytes[split] += size
        # json escapes what is not ASCII, lone surrogates of undecodable file names included
        line = _to_json([number, pair.id, pair.xml, pair.image, pair.split])
        self._position += self._file.write(line.encode("ascii") + b"\n")

    @contextlib.contextmanager
    def lines(self) -> Iterator[Callable[[int], bytes]]:
        """A function from the offset of a line to the line."""
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield lambda offset: text[offset : text.find(b"\n", offset) + 1]

    def order(self, split: str, *, by_hash: bool) -> Sequence[int]:
        """The lines of a split by their numbers, in the order in which they are written."""
        keys = self.keys[split]
        return sorted(range(len(keys)), key=keys.__getitem__) if by_hash else range(len(keys))

    def borders(self, split: str, order: Sequence[int], count: int) -> list[int]:
        """Where each shard starts in `order`: shard i holds the hashes of its part of [0, 2^64)."""
        key = self.keys[split].__getitem__
        inner = [bisect.bisect_left(order, (i << 64) // count, key=key) for i in range(1, count)]
        return [0, *inner, len(order)]

    def offsets_of(self, split: str, rows: Iterable[int]) -> Iterator[int]:
        offsets = self.offsets[split]
        for row in rows:
            yield offsets[row]


def hash_of(image_id: str) -> int:
    """64 bits that say where an image stands: the same on every machine, unlike `hash()`."""
    return int.from_bytes(
        hashlib.blake2b(image_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    )
