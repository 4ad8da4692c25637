"""Records by number, without TensorFlow: what the data loaders of PyTorch, Grain and others ask for."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import SupportsIndex, overload

from annotools.classes.class_map import ClassMap
from annotools.errors import RecordError, SourceError
from annotools.files import reading
from annotools.files.urls import is_url
from annotools.formats.example import tf_example
from annotools.formats.example.framing import record_in
from annotools.formats.example.shards import StrPath, files_of
from annotools.records import Example


class Records(Sequence[Example]):
    """The Examples of TFRecord shards as a sequence: `len(r)`, `r[i]`, and slices, which are Records again.

    source    as for `read`: an output of `convert`, a folder, a file, a pattern or a list of them; also a URL
              (`s3://`, ...; extra `remote`) of a folder or a file
    split     only the sets of this name, or whose name ends in it; None: all records, in order of the splits
    classes   for files that have only ids or only names; a local folder of tensorflow_datasets brings its own

    The index beside a shard tells where its records start; without one the shard is read through once. An
    Example is read when it is asked for, by one request, and its checksums are verified. No file stays open:
    Records are small when they are pickled (8 bytes a record), and safe in threads and after a fork.

    Raises RecordError for damage, for missing and for compressed shards, SourceError for what cannot be read
    and for a split that does not exist, IndexError.
    """

    def __init__(
        self,
        source: StrPath | Sequence[StrPath],
        split: str | None = None,
        *,
        classes: ClassMap | None = None,
    ) -> None:
        from annotools.formats.example.record_index import RecordIndex  # needs NumPy; convert does not

        files = files_of(source, split)
        self._index = RecordIndex.of(files)
        self._sizes = [_size(file) for file in files]
        beside = functools.cache(_classes_in)
        self._classes = [classes or beside(_folder_of(file)) for file in files]
        self._numbers = range(len(self._index))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> Records: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Example | Records:
        if isinstance(index, slice):
            some = copy.copy(self)
            some._numbers = self._numbers[index]
            return some
        try:
            number = self._numbers[index]
        except IndexError:
            raise IndexError(f"no record {index}, there are {len(self)}") from None
        return self._read(number)

    def __repr__(self) -> str:
        return f"Records({len(self)} records in {len(self._sizes)} files)"

    def _read(self, number: int) -> Example:
        index = self._index
        place = int(index.starts.searchsorted(number, side="right")) - 1
        is_last = number + 1 == index.starts[place + 1]
        file, start = index.files[place], int(index.offsets[number])
        end = self._sizes[place] if is_last else int(index.offsets[number + 1])
        try:
            data = record_in(reading.read_range(file, start, end))
            return tf_example.decode(data, classes=self._classes[place])
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror or error}", path=file) from error
        except RecordError as error:
            error.path, error.offset = file, start
            raise


def _size(file: str) -> int:
    try:
        return reading.size_of(file) or 0
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", path=file) from error


def classes_beside(file: str) -> ClassMap | None:
    """The class names of a tensorflow_datasets folder, which has none in its records."""
    return _classes_in(_folder_of(file))


def _folder_of(file: str) -> Path | None:
    return None if is_url(file) else Path(file).parent


def _classes_in(folder: Path | None) -> ClassMap | None:
    if folder is None or not (folder / "objects-label.labels.txt").is_file():
        return None
    label_map = folder / "label_map.pbtxt"  # ours, whose ids may have gaps
    return ClassMap.from_file(label_map if label_map.is_file() else folder / "objects-label.labels.txt")
