"""Example records as tf.train.Example bytes and back, by the keys of schemas/tf_example.json.

The image is never joined to the rest: `encode` gives what stands before it and what stands after it.
"""

from __future__ import annotations

import functools
import hashlib
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from annotools import images, protobuf, schema
from annotools.errors import ImageError, RecordError
from annotools.records import Example

if TYPE_CHECKING:
    from annotools.classes import ClassMap

_TABLE: Final = schema.load("tf_example.json")
_KEYS: Final[Mapping[str, Any]] = _TABLE["keys"]
_KEY_OF: Final[Mapping[str, str]] = {row["field"]: key for key, row in _KEYS.items() if "field" in row}

# What `encode` writes comes from two places: fields of the example, and numbers worked out from them.
_STORED: Final = tuple(
    field for field in _KEY_OF if field in Example.__slots__ and field not in ("encoded", "sha256")
)
_COLUMNS: Final = (*_STORED, "sha256", "xmin", "ymin", "xmax", "ymax")
_stored: Final = attrgetter(*_STORED)
_PARALLEL: Final = ("labels", "names", "poses", "truncated", "difficult", "occluded")
_parallel: Final = attrgetter(*_PARALLEL)
_IMAGE_KEY: Final = _KEY_OF["encoded"]
_WRITERS: Final = {
    key: (_COLUMNS.index(row["field"]), protobuf.entry_writer(key, row["kind"], row["length"]))
    for key, row in sorted(_KEYS.items())
    if row["written"] and key != _IMAGE_KEY
}
_BEFORE: Final = [writer for key, writer in _WRITERS.items() if key < _IMAGE_KEY]
_AFTER: Final = [writer for key, writer in _WRITERS.items() if key > _IMAGE_KEY]


def encode(example: Example) -> tuple[bytes, bytes]:
    """(head, tail) such that head + example.encoded + tail is the serialised tf.train.Example.

    Deterministic, and byte for byte what `tf.train.Example(...).SerializeToString(deterministic=True)` gives
    for these features. Coordinates are divided by the size of the image in float64 and rounded to float32;
    for a box inside the image 0 <= min <= max <= 1 survives both. `sha256` is computed where it is missing.
    `id` and `channels` have no key of their own: `decode` takes them from the file name and the image.

    RecordError for an example that cannot be written: no size, parallel tuples of different lengths, a
    coordinate beyond float32, a text with lone surrogates.
    """
    boxes, width, height = example.boxes, example.width, example.height
    if width < 1 or height < 1:
        raise RecordError(
            "the image has no size", path=example.filename, found=(width, height), expected="1 pixel or more"
        )
    count = len(boxes)
    for values in _parallel(example):
        if len(values) != count:
            lengths = {"boxes": count} | {name: len(getattr(example, name)) for name in _PARALLEL}
            raise RecordError("an example's tuples differ in length", path=example.filename, found=lengths)
    columns = (
        *_stored(example),
        example.sha256 or (hashlib.sha256(example.encoded).hexdigest() if example.encoded else ""),
        [box[0] / width for box in boxes],
        [box[1] / height for box in boxes],
        [box[2] / width for box in boxes],
        [box[3] / height for box in boxes],
    )
    try:
        before = b"".join([write(columns[column]) for column, write in _BEFORE])
        after = b"".join([write(columns[column]) for column, write in _AFTER])
    except (OverflowError, UnicodeEncodeError) as error:
        raise RecordError(f"cannot be written as a tf.Example: {error}", path=example.filename) from None
    return protobuf.around(_IMAGE_KEY, len(example.encoded), before, after)
