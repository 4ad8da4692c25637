"""The pickle that ssd_keras and its descendants train from.

A dict: image file name -> float64 array (n, 4 + C) in C order, one row for each object: xmin and xmax divided
by the image width, ymin and ymax by its height, then a one-hot vector of C classes without a background. An
image without objects has an array (0, 4 + C). (rykov8/ssd_keras: PASCAL_VOC/get_data_from_XML.py and the
docstring of BBoxUtility.assign_boxes; its model has C + 1 classes.)

The arrays are written as NumPy 1 writes them in protocol 2, so that any stack since Python 2 loads the file
with `pickle.load`. NumPy 2 itself would name numpy._core, which NumPy before 1.26 lacks (numpy#28340).
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from annotools.classes.class_map import ClassMap
from annotools.errors import ClassMapError, PickleError, SourceError
from annotools.files.whole import whole_file
from annotools.formats.entry import Entry, Finding
from annotools.formats.pickling import reader as pickle_reader
from annotools.formats.pickling.writer import HEADER, integer, text
from annotools.issues import DataError
from annotools.records import Example

Array = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def _put(index: int) -> bytes:
    return pickle.BINPUT + struct.pack("<B", index)


def _get(index: int) -> bytes:
    return pickle.BINGET + struct.pack("<B", index)


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


# What all arrays share, pushed once at the start of the file and fetched from the memo later.
_ENCODE, _LATIN1, _RECONSTRUCT, _EMPTY, _FLOAT64 = range(5)
_SHARED = [
    # _codecs.encode(text, "latin1") is how Python 3 puts bytes into protocol 2; Python 2 makes a str of it.
    _global("_codecs", "encode"),
    text("latin1"),
    # _reconstruct(ndarray, (0,), b"b") is an empty array, which BUILD gives shape, type and content.
    _global("numpy.core.multiarray", "_reconstruct"),
    _global("numpy", "ndarray")
    + (integer(0) + pickle.TUPLE1)
    + (_get(_ENCODE) + text("b") + _get(_LATIN1) + pickle.TUPLE2 + pickle.REDUCE)
    + pickle.TUPLE3,
    # dtype("f8", False, True) with the state (version, byte order, and five fields for structured types).
    _global("numpy", "dtype")
    + (text("f8") + integer(0) + integer(1) + pickle.TUPLE3 + pickle.REDUCE)
    + (pickle.MARK + integer(3) + text("<") + pickle.NONE * 3 + integer(-1) * 2 + integer(0) + pickle.TUPLE)
    + pickle.BUILD,
]
_START = (
    HEADER
    + b"".join(part + _put(index) + pickle.POP for index, part in enumerate(_SHARED))
    + pickle.EMPTY_DICT
)


def shard_name(split: str, index: int, count: int) -> str:
    """`train.pkl`: a split is one file."""
    return f"{split}.pkl"


def classes_path(path: str | os.PathLike[str]) -> Path:
    """Where the class names lie, one a line in the order of the one-hot columns: `<stem>.classes.txt`."""
    return Path(path).with_name(f"{Path(path).stem}.classes.txt")


def write_sidecars(
    folder: Path, splits: Mapping[str, Sequence[tuple[str, int, int]]], classes: ClassMap
) -> None:
    """Write the class names of each file. Ids, which may have gaps, are in the label map."""
    for files in splits.values():
        for file, _, _ in files:
            beside = folder / classes_path(file).name
            beside.write_text(classes.to_txt(), encoding="utf-8", newline="\n")


def write(examples: Iterable[Example], path: str | os.PathLike[str], *, classes: ClassMap) -> int:
    """Write examples as they come, and return how many. Boxes are float64 pixels / image size.

    The one-hot columns are in the order of `classes`. Raises DataError for two images of one name and for an
    image without size, ClassMapError for a label that is not in `classes`, and OutputError; then there is no
    file.
    """
    columns = {id: column for column, id in enumerate(classes.ids.values())}
    names = set()
    with whole_file(path) as file:
        file.write(_START)
        for example in examples:
            if example.filename in names:
                raise DataError(
                    "two images have the same file name, which is the key of this format",
                    path=example.filename,
                )
            names.add(example.filename)
            file.write(text(example.filename) + _array_opcodes(_rows(example, columns)) + pickle.SETITEM)
        file.write(pickle.STOP)
    return len(names)


def _rows(example: Example, columns: dict[int, int]) -> Array:
    width, height = example.width, example.height
    if width < 1 or height < 1:
        raise DataError("an image without size", path=example.filename, found=(width, height))
    rows = np.zeros((len(example.boxes), 4 + len(columns)))
    for row, box, label in zip(rows, example.boxes, example.labels, strict=True):
        if label not in columns:
            raise ClassMapError("a label that is not in the class map", path=example.filename, found=label)
        row[:4] = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        row[4 + columns[label]] = 1
    return rows


def _array_opcodes(rows: Array) -> bytes:
    content = rows.astype("<f8").tobytes().decode("latin-1")
    return b"".join(
        [
            _get(_RECONSTRUCT) + _get(_EMPTY) + pickle.REDUCE + pickle.MARK + integer(1),
            integer(rows.shape[0]) + integer(rows.shape[1]) + pickle.TUPLE2,
            _get(_FLOAT64) + pickle.NEWFALSE,
            _get(_ENCODE) + text(content) + _get(_LATIN1) + pickle.TUPLE2 + pickle.REDUCE,
            pickle.TUPLE + pickle.BUILD,
        ]
    )


def read(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays by key, in file order: float64 (n, 4 + C), C the same in all of them.

    Reads what `write` and ssd_keras's own script write: keys may be the names of images or of XML files, and
    an array of shape (0,) stands for an image without objects, here (0, 4 + C) like the others. Nothing of
    the file is executed (pickling/reader.py). Raises PickleError, with the key as `field`, where shapes
    contradict each other, a number is not finite or a row does not have exactly one class; SourceError where
    the file cannot be read.
    """
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:
            content = pickle_reader.load(file, path=where)
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=where) from error
    if not isinstance(content, dict):
        raise PickleError("not a dict", path=where, found=content, expected="a dict of arrays")
    known: tuple[str, int] | None = None  # the first key whose array tells the number of columns
    arrays = {}
    for key, value in content.items():
        if not isinstance(key, str):
            raise PickleError("a key that is not text", path=where, found=key, expected="a file name")
        arrays[key] = _checked(value, key, where)
        columns = arrays[key].shape[1]
        if columns == 0:
            continue
        if known is None:
            known = key, columns
        if columns != known[1]:
            raise PickleError(
                "not as many columns as the other arrays",
                path=where,
                field=key,
                found=columns,
                expected=f"{known[1]} as for {known[0]!r}",
            )
    width = 4 if known is None else known[1]
    return {key: rows if rows.shape[1] else np.zeros((0, width)) for key, rows in arrays.items()}


def stored_classes(path: str | os.PathLike[str]) -> None:
    """The file has no names of classes."""


def entries(path: str | os.PathLike[str], classes: Mapping[str, int], *, upright: bool) -> Iterator[Entry]:
    """The images of a file for `verify`; errors as for `read`."""
    names = sorted(classes, key=classes.__getitem__)
    for key, rows in read(path).items():
        says = partial(_said, rows)
        if len(rows) and rows.shape[1] != 4 + len(names):
            message = "not one column for each class"
            wrong = Finding("label", key, message, rows.shape[1], 4 + len(names))
            yield Entry(key, says, names=None, findings=[wrong])
            continue
        boxes: list[Any] = [tuple(row) for row in rows[:, :4].tolist()]
        found = [names[column] for column in rows[:, 4:].argmax(axis=1)] if len(rows) else []
        yield Entry(key, says, boxes=boxes, names=found, field=key)


def entry_of(example: Example, classes: Mapping[str, int], *, upright: bool) -> Entry:
    """The same for one image that has yet to be written."""
    columns = {number: column for column, number in enumerate(sorted(classes.values()))}
    return Entry(example.filename, partial(_said, _rows(example, columns)))


def _said(rows: Array) -> dict[str, Any]:
    return {"rows": rows.tolist()}


def _checked(value: Any, key: str, path: str) -> Array:
    """The array of one key as float64, (0, 0) where its number of columns cannot be known."""

    def error(message: str, found: object, expected: str) -> PickleError:
        return PickleError(message, path=path, field=key, found=found, expected=expected)

    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise error("not an array of numbers", getattr(value, "dtype", value), "float64")
    if value.shape == (0,):
        return np.zeros((0, 0))
    if value.ndim != 2 or value.shape[1] < 4:
        raise error("an array of the wrong shape", value.shape, "(n, 4 + classes)")
    rows: Array = np.ascontiguousarray(value, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise error("a number that is not finite", rows[~np.isfinite(rows)][0], "a finite number")
    one_hot = rows[:, 4:]
    wrong = ~(((one_hot == 0) | (one_hot == 1)).all(axis=1) & (one_hot.sum(axis=1) == 1))
    if wrong.any():
        row = int(wrong.argmax())
        # ssd_keras's own script leaves a row of zeros where it does not know the class.
        raise error(
            f"row {row} does not have exactly one class", one_hot[row].tolist(), "a single 1 among zeros"
        )
    return rows
