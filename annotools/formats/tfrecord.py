"""TFRecord shards of tf.train.Examples, written and read without TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.errors import OptionError, OutputError, RecordError
from annotools.files.whole import whole
from annotools.formats.example import tf_example
from annotools.formats.example.framing import read_records, scan
from annotools.formats.example.framing_writer import Writer
from annotools.formats.example.random_access import Records, classes_beside
from annotools.formats.example.shards import (
    EXTENSIONS,
    StrPath,
    are_shards,
    files_of,
    is_shard_name,
    shard_name,
    shards,
)
from annotools.records import Example

__all__ = [
    "EXTENSIONS",
    "Records",
    "Writer",
    "are_shards",
    "is_shard_name",
    "read",
    "read_records",
    "scan",
    "shard_name",
    "shards",
    "write",
]


def encode(example: Example, classes: ClassMap) -> tuple[bytes, bytes]:
    """(head, tail) such that head + example.encoded + tail is the record. RecordError."""
    return tf_example.encode(example)


def read(
    path: StrPath | Sequence[StrPath], *, split: str | None = None, classes: ClassMap | None = None
) -> Iterator[Example]:
    """The Examples in TFRecord shards, in the order of the files; one is in memory at a time.

    path      as for `shards`
    split     only the sets of this name, or whose name ends in it (`train` finds `voc_2007_train`)
    classes   for files that have only ids or only names; a folder of tensorflow_datasets brings its own

    RecordError, with file and offset, for damage and for missing shards; SourceError for a split that does
    not exist.
    """
    return _read_files(files_of(path, split), classes)


def _read_files(files: Sequence[str], classes: ClassMap | None) -> Iterator[Example]:
    for file in files:
        known = classes or classes_beside(file)
        for offset, data in scan(file):
            try:
                yield tf_example.decode(data, classes=known)
            except RecordError as error:
                error.path, error.offset = file, offset
                raise


def write(
    examples: Iterable[Example],
    path: StrPath,
    *,
    split: str = "train",
    shards: int = 1,
    encode: Callable[[Example], tuple[bytes, bytes]] = tf_example.encode,
) -> int:
    """Write the shards of one split into the folder `path`, and return the number of records.

    Every shard holds a run of successive examples, as even as can be; for more than one `examples` must be a
    sequence. A shard appears under its name when it is complete, in place of an earlier one.
    OptionError for an impossible number of shards, OutputError when something cannot be written.
    """
    if shards < 1 or (shards > 1 and not isinstance(examples, Sequence)):
        raise OptionError(
            "cannot be divided into shards",
            field="shards",
            found=shards,
            expected="1, or more for a sequence",
        )
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shards == 1:
            return _write_shard(examples, folder / shard_name(split, 0, 1), encode)
        assert isinstance(examples, Sequence)
        limits = [round(len(examples) * index / shards) for index in range(shards + 1)]
        return sum(
            _write_shard(
                itertools.islice(examples, limits[index], limits[index + 1]),
                folder / shard_name(split, index, shards),
                encode,
            )
            for index in range(shards)
        )
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", path=str(folder)) from error


def _write_shard(
    examples: Iterable[Example], path: Path, encode: Callable[[Example], tuple[bytes, bytes]]
) -> int:
    with whole(path) as unfinished, Writer(unfinished, digest=False) as writer:
        for example in examples:
            head, tail = encode(example)
            writer.write(head, example.encoded, tail)
    return writer.records
