"""Is an image in an output twice? Found by a hash of 8 bytes for each record, named by a second look."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from annotools.conversion.manifest import Manifest
from annotools.conversion.output_formats import FORMATS
from annotools.errors import RecordError
from annotools.verification.faults import Faults
from annotools.verification.pieces import pieces
from annotools.verification.shard import ShardReport, numbered, read_index

_FEW: Final = 100_000  # keys; below, importing NumPy would take longer than counting


def check_repeats(folder: Path, manifest: Manifest, reports: Sequence[ShardReport], faults: Faults) -> None:
    """No image twice in a split. Lists of a source may overlap; a ratio split has each image once in all."""
    by_file = {report.file: report for report in reports}
    splits = [[by_file[shard.file] for shard in split.shards] for split in manifest.splits.values()]
    if "=" in (manifest.options.split or ""):
        splits = [[report for split in splits for report in split]]
    for split in splits:
        repeated = _repeated(split)
        if repeated:
            _name_repeats(folder, manifest.to, split, repeated, faults)


def _repeated(reports: Sequence[ShardReport]) -> set[int]:
    if sum(len(report.keys) for report in reports) <= _FEW:
        counts = Counter(chain.from_iterable(report.keys for report in reports))
        return {key for key, count in counts.items() if count > 1}
    import numpy as np

    keys = np.concatenate([np.empty(0, np.uint64), *(np.frombuffer(r.keys, np.uint64) for r in reports)])
    keys.sort()
    return set(keys[1:][keys[1:] == keys[:-1]].tolist())


def _name_repeats(
    folder: Path, to: str, reports: Sequence[ShardReport], repeated: set[int], faults: Faults
) -> None:
    """Read the shards with repeated keys again, for the names and places."""
    first: dict[str, str] = {}
    for report in reports:
        if repeated.isdisjoint(report.keys):
            continue
        for number, offset, name in _names_in(folder / report.file, to, report):
            where = f"record {number} of {report.file}"
            if name not in first:
                first[name] = where
                continue
            faults.add(
                "id-repeated",
                f"the same image is {first[name]}",
                file=report.file,
                record=number,
                offset=offset,
                found=name,
            )


def _names_in(path: Path, to: str, report: ShardReport) -> Iterator[tuple[int, int | None, str]]:
    """(record, offset, name of the image) of each readable record."""
    if FORMATS[to].dialect is None:
        from annotools.formats import pkl

        if FORMATS[to].holds == "annotation":  # examples are the values of a dict, which repeats no key
            for number, annotation in enumerate(pkl.read(path)):
                yield number, None, f"{annotation.xml_path}"
        return
    from annotools.formats.example.features import read_features

    with contextlib.suppress(OSError), open(path, "rb") as file:
        for number, piece in numbered(pieces(file, report.bytes), read_index(path, report.bytes)):
            if piece.data is not None:
                with contextlib.suppress(ValueError, KeyError, IndexError, AttributeError, RecordError):
                    yield number, piece.offset, read_features(piece.data)["image/filename"][1][0].decode()
