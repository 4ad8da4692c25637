"""Serialised tf.train.Examples to Samples, inside a graph. The keys come from schemas/tf_example.json."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from annotools import schema
from annotools.augment import Sample
from annotools.augment.graph import graph_ops
from annotools.augment.graph.checks import checked
from annotools.classes.class_map import ClassMap
from annotools.errors import RecordError
from annotools.formats.example.features import read_features
from annotools.formats.example.framing import read_records

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_ONE = ("encoded", "filename", "source_id", "width", "height")
_MANY = (*_EDGES, "labels", "difficult", "names")
_DTYPES = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}
_IMAGE_KEYS = frozenset(("image/encoded", "image"))
_KEYS_SHOWN = 20
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

    def features(self, *, with_names: bool) -> dict[str, Any]:
        """The specification for `tf.io.parse_example`."""
        found: dict[str, Any] = {}
        for field, (key, kind) in self.keys.items():
            if field == "names" and not with_names:
                continue
            dtype = _DTYPES[kind]
            if field in _ONE:
                default = b"" if kind == "bytes" else 0
                found[key] = tf.io.FixedLenFeature([], dtype, default_value=default)
            else:
                found[key] = tf.io.RaggedFeature(dtype)
        if self.interleaved is not None:
            found[self.interleaved[0]] = tf.io.RaggedFeature(tf.float32)
        return found


@dataclass(frozen=True)
class RecordForm:
    """How the records of a data set are to be understood.

    classes      the ids; needed where the file counts classes without gaps from 0 and the ids have gaps
    trust_size   take the size from the record; else from the header of its image, because what other writers
                 copy from `<size>` may be wrong
    match_names  labels from the names of the classes, not from the numbers in the record
    number_names  the id of an image is its name and the number of its record, because names come again
    """

    dialect: Dialect
    classes: ClassMap | None = None
    trust_size: bool = False
    match_names: bool = False
    number_names: bool = False


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
    """The dialect of the first record that shows one; without objects a file may not, and any will do.

    RecordError where a record has no key of any dialect's image: it says which keys there are.
    """
    table = schema.load("tf_example.json")
    label_key = dialects()["tfod"].keys["labels"][0]
    looked_at = 0
    for file in files:
        for data in read_records(file):
            features = read_features(data)
            if label_key in features:
                return dialects()["tfod"]
            for name, dialect in table["dialects"].items():
                if dialect["marker"] in features:
                    return dialects()[name]
            if not looked_at and _IMAGE_KEYS.isdisjoint(features):
                raise RecordError(
                    "its records have the keys of no known dialect",
                    path=file,
                    found=", ".join(sorted(features)[:_KEYS_SHOWN]) or "no keys",
                    expected=f"{' or '.join(sorted(_IMAGE_KEYS))} with the keys of {', '.join(dialects())}",
                )
            looked_at += 1
            if looked_at == _LOOKED_AT:
                return dialects()["tfod"]
    return dialects()["tfod"]


def names_repeat(files: Sequence[str], dialect: Dialect) -> bool:
    """Whether two of the first records have one name, so that names cannot tell images apart."""
    keys = [dialect.keys[field][0] for field in ("filename", "source_id") if field in dialect.keys]
    records = itertools.chain.from_iterable(read_records(file) for file in files)
    seen = set()
    for data in itertools.islice(records, _LOOKED_AT):
        features = read_features(data)
        named = [features[key][1][0] for key in keys if key in features and features[key][1]]
        name = next((one for one in named if one), None)
        if name in seen:
            return True
        if name is not None:
            seen.add(name)
    return False


def count_boxes(serialized: tf.Tensor, dialect: Dialect) -> tf.Tensor:
    """() int64, how many objects a record has."""
    key = dialect.interleaved[0] if dialect.interleaved else dialect.keys["xmin"][0]
    parsed = tf.io.parse_single_example(
        serialized, {key: tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)}
    )
    edges = tf.size(parsed[key], out_type=tf.int64)
    return edges // 4 if dialect.interleaved else edges


def record_id(serialized: tf.Tensor, form: RecordForm, number: tf.Tensor) -> tf.Tensor:
    """() string, the image's id; nothing else of the record is looked at."""
    dialect = form.dialect
    keys = {field: dialect.keys[field][0] for field in ("filename", "source_id") if field in dialect.keys}
    if not keys:
        return tf.strings.as_string(number)
    features = {key: tf.io.FixedLenFeature([], tf.string, default_value=b"") for key in keys.values()}
    parsed = tf.io.parse_single_example(serialized, features)
    return _image_id({field: parsed[key] for field, key in keys.items()}, number, form)


def parse(serialized: tf.Tensor, numbers: tf.Tensor, form: RecordForm) -> Sample:
    """The Samples in N records (N,): boxes in pixels, labels from 0, rows up to the fullest one.

    numbers  (N,) of the records, the image's id where a record has neither file name nor source_id

    Raises InvalidArgumentError, naming the images, for lists of different lengths, coordinates that are not
    finite or not normalised, labels outside the class map, and records without an image.
    """
    dialect = form.dialect
    which = tf.strings.join(["record ", tf.strings.as_string(numbers)])  # for TensorFlow's messages
    raw = tf.io.parse_example(serialized, dialect.features(with_names=form.match_names), example_names=which)
    values = {field: raw[key] for field, (key, _) in dialect.keys.items() if key in raw}
    names = _image_id(values, numbers, form)
    encoded = checked(
        values["encoded"],
        tf.strings.length(values["encoded"]) > graph_ops.constant(0),
        "a record without an image",
        names,
    )
    if form.trust_size and "height" in values:
        sizes = tf.cast(tf.stack([values["height"], values["width"]], -1), tf.int32)
    else:
        sizes = tf.map_fn(size_of, encoded, fn_output_signature=tf.TensorSpec([2], tf.int32))

    edges = [values[edge] for edge in _EDGES] if dialect.interleaved is None else _columns(raw, dialect)
    labels = values["names"] if form.match_names else values["labels"]
    difficult = values["difficult"]
    splits = tf.stack([column.row_splits for column in (*edges, labels, difficult)])
    lengths = splits[:, 1:] - splits[:, :-1]
    counts = graph_ops.first(lengths)
    may_be_absent = graph_ops.constant((*(((False,),) * (len(edges) + 1)), (True,)), tf.bool)  # difficult
    even = graph_ops.every((lengths == counts) | (may_be_absent & (lengths == graph_ops.like(0, lengths))), 0)
    problem = "lists of the same objects differ in length (xmin, ymin, xmax, ymax, class; difficult) in"
    counts = checked(counts, even, problem, names)

    with tf.control_dependencies([counts]):
        fractions = tf.stack([column.values for column in edges], -1)
        flat_labels = tf.identity(labels.values)
    row_splits = edges[0].row_splits
    rows = _rows(row_splits, graph_ops.length(fractions))
    names_of = graph_ops.gather(names, rows)
    # NaN is not within bounds; an overhang is for the augmentation to judge
    in_bounds = graph_ops.every(tf.abs(fractions) <= graph_ops.constant(2.0, tf.float32))
    fractions = checked(fractions, in_bounds, "coordinates are not normalised to 0..1 in", names_of)
    boxes = _ragged(_pixels(fractions, graph_ops.gather(sizes, rows)), row_splits)
    flat_labels = _labels(flat_labels, form, names_of)
    dense = boxes.to_tensor(0.0, shape=[None, None, 4])
    width = graph_ops.length(dense, 1)
    flags = difficult.to_tensor(0, shape=[-1, tf.cast(width, tf.int64)])
    padded = _ragged(flat_labels, row_splits).to_tensor(-1)
    return Sample(
        encoded=encoded,
        size=sizes,
        boxes=dense,
        labels=padded,
        difficult=tf.cast(flags, tf.bool),
        ids=graph_ops.zeros(padded) + tf.range(width),
        name=names,
    )


def size_of(encoded: tf.Tensor) -> tf.Tensor:
    """(2,) int32 (H, W) of the image in () string. JPEG and PNG headers are read, other formats decoded."""

    def jpeg() -> tf.Tensor:
        return tf.io.extract_jpeg_shape(encoded)[:2]

    def png() -> tf.Tensor:
        # IHDR is the first chunk: 8 bytes signature, 4 length, 4 name, then width and height, big-endian
        width_height = tf.strings.substr(encoded, 16, 8)
        return tf.io.decode_raw(width_height, tf.int32, little_endian=False)[::-1]

    def other() -> tf.Tensor:
        return tf.shape(tf.io.decode_image(encoded, channels=3, expand_animations=False))[:2]

    magic = tf.strings.substr(encoded, 0, 4)
    is_jpeg = tf.strings.substr(magic, 0, 3) == b"\xff\xd8\xff"
    kind = tf.where(is_jpeg, 0, tf.where(magic == b"\x89PNG", 1, 2))
    return tf.ensure_shape(tf.switch_case(kind, [jpeg, png, other]), [2])


def _ragged(values: tf.Tensor, row_splits: tf.Tensor) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_splits(values, row_splits, validate=False)


def _rows(row_splits: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """(count,) int32, the row of each value; `tf.repeat` does it with ten times as many operations."""
    places = graph_ops.expand(tf.range(tf.cast(count, row_splits.dtype)), 0)
    after = tf.raw_ops.UpperBound(
        sorted_inputs=graph_ops.expand(row_splits, 0), values=places, out_type=tf.int32
    )
    return graph_ops.reshape(after, [-1]) - graph_ops.constant(1)


def _columns(raw: Mapping[str, Any], dialect: Dialect) -> list[Any]:
    """The four edges as RaggedTensors, from the one list in which they take turns."""
    assert dialect.interleaved is not None
    key, order = dialect.interleaved
    together = raw[key]
    columns = tf.reshape(together.values, [-1, 4])
    splits = together.row_splits // 4
    return [
        tf.RaggedTensor.from_row_splits(columns[:, order.index(edge)], splits, validate=False)
        for edge in _EDGES
    ]


def _image_id(values: Mapping[str, tf.Tensor], number: tf.Tensor, form: RecordForm) -> tf.Tensor:
    """The file name without its extension, as os.path.splitext cuts it; else source_id; else the number."""
    as_text = tf.strings.as_string(number)
    name = values.get("source_id", tf.constant(b""))
    nothing = graph_ops.constant(b"", tf.string)
    if "filename" in values:
        pattern = r"([^/.][^/]*)\.[^./]*$"
        stem = tf.strings.regex_replace(values["filename"], pattern, r"\1", replace_global=False)
        name = tf.where(stem == nothing, name, stem)
    if form.number_names:
        return tf.where(name == nothing, as_text, tf.strings.join([name, "#", as_text]))
    return tf.where(name == nothing, as_text, name)


def _pixels(fractions: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """(K, 4) float32 pixels. Of all numbers stored as the same float32 a whole one is taken, as in
    `tfexample.decode`: whole pixels come back as they were written."""
    scale = tf.cast(graph_ops.gather(sizes, (1, 0, 1, 0), axis=1), tf.float64)
    pixels = tf.cast(fractions, tf.float64) * scale
    whole = tf.round(pixels)
    is_whole = tf.cast(whole / scale, tf.float32) == fractions
    return tf.cast(tf.where(is_whole, whole, pixels), tf.float32)


def _labels(labels: tf.Tensor, form: RecordForm, names: tf.Tensor) -> tf.Tensor:
    """(K,) int32, id - 1; `names` (K,) of the images."""
    classes, low = form.classes, form.dialect.label_base
    if labels.dtype == tf.string:
        assert classes is not None
        same = labels[:, None] == tf.constant(list(classes.names))
        known = tf.reduce_any(same, -1)
        same = checked(same, known, "a class name that is not in the class map", names, labels)
        return tf.gather(_ids(classes), tf.argmax(tf.cast(same, tf.int32), -1)) - 1
    in_range = labels >= low
    expected = f"{low} or more"
    if classes is not None:
        high = len(classes) - 1 if low == 0 else max(classes.ids.values())
        in_range &= labels <= high
        expected = f"{low} to {high}"
    labels = checked(labels, in_range, f"a label is out of range, expected {expected}", names, labels)
    if low == 0 and classes is not None:
        return tf.gather(_ids(classes), labels) - 1
    return tf.cast(labels, tf.int32) - low


def _ids(classes: ClassMap) -> tf.Tensor:
    return tf.constant([classes.ids[name] for name in classes.names], tf.int32)
