"""The rows of a plan, made from the catalogue of a source by a few statements of SQL."""

from __future__ import annotations

import contextlib
import os
import shlex
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from annotools.conversion.copies import ratio_split
from annotools.conversion.options import Options
from annotools.conversion.related import find_families, shortest_regex
from annotools.conversion.splits import RatioSplit, parse_split
from annotools.errors import FaultyFileError, SourceError
from annotools.formats import voc
from annotools.issues import Issue
from annotools.sources.catalogue import trouble, use_freely
from annotools.sources.source import Source
from annotools.sources.split_names import is_split_name, split_order
from annotools.sources.storage import printable

_NAMES_COMPARED = 100_000  # images whose names are compared: more of a set say nothing new
DEFAULT_SPLIT = "train"
ALL_SPLITS = "all"


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
                if not (options.on_error == "skip" and _is_leak(name, names, combinations[number])):
                    yield from ((number, turn, split) for split in splits)
        return
    if source.splits:
        for number, splits in enumerate(source.splits_of_combinations(None)):
            kept = splits
            if options.on_error == "skip":
                kept = tuple(one for one in splits if not _is_leak(one, source.splits, combinations[number]))
            yield from ((number, turn, split) for turn, split in enumerate(kept))
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


def _is_leak(split: str | None, converted: Sequence[str], members: Sequence[str]) -> bool:
    """Whether an image of `members` leaves this split, because it is in another one that it must stay in:
    of train, val and test the last has it."""
    apart = sorted({one for one in members if one in converted and is_split_name(one)}, key=split_order)
    return split in apart[:-1]


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


class PlanRows:
    """The rows of a plan, while they are made from the catalogue of the source."""

    def __init__(self, source: Source, options: Options, *, merged: bool) -> None:
        self.source, self.options, self.merged = source, options, merged
        self.catalogue = source.catalogue
        wanted = parse_split(options.split)
        self.split, self.order = "way.split", "turn, pair.rowid" if wanted.names else "pair.rowid, turn"
        self.is_by_ratio = bool(wanted.ratios)
        self.ratio: RatioSplit | None = None
        if wanted.ratios:
            # lists of the source may overlap; a ratio split has each image once
            self.ratio = ratio = ratio_split(source, wanted.ratios, options.seed, options.group_by)
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
            path.unlink(missing_ok=True)
            catalogue.execute("ATTACH CAST(? AS TEXT) AS plan", os.fsencode(path))
            try:
                use_freely(catalogue.connection, "plan")
                self._write()
                yield
                catalogue.execute("CREATE TABLE plan.about AS SELECT ? AS is_utf8", catalogue.is_utf8)
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
        catalogue.connection.create_function("hash_of", 1, hash_bytes, deterministic=True)
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
        found: Counter[Any] = Counter()  # by combination, and by split where each image has its own
        key = self.split if self.is_by_ratio else "splits"
        wanted = {combination for combination, _, split in self.ways if split is not None}
        for which, image, size in self.catalogue.execute(
            f"SELECT {key}, image, image_size FROM named WHERE image IS NOT NULL ORDER BY number"
        ):
            if self.is_by_ratio or which in wanted:
                found[which] += self._size(image) if size is None else size
        if self.is_by_ratio:
            return found
        sizes: Counter[str] = Counter()
        for combination, _, split in self.ways:
            if split is not None:
                sizes[split] += found[combination]
        return sizes

    def _size(self, image: str) -> int:
        try:
            return self.source.storage.size(image)
        except SourceError:
            return 0  # an image that vanished is reported when it is read

    def issues(self) -> list[Issue]:
        """Splits by ratio that got no image, and images that should not have been parted."""
        if self.ratio is None:
            return []
        return [*self._empty(self.ratio), *self._parted(self.ratio)]

    def _parted(self, ratio: RatioSplit) -> list[Issue]:
        """Copies and frames of one picture, by their names, in different splits."""
        if self.options.group_by is not None or len(ratio.ratios) < 2:
            return []
        statement = "SELECT id FROM pair WHERE xml IS NOT NULL ORDER BY id LIMIT ?"
        ids = [one for (one,) in self.catalogue.execute(statement, _NAMES_COMPARED)]
        kind, families = find_families(ids) or ("", [])
        by_name = replace(ratio, joined={})
        parted = [family for family in families if len(set(map(by_name.assign, family))) > 1]
        if not parted:
            return []
        is_parted = any(len(set(map(ratio.assign, family))) > 1 for family in parted)
        where = "in different splits" if is_parted else "together only as long as their bytes are equal"
        regex = shortest_regex(kind, families, ids)
        advice = f"--group-by {shlex.quote(regex)} keeps them together" if regex else "see --group-by"
        message = (
            f"{sum(map(len, parted))} images are {kind} of {len(parted)} pictures by their names, "
            f"{where}, such as {printable(parted[0][0])} and {printable(parted[0][1])}: {advice}"
        )
        return [Issue("leak-between-splits", "warning", message, self.source.root)]

    def _empty(self, ratio: RatioSplit) -> list[Issue]:
        missing = [one for one, _ in ratio.ratios if self.before(one) == self.through(one)]
        if not missing or self.merged:
            return []
        groups = {ratio.group(one) for (one,) in self.catalogue.execute("SELECT id FROM pair")}
        (images,) = self.catalogue.execute("SELECT count(*) FROM pair").fetchone()
        told = f"{images} images are {len(groups)} group{'s' * (len(groups) != 1)}"
        message = f"{' and '.join(map(repr, missing))} got no image: {told}, which stay together"
        return [Issue.of("split-empty", message, self.source.root)]

    def left_out(self) -> tuple[int, int]:
        """How many images, with how many objects, no split takes. Their annotations are read."""
        left = "FROM named JOIN plan.way ON combination = splits WHERE split IS NULL"
        (images,) = self.catalogue.execute(f"SELECT count(*) {left}").fetchone()
        files = ((xml, size) for xml, size in self._annotations(left))
        with self.source.reading_ahead(files) as source:
            objects = sum(_count_objects(source, xml) for xml, _ in self._annotations(left))
        return int(images), objects

    def _annotations(self, rows: str) -> Iterator[tuple[str, int | None]]:
        yield from self.catalogue.execute(f"SELECT xml, xml_size {rows} AND xml IS NOT NULL ORDER BY number")


def _count_objects(source: Source, xml: str) -> int:
    try:
        annotation, _ = voc.inspect(source.read_bytes(xml), xml)
    except FaultyFileError:
        return 0
    return 0 if annotation is None else len(annotation.objects)


def hash_bytes(image_id: str) -> bytes:
    """64 bits that say where an image stands, as they are sorted."""
    return blake2b(image_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
