"""Is an image in an output twice? Found by a hash of 8 bytes for each record, named by a second look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from annotools.conversion.manifest import Manifest
from annotools.verification.faults import Faults, Where
from annotools.verification.report import ShardReport

_FEW: Final = 100_000  # keys; below, importing NumPy would take longer than counting


Names = Callable[[str], Iterator[tuple[int, int | None, str]]]
"""From the name of a file to (record, offset, name of the image) of what can be read of it."""


def check_repeats(manifest: Manifest, reports: Sequence[ShardReport], names: Names, faults: Faults) -> None:
    """No image twice in a split. Lists of a source may overlap; a ratio split has each image once in all."""
    by_file = {report.file: report for report in reports}
    splits = [[by_file[shard.file] for shard in split.shards] for split in manifest.splits.values()]
    if "=" in (manifest.options.split or ""):
        splits = [[report for split in splits for report in split]]
    for split in splits:
        repeated = _repeated(split)
        # the shards with repeated keys are read again, for the names and places
        _name_repeats(
            [report.file for report in split if not repeated.isdisjoint(report.keys)], names, faults
        )


def _repeated(reports: Sequence[ShardReport]) -> set[int]:
    if sum(len(report.keys) for report in reports) <= _FEW:
        counts = Counter(chain.from_iterable(report.keys for report in reports))
        return {key for key, count in counts.items() if count > 1}
    import numpy as np

    keys = np.concatenate([np.empty(0, np.uint64), *(np.frombuffer(r.keys, np.uint64) for r in reports)])
    keys.sort()
    return set(keys[1:][keys[1:] == keys[:-1]].tolist())


def _name_repeats(files: Sequence[str], names: Names, faults: Faults) -> None:
    first: dict[str, str] = {}
    for file in files:
        for number, offset, name in names(file):
            if name in first:
                message = f"the same image is {first[name]}"
                faults.add("id-repeated", message, Where(file, number, offset), found=name)
            else:
                first[name] = f"record {number} of {file}"
