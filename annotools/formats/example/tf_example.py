"""Example records as tf.train.Example bytes and back, by the keys of schemas/tf_example.json.

The image is never joined to the rest: `encode` gives what stands before it and what stands after it.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import struct
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from annotools import schema
from annotools.errors import ImageError, RecordError
from annotools.formats.example import wire
from annotools.formats.example.features import Feature, read_features
from annotools.images import header as image_headers
from annotools.records import Example, Image

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap

_TABLE: Final = schema.load("tf_example.json")
_KEYS: Final[Mapping[str, Any]] = _TABLE["keys"]
_DIALECTS: Final[Mapping[str, Any]] = _TABLE["dialects"]
_KEY_OF: Final[Mapping[str, str]] = {row["field"]: key for key, row in _KEYS.items() if "field" in row}
_IMAGE_KEY: Final = _KEY_OF["encoded"]

# What `encode` writes is partly fields of the example as they are, partly worked out from them.
_STORED: Final = tuple(
    row["field"]
    for row in _KEYS.values()
    if row["written"] and row["field"] in Example.__match_args__ and row["field"] not in ("encoded", "sha256")
)
_COLUMNS: Final = (*_STORED, "sha256", "xmin", "ymin", "xmax", "ymax")
_WRITERS: Final = {
    key: (_COLUMNS.index(row["field"]), wire.entry_writer(key, row["kind"], row["length"]))
    for key, row in sorted(_KEYS.items())
    if row["written"] and key != _IMAGE_KEY
}
_BEFORE: Final = [writer for key, writer in _WRITERS.items() if key < _IMAGE_KEY]
_AFTER: Final = [writer for key, writer in _WRITERS.items() if key > _IMAGE_KEY]
_around_image: Final = wire.blob_writer(_IMAGE_KEY)
_stored: Final = attrgetter(*_STORED)

_PARALLEL: Final = ("labels", "names", "poses", "truncated", "difficult", "occluded")
_parallel: Final = attrgetter(*_PARALLEL)

_FORMATS: Final = {"jpg": "jpeg", "jpe": "jpeg"}


def encode(example: Example) -> tuple[bytes, bytes]:
    """(head, tail) such that head + example.encoded + tail is the serialised tf.train.Example.

    Deterministic, and byte for byte what `tf.train.Example(...).SerializeToString(deterministic=True)` gives
    for these features. Coordinates are divided by the size of the image in float64 and rounded to float32;
    for a box inside the image 0 <= min <= max <= 1 survives both. `sha256` is computed where it is missing.
    `id` and `channels` have no key: `decode` takes them from the file name and from the image.

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
        example.sha256 or _sha256(example.encoded),
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
    return _around_image(len(example.encoded), before, after)


def features(data: bytes) -> dict[str, list[Any]]:
    """Every key of a serialised tf.train.Example and its values: bytes, floats or ints.

    RecordError if it is none.
    """
    return {key: values for key, (_, values) in read_features(data).items()}


def decode(data: bytes, *, classes: ClassMap | None = None) -> Example:
    """The Example in a serialised tf.train.Example, whoever wrote it.

    Reads the keys of the TF Object Detection API, of balancap/SSD-Tensorflow and of tensorflow_datasets'
    Pascal VOC. Keys that are absent or empty: size, format and channels come from the header of the image,
    sha256 from its bytes; flags are 0; texts are ""; `id` is the file name without its extension, or
    source_id. Where there are either only labels or only names, `classes` gives the other ones; without it
    names are "". tensorflow_datasets counts classes from 0: its labels become the ids that `classes` has at
    these positions, without it position + 1.

    Coordinates are the stored float32 times the size of the image, in pixels. Of all numbers that are stored
    as the same float32 a whole one is preferred, so that whole pixels come back as they were; others are off
    by at most 2**-24 of the size of the image (0.00003 pixels for 500).

    RecordError for what is no tf.Example, for a value of the wrong kind, for lists of different lengths (it
    names the keys), for a coordinate that is not finite, and for a label that is not in `classes`.
    UnknownClassError for a name that is not in `classes`, where the label has to come from it.
    """
    found, label_base = _translate(read_features(data))
    encoded = _one(found, "encoded", b"")
    header = _header(encoded)
    width = _one(found, "width", header.width if header else 0)
    height = _one(found, "height", header.height if header else 0)
    if width < 1 or height < 1:
        raise RecordError(
            "the example neither gives the size of its image nor has an image that can be read",
            field=f"{_KEY_OF['width']}, {_KEY_OF['height']}",
            found=(width, height),
            expected="1 pixel or more",
        )
    form = _text(found, "format").lower().lstrip(".")
    filename, source_id = _text(found, "filename"), _text(found, "source_id")
    edges = [
        _pixels(_many(found, field), size, field)
        for field, size in (("xmin", width), ("ymin", height), ("xmax", width), ("ymax", height))
    ]
    count = _common_length(found, "xmin", "ymin", "xmax", "ymax")
    labels, names = _classes(found, count, label_base, classes)
    return Example(
        id=os.path.splitext(filename)[0] or source_id,
        filename=filename,
        source_id=source_id,
        width=width,
        height=height,
        format=_FORMATS.get(form, form) or (header.format if header else ""),
        channels=_one(
            found, "channels", header.channels if header else _KEYS[_KEY_OF["channels"]]["default"]
        ),
        encoded=encoded,
        sha256=_text(found, "sha256") or _sha256(encoded),
        boxes=tuple(zip(*edges, strict=True)),
        labels=labels,
        names=names,
        poses=_texts(found, "poses") or ("",) * count,
        **{
            flag: tuple(_many(found, flag)) or (0,) * count for flag in ("truncated", "difficult", "occluded")
        },
    )


def _translate(found: dict[str, Feature]) -> tuple[dict[str, Feature], int]:
    """(features by the keys of the TF Object Detection API, the id of the first class)."""
    if _KEY_OF["labels"] not in found:
        for dialect in _DIALECTS.values():
            if dialect["marker"] in found:
                return _from_dialect(found, dialect), dialect["label_base"]
    return found, _TABLE["label_base"]


def _from_dialect(found: dict[str, Feature], dialect: Mapping[str, Any]) -> dict[str, Feature]:
    translated: dict[str, Feature] = {}
    for key, row in dialect["keys"].items():
        kind, values = found.get(key, (None, ()))
        if kind is None or not values:
            continue
        if kind != row["kind"]:
            raise RecordError("a value of the wrong kind", field=key, found=kind, expected=row["kind"])
        if "values" in row:
            kind, values = "bytes", [_term(index, key, row["values"]) for index in values]
        if "same_as" in row:
            translated[row["same_as"]] = kind, values
        targets = row.get("interleaves", ())
        if targets and len(values) % len(targets):
            raise RecordError(
                "a list is cut", field=key, found=f"{len(values)} values", expected=f"{len(targets)} each"
            )
        for index, target in enumerate(targets):
            translated.setdefault(target, (kind, values[index :: len(targets)]))
    return translated


def _term(index: Any, key: str, terms: Sequence[str]) -> bytes:
    """VOC writes Frontal, Rear, Left, Right and Unspecified with a capital."""
    if not 0 <= index < len(terms):
        raise RecordError("no such value", field=key, found=index, expected=f"0 to {len(terms) - 1}")
    term: str = terms[index]
    return term.capitalize().encode()


def _many(found: Mapping[str, Feature], field: str) -> Sequence[Any]:
    key = _KEY_OF[field]
    kind, values = found.get(key, (None, ()))
    if kind is not None and values and kind != _KEYS[key]["kind"]:
        raise RecordError("a value of the wrong kind", field=key, found=kind, expected=_KEYS[key]["kind"])
    return values


def _one(found: Mapping[str, Feature], field: str, default: Any) -> Any:
    values = _many(found, field)
    if len(values) > 1:
        raise RecordError(
            "more than one value", field=_KEY_OF[field], found=f"{len(values)} values", expected="1"
        )
    return values[0] if values else default


def _text(found: Mapping[str, Feature], field: str) -> str:
    return _decoded(_one(found, field, b""), field)


def _texts(found: Mapping[str, Feature], field: str) -> tuple[str, ...]:
    return tuple([_decoded(text, field) for text in _many(found, field)])


def _decoded(text: bytes, field: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise RecordError("a text is not UTF-8", field=_KEY_OF[field], found=text) from None


def _common_length(found: Mapping[str, Feature], *fields: str) -> int:
    """The number of boxes; every list of the same objects has as many values, or none at all."""
    lengths = {_KEY_OF[field]: len(_many(found, field)) for field in fields}
    optional = {_KEY_OF[field]: len(_many(found, field)) for field in _PARALLEL}
    count = lengths[_KEY_OF["xmin"]]
    odd = {
        key: n for key, n in (lengths | {key: n for key, n in optional.items() if n}).items() if n != count
    }
    if odd:
        raise RecordError(
            "lists of the same objects differ in length",
            field=", ".join(odd),
            found=", ".join(map(str, odd.values())),
            expected=f"{count}, as {_KEY_OF['xmin']} has",
        )
    return count


def _classes(
    found: Mapping[str, Feature], count: int, label_base: int, classes: ClassMap | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    labels = tuple(_many(found, "labels"))
    names = _texts(found, "names")
    if not count:
        return (), ()
    if not labels:
        if classes is None or not names:
            raise RecordError(
                "the objects have no class", field=_KEY_OF["labels"], found="none", expected="a label each"
            )
        labels = tuple([classes.id(name) for name in names])
    elif label_base == 0:
        labels = _ids_of_positions(labels, classes)
    if not names:
        by_label = _names_by_label(classes) if classes is not None else {}
        names = tuple([by_label.get(label, "") for label in labels])
    return labels, names


def _ids_of_positions(positions: tuple[int, ...], classes: ClassMap | None) -> tuple[int, ...]:
    if classes is None:
        return tuple([position + 1 for position in positions])
    ids = tuple(_names_by_label(classes))
    if not all(0 <= position < len(ids) for position in positions):
        raise RecordError(
            "a label without a class",
            field=_KEY_OF["labels"],
            found=positions,
            expected=f"0 to {len(ids) - 1}",
        )
    return tuple([ids[position] for position in positions])


@functools.lru_cache(4)
def _names_by_label(classes: ClassMap) -> Mapping[int, str]:
    return {label: name for name, label in classes.ids.items()}


def _pixels(fractions: Sequence[float], size: int, field: str) -> Sequence[float]:
    if not all(map(math.isfinite, fractions)):
        raise RecordError("a box is not finite", field=_KEY_OF[field], found=list(fractions))
    pixels = [fraction * size for fraction in fractions]
    whole = [float(round(pixel)) for pixel in pixels]
    layout = f"<{len(whole)}f"
    as_stored = struct.unpack(layout, struct.pack(layout, *[pixel / size for pixel in whole]))
    if as_stored == tuple(fractions):
        return whole
    return [w if s == f else p for f, p, w, s in zip(fractions, pixels, whole, as_stored, strict=True)]


def _header(encoded: bytes) -> Image | None:
    try:
        return image_headers.read_header(encoded) if encoded else None
    except ImageError:
        return None


def _sha256(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest() if encoded else ""
