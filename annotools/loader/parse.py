"""One serialised tf.train.Example to a Sample, inside a graph. The keys come from schemas/tf_example.json."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from annotools import schema
from annotools.augment import Sample
from annotools.classes import ClassMap
from annotools.framing import read_records
from annotools.loader.image_size import size_of
from annotools.protobuf import parse as parse_features

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_ONE = ("encoded", "filename", "source_id", "width", "height")
_MANY = (*_EDGES, "labels", "difficult", "names")
_DTYPES = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}
_LOOKED_AT = 100  # records that may lack the key that tells a dialect, because they have no objects


@dataclass(frozen=True)
class Dialect:
    """Where a family of files keeps what the loader needs: field of the Example -> (key, kind).

    interleaved   the key that holds all four edges in turn, and their order
    label_base    the id of the first class
    """

    name: str
    keys: Mapping[str, tuple[str, str]]
    interleaved: tuple[str, tuple[str, ...]] | None
    label_base: int

    def features(self) -> dict[str, Any]:
        """The specification for `tf.io.parse_single_example`."""
        found: dict[str, Any] = {}
        for field, (key, kind) in self.keys.items():
            dtype = _DTYPES[kind]
            if field in _ONE:
                default = b"" if kind == "bytes" else 0
                found[key] = tf.io.FixedLenFeature([], dtype, default_value=default)
            else:
                found[key] = tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True)
        if self.interleaved is not None:
            found[self.interleaved[0]] = tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)
        return found


@functools.cache
def dialects() -> dict[str, Dialect]:
    """By name; "tfod" are the keys of the TF Object Detection API, which annotools writes."""
    table = schema.load("tf_example.json")
    field_of = {key: row["field"] for key, row in table["keys"].items() if "field" in row}
    wanted = {*_ONE, *_MANY}
    tfod = {field: (key, table["keys"][key]["kind"]) for key, field in field_of.items() if field in wanted}
    found = {"tfod": Dialect("tfod", tfod, None, table["label_base"])}
    for name, dialect in table["dialects"].items():
        keys, interleaved = {}, None
        for key, row in dialect["keys"].items():
            field = field_of.get(row.get("same_as", ""))
            if field in wanted:
                keys[field] = (key, row["kind"])
            fields = tuple(field_of[target] for target in row.get("interleaves", ()))
            if set(fields) == set(_EDGES):
                interleaved = (key, fields)
        found[name] = Dialect(name, keys, interleaved, dialect["label_base"])
    return found


def dialect_of(files: Sequence[str]) -> Dialect:
    """The dialect of the first record that shows one; without objects a file may not, and any will do."""
    table = schema.load("tf_example.json")
    label_key = dialects()["tfod"].keys["labels"][0]
    looked_at = 0
    for file in files:
        for data in read_records(file):
            features = parse_features(data)
            if label_key in features:
                return dialects()["tfod"]
            for name, dialect in table["dialects"].items():
                if dialect["marker"] in features:
                    return dialects()[name]
            looked_at += 1
            if looked_at == _LOOKED_AT:
                return dialects()["tfod"]
    return dialects()["tfod"]


def count_boxes(serialized: tf.Tensor, dialect: Dialect) -> tf.Tensor:
    """() int64, how many objects a record has."""
    key = dialect.interleaved[0] if dialect.interleaved else dialect.keys["xmin"][0]
    parsed = tf.io.parse_single_example(
        serialized, {key: tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)}
    )
    edges = tf.size(parsed[key], out_type=tf.int64)
    return edges // 4 if dialect.interleaved else edges


def record_id(serialized: tf.Tensor, dialect: Dialect, number: tf.Tensor) -> tf.Tensor:
    """() string, the image's id, without reading more of the record."""
    keys = [dialect.keys[field] for field in ("filename", "source_id") if field in dialect.keys]
    parsed = (
        tf.io.parse_single_example(
            serialized, {key: tf.io.FixedLenFeature([], tf.string, default_value=b"") for key, _ in keys}
        )
        if keys
        else {}
    )
    return _image_id(
        {field: parsed[key] for field, (key, _) in dialect.keys.items() if key in parsed}, number
    )


def parse(
    serialized: tf.Tensor,
    dialect: Dialect,
    number: tf.Tensor,
    *,
    trust_size: bool,
    classes: ClassMap | None,
    match_names: bool,
) -> Sample:
    """The Sample in a record. Boxes come out in pixels, labels count from 0.

    number       of the record, the image's id where the record has neither file name nor source_id
    trust_size   take the size from the record; else from the header of its image, because what other writers
                 copy from `<size>` may be wrong
    classes      the ids; needed where the file counts classes without gaps from 0 and the ids have gaps
    match_names  labels from the names of the classes, not from the numbers in the record

    Raises InvalidArgumentError, naming the image, for lists of different lengths, coordinates that are not
    finite or not normalised, labels outside the class map, and records without an image.
    """
    raw = tf.io.parse_single_example(serialized, dialect.features())
    values = {field: raw[key] for field, (key, _) in dialect.keys.items()}
    name = _image_id(values, number)
    encoded = values["encoded"]
    tf.debugging.Assert(tf.strings.length(encoded) > 0, ["a record without an image", name])
    if trust_size and "height" in values:
        size = tf.cast(tf.stack([values["height"], values["width"]]), tf.int32)
    else:
        size = size_of(encoded)

    if dialect.interleaved is not None:
        key, order = dialect.interleaved
        columns = tf.reshape(raw[key], [-1, 4])
        edges = [columns[:, order.index(edge)] for edge in _EDGES]
    else:
        edges = [values[edge] for edge in _EDGES]
    labels = values["names"] if match_names else values["labels"]
    difficult = values["difficult"]
    count = tf.size(edges[0])
    lengths = tf.stack([tf.size(column) for column in (*edges, labels)])
    flags = tf.size(difficult)
    even = tf.reduce_all(lengths == count) & ((flags == count) | (flags == 0))
    tf.debugging.Assert(
        even,
        ["lists of the same objects differ in length (xmin, ymin, xmax, ymax, class)", name, lengths, flags],
    )
    difficult = tf.cond(flags > 0, lambda: tf.cast(difficult, tf.bool), lambda: tf.zeros([count], tf.bool))
    fractions = tf.stack(edges, -1)
    tf.debugging.Assert(
        tf.reduce_all(
            tf.abs(fractions) <= 2.0
        ),  # NaN fails too; slight overhang is for the augmentation to judge
        ["coordinates are not normalised to 0..1", name, fractions],
        summarize=8,
    )
    return Sample(
        encoded=encoded,
        size=size,
        boxes=_pixels(fractions, size),
        labels=_labels(labels, dialect, classes, name),
        difficult=difficult,
        ids=tf.range(count),
        name=name,
    )


def _image_id(values: Mapping[str, tf.Tensor], number: tf.Tensor) -> tf.Tensor:
    """The file name without its extension, as os.path.splitext cuts it; else source_id; else the number."""
    name = values.get("source_id", tf.constant(b""))
    name = tf.where(name == b"", tf.strings.as_string(number), name)
    if "filename" not in values:
        return name
    stem = tf.strings.regex_replace(values["filename"], r"([^/.][^/]*)\.[^./]*$", r"\1", replace_global=False)
    return tf.where(stem == b"", name, stem)


def _pixels(fractions: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """(R, 4) float32 pixels. Of all numbers stored as the same float32 a whole one is taken, as in
    `tfexample.decode`: whole pixels come back as they were written."""
    scale = tf.cast(tf.gather(size, [1, 0, 1, 0]), tf.float64)
    pixels = tf.cast(fractions, tf.float64) * scale
    whole = tf.round(pixels)
    is_whole = tf.cast(whole / scale, tf.float32) == fractions
    return tf.cast(tf.where(is_whole, whole, pixels), tf.float32)


def _labels(labels: tf.Tensor, dialect: Dialect, classes: ClassMap | None, name: tf.Tensor) -> tf.Tensor:
    """(R,) int32, id - 1."""
    if labels.dtype == tf.string:
        assert classes is not None
        same = labels[:, None] == tf.constant(list(classes.names))
        tf.debugging.Assert(
            tf.reduce_all(tf.reduce_any(same, -1)),
            ["a class name that is not in the class map", name, labels],
        )
        return tf.gather(_ids(classes), tf.argmax(tf.cast(same, tf.int32), -1)) - 1
    low = dialect.label_base
    high = None
    if classes is not None:
        high = len(classes) - 1 if low == 0 else max(classes.ids.values())
    known = labels >= low
    if high is not None:
        known &= labels <= high
    expected = f"a label is out of range, expected {low}{f' to {high}' if high is not None else ' or more'}"
    tf.debugging.Assert(tf.reduce_all(known), [expected, name, labels])
    if low == 0 and classes is not None:
        return tf.gather(_ids(classes), labels) - 1
    return tf.cast(labels, tf.int32) - low


def _ids(classes: ClassMap) -> tf.Tensor:
    return tf.constant([classes.ids[name] for name in classes.names], tf.int32)
