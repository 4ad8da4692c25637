"""Which files are the shards of a split: their names, and whether they are complete.

Names of shards that are understood, with any of the extensions in `EXTENSIONS` (TensorFlow knows none):

    train-00000-of-00004.tfrecord           annotools; the COCO script of the TF Object Detection API
    coco_train.record-00000-of-00004        the API's other scripts; also without .record
    voc-train.tfrecord-00000-of-00004       tensorflow_datasets
    voc_2007_train_000.tfrecord             balancap/SSD-Tensorflow
    train.tfrecord                          one file by itself
"""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from annotools.errors import RecordError, SourceError
from annotools.files import reading
from annotools.files.urls import is_url

EXTENSIONS: Final = ("tfrecord", "tfrecords", "tfrec", "record", "records")

StrPath = str | os.PathLike[str]

_EXTENSION: Final = rf"\.(?:{'|'.join(EXTENSIONS)})(?:\.gz)?"
_STYLES: Final = (
    r"(?P<dataset>\w+)-(?P<base>[\w-]+)\.tfrecord-(?P<index>\d{5,})-of-(?P<count>\d{5,})",
    rf"(?P<base>.+?)(?:{_EXTENSION})?-(?P<index>\d{{5,}})-of-(?P<count>\d{{5,}})(?:{_EXTENSION})?",
    rf"(?P<base>.+)_(?P<index>\d{{3}}){_EXTENSION}",
    rf"(?P<base>.+){_EXTENSION}",
)

_PLAIN: Final = -1
_UNTOLD: Final = 0
_NAMED_MISSING: Final = 5


@dataclass(frozen=True, slots=True, order=True)
class _Shard:
    """What the name of a shard says. count: how many there are, or _UNTOLD, or _PLAIN for one by itself."""

    base: str
    count: int
    index: int
    file: str


def shard_name(split: str, index: int, count: int) -> str:
    """`train-00000-of-00004.tfrecord`."""
    return f"{split}-{index:05}-of-{count:05}.tfrecord"


@functools.cache
def _styles() -> tuple[re.Pattern[str], ...]:
    """The patterns of names, compiled when names are read: a conversion only writes them."""
    return tuple(map(re.compile, _STYLES))


def is_shard_name(name: str) -> bool:
    """Whether a file of this name (without folder) is taken for a shard."""
    return not name.startswith(".") and any(style.fullmatch(name) for style in _styles())


def are_shards(path: str) -> bool:
    """Whether `path` is a shard, a pattern of shards, or a folder that holds some."""
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            return any(entry.is_file() and is_shard_name(entry.name) for entry in entries)
    return is_shard_name(_last_name(path))


def shards(path: StrPath | Sequence[StrPath]) -> list[tuple[str, list[str]]]:
    """(split, files in order) of each set of shards, sorted by split.

    path   a folder, one file, a glob pattern, or a list of these; a folder or a file may be a URL (`s3://`).
           Of a folder and of a pattern, every set must be complete; a file is taken as it is.

    The split is what stands in front of the number: the whole of it, for it may be anything.
    RecordError names the shards that are missing; SourceError if there is none at all.
    """
    found: dict[str, list[str]] = {}
    for one in [path] if isinstance(path, (str, os.PathLike)) else path:
        for split, files in _shards_of(os.fspath(one)):
            found.setdefault(split, []).extend(files)
    return sorted(found.items())


def _shards_of(path: str) -> list[tuple[str, list[str]]]:
    try:
        if reading.size_of(path) is not None:
            return [(_parse(path).base, [path])]
        if is_url(path) or os.path.isdir(path):
            files = [file for file in reading.files_in(path) if is_shard_name(_last_name(file))]
        else:
            import glob

            files = [file for file in glob.glob(path) if os.path.isfile(file)]
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", path=path) from error
    if not files:
        raise SourceError("no TFRecord file", path=path, expected=f"x.{EXTENSIONS[0]} or x-00000-of-00001")
    splits: dict[str, list[str]] = {}
    for (base, count), members in _sets(map(_parse, files)).items():
        if base in splits:
            raise RecordError(
                "two sets of shards have the same name, so it cannot be known which one is meant",
                path=path,
                field=base,
                found=[_last_name(file) for file in (splits[base][0], members[0].file)],
                expected="one",
            )
        _check_complete(members, count, path)
        splits[base] = [member.file for member in members]
    return list(splits.items())


def _last_name(file: str) -> str:
    return file.rpartition("/")[2] if is_url(file) else os.path.basename(file)


def _parse(file: str) -> _Shard:
    name = _last_name(file)
    for style in _styles():
        if match := style.fullmatch(name):
            parts = match.groupdict()
            if "count" in parts:
                return _Shard(parts["base"], int(parts["count"]), int(parts["index"]), file)
            if "index" in parts:
                return _Shard(parts["base"], _UNTOLD, int(parts["index"]), file)
            return _Shard(parts["base"], _PLAIN, 0, file)
    return _Shard(os.path.splitext(name)[0], _PLAIN, 0, file)


def _sets(parsed: Iterable[_Shard]) -> dict[tuple[str, int], list[_Shard]]:
    """Shards by set, each set in order of the index. Numbers that do not begin at 000 count no shards."""
    sets: dict[tuple[str, int], list[_Shard]] = {}
    for shard in sorted(parsed):
        sets.setdefault((shard.base, shard.count), []).append(shard)
    for (base, count), members in list(sets.items()):
        if count == _UNTOLD and members[0].index != 0:
            del sets[base, count]
            for shard in members:
                plain = _Shard(f"{base}_{shard.index:03}", _PLAIN, 0, shard.file)
                sets[plain.base, _PLAIN] = [plain]
    return sets


def _check_complete(members: Sequence[_Shard], count: int, path: str) -> None:
    indices = [member.index for member in members]
    present = set(indices)
    expected = max(indices) + 1 if count <= 0 else count
    if len(indices) != len(present) or max(indices) >= expected:
        raise RecordError(
            "these shards are no set",
            path=path,
            found=[_last_name(member.file) for member in members],
            expected=f"each number from 0 to {expected - 1} once",
        )
    if len(indices) != expected:
        missing = (index for index in range(expected) if index not in present)
        names = [_renumbered(members[0], index) for index in itertools.islice(missing, _NAMED_MISSING)]
        more = expected - len(present) - len(names)
        raise RecordError(
            f"shards are missing: {', '.join(names)}" + (f" and {more} more" if more else ""),
            path=path,
            found=f"{len(present)} files",
            expected=f"{expected} files",
        )


def _renumbered(shard: _Shard, index: int) -> str:
    name = _last_name(shard.file)
    if shard.count == _UNTOLD:
        return name.replace(f"_{shard.index:03}.", f"_{index:03}.")
    return re.sub(r"-\d+-of-", f"-{index:05}-of-", name)


def files_of(path: StrPath | Sequence[StrPath], split: str | None = None) -> list[str]:
    """The files of a split, in order; of all splits without one.

    split   only the sets of this name, or whose name ends in it (`train` finds `voc_2007_train`)

    Raises what `shards` raises, and SourceError for a split that does not exist.
    """
    sets = shards(path)
    chosen = [files for name, files in sets if split is None or name == split]
    chosen = chosen or [files for name, files in sets if re.split(r"[-_.]", name)[-1] == split]
    if not chosen:
        known = ", ".join(name for name, _ in sets)
        raise SourceError("no such split", path=str(path), field="split", found=split, expected=known)
    return [file for files in chosen for file in files]
