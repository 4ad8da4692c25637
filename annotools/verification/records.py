"""Is a record what this conversion can have written? One record of a TFRecord shard at a time.

Nothing here needs the source: a record is held against the keys of schemas/tf_example.json, the classes and
options of the manifest, and its own image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from annotools import schema
from annotools.errors import AnnotoolsError, ImageError, RecordError
from annotools.formats.example import wire
from annotools.formats.example.wire import Feature
from annotools.images import header as image_headers
from annotools.verification.canonical import CanonicalReader
from annotools.verification.faults import Plain

_TABLE: Final = schema.load("tf_example.json")
_TFDS: Final[Mapping[str, Any]] = _TABLE["dialects"]["tfds"]["keys"]
_IMAGE_FORMATS_OF_TFDS: Final = ("jpeg", "png", "bmp")


class Finding(NamedTuple):
    """A fault of one record."""

    rule: str
    field: str | None
    message: str
    found: object = None
    expected: object = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the manifest says about every record. names: class by the number that the records have."""

    to: str
    names: Mapping[int, str]
    source_id: str = "filename"
    images: str = "none"

    @property
    def rows(self) -> Mapping[str, Any]:
        """The rows of schemas/tf_example.json for the keys that a record has, no more and no less."""
        if self.to == "tfds":
            return _TFDS
        return {key: row for key, row in _TABLE["keys"].items() if row["written"]}


@dataclass(slots=True)
class Content:
    """What a record says, as far as it could be read. names: one for each object."""

    filename: str | None
    names: Sequence[str]


class RecordCheck:
    """The check of all records of a shard."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.rows = terms.rows
        tfds = terms.to == "tfds"
        self.image_key = "image" if tfds else "image/encoded"
        self.label_key = "objects/label" if tfds else "image/object/class/label"
        self.single = [key for key, row in self.rows.items() if row["length"] == 1]
        self.flags = [key for key in self.rows if key.rpartition("/")[2].removeprefix("is_") in _FLAGS]
        self.parallel = [
            (key, len(row.get("interleaves", ())) or 1)
            for key, row in self.rows.items()
            if row["length"] == "any" and not key.startswith("labels")
        ]
        self.read = CanonicalReader(self.rows, self.image_key).read

    def check(self, data: bytes) -> tuple[Content, list[Finding]]:
        """What `data` holds, and all that is wrong with it."""
        values = self.read(data)
        if values is None:
            try:
                found = wire.parse(data)
            except RecordError as error:
                return Content(None, ()), [_of_error("undecodable", None, error)]
            if faults := list(self._check_keys(found)):
                return Content(None, ()), faults
            values = {key: one for key, (_, one) in found.items()}
        faults = list(self._check_lengths(values))
        if faults:
            return Content(None, ()), faults
        filename = _text(values["image/filename"][0])
        if filename is None:
            faults.append(Finding("text", "image/filename", "not UTF-8", values["image/filename"][0]))
        faults += self._check_image(values)
        faults += self._check_boxes(values)
        faults += self._check_classes(values)
        for key in self.flags:
            if any(flag not in (0, 1) for flag in values[key]):
                faults.append(Finding("flag", key, "a flag that is neither 0 nor 1", values[key], "0 or 1"))
        if self.terms.to != "tfds":
            faults += self._check_texts(values)
        names = self.terms.names
        return Content(filename, [names.get(label, "") for label in values[self.label_key]]), faults

    def _check_keys(self, found: Mapping[str, Feature]) -> Iterator[Finding]:
        for key, row in self.rows.items():
            if key not in found:
                yield Finding("key", key, "the key is missing", None, Plain(row["kind"]))
            elif found[key][0] != row["kind"]:
                kind = found[key][0] or "nothing"
                yield Finding("key", key, "a value of the wrong kind", Plain(kind), Plain(row["kind"]))
        for key in found.keys() - self.rows.keys():
            yield Finding("key", key, "a key that annotools does not write")

    def _check_lengths(self, values: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
        for key in self.single:
            if len(values[key]) != 1:
                yield Finding("key", key, "not one value", Plain(f"{len(values[key])} values"), Plain("1"))
        count = len(values[self.label_key])
        if any(len(values[key]) != count * each for key, each in self.parallel):
            message = "lists of the same objects differ in length"
            text = ", ".join(f"{key} {len(values[key])}" for key, _ in self.parallel)
            yield Finding("key", self.label_key, message, Plain(text), Plain("one length"))

    def _check_image(self, values: Mapping[str, Any]) -> Iterator[Finding]:
        (encoded,) = values[self.image_key]
        if self.terms.to != "tfds":
            (stored,) = values["image/key/sha256"]
            computed = hashlib.sha256(encoded).hexdigest()
            if stored != computed.encode():
                message = "not the SHA-256 of the image"
                yield Finding("image-sha256", "image/key/sha256", message, stored, Plain(computed))
        try:
            image = image_headers.read_header(encoded)
        except ImageError as error:
            yield _of_error("image-unreadable", self.image_key, error)
            return
        if self.terms.to == "tfds":
            if image.format not in _IMAGE_FORMATS_OF_TFDS:
                message, expected = "tensorflow_datasets cannot decode it", ", ".join(_IMAGE_FORMATS_OF_TFDS)
                yield Finding("image-format", self.image_key, message, image.format, Plain(expected))
        else:
            for key, truth in (("image/width", image.width), ("image/height", image.height)):
                if values[key][0] != truth:
                    yield Finding("image-size", key, "not the image's own", values[key][0], truth)
            form = values["image/format"][0]
            if form != image.format.encode():
                message = "not the image's own"
                yield Finding("image-format", "image/format", message, form, Plain(image.format))
        if self.terms.images == "decode":
            yield from self._decode(encoded, image.width, image.height, image.format)

    def _decode(self, encoded: bytes, width: int, height: int, form: str) -> Iterator[Finding]:
        import io
        import warnings

        import PIL.Image

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about metadata
                with PIL.Image.open(io.BytesIO(encoded), formats=[form]) as picture:
                    picture.load()
                    size = picture.size
        except Exception as error:  # a decoder's way to say no can be any exception
            reason = f"cannot be decoded: {type(error).__name__}: {error}"
            yield Finding("image-undecodable", self.image_key, reason[:200])
            return
        if size != (width, height):
            message = "the decoded image has another size than its header says"
            yield Finding("image-undecodable", self.image_key, message, size, (width, height))

    def _check_boxes(self, values: Mapping[str, Any]) -> Iterator[Finding]:
        if self.terms.to == "tfds":
            key = "objects/bbox"
            bbox = values[key]
            sides = [(key, bbox[axis::4], bbox[axis + 2 :: 4]) for axis in (0, 1)]
        else:
            key = "image/object/bbox/"
            sides = [(f"{key}{x}min", values[f"{key}{x}min"], values[f"{key}{x}max"]) for x in "xy"]
        for key, lows, highs in sides:
            for index, (low, high) in enumerate(zip(lows, highs, strict=True)):
                if not 0 <= low <= high <= 1:  # not a number is none of this
                    message = f"box {index} is not inside its image"
                    yield Finding("box", key, message, (low, high), Plain("0 <= min <= max <= 1"))

    def _check_classes(self, values: Mapping[str, Any]) -> Iterator[Finding]:
        labels, names = values[self.label_key], self.terms.names
        for index, label in enumerate(labels):
            if label not in names:
                message = f"object {index} has a label without a class"
                yield Finding("label", self.label_key, message, label, Plain("a label of the class map"))
        if self.terms.to == "tfds":
            hard = values["objects/is_difficult"]
            easy = [label for label, flag in zip(labels, hard, strict=True) if not flag]
            for key, of in (("labels", labels), ("labels_no_difficult", easy)):
                if list(values[key]) != sorted(set(of)):
                    yield Finding("label", key, "not the labels of the objects", values[key], sorted(set(of)))
            poses = _TFDS["objects/pose"]["values"]
            for pose in values["objects/pose"]:
                if not 0 <= pose < len(poses):
                    yield Finding("label", "objects/pose", "no such pose", pose, f"0 to {len(poses) - 1}")
            return
        key = "image/object/class/text"
        for index, (label, text) in enumerate(zip(labels, values[key], strict=True)):
            if label in names and text != names[label].encode("utf-8", "surrogatepass"):
                message = f"object {index} has another text than its label {label} stands for"
                yield Finding("label-text", key, message, text, names[label])

    def _check_texts(self, values: Mapping[str, Any]) -> Iterator[Finding]:
        key = "image/source_id"
        source_id = values[key][0]
        if self.terms.source_id == "numeric":
            if not source_id.isdigit():
                yield Finding("source-id", key, "not a number", source_id, Plain("a number"))
        elif source_id != values["image/filename"][0]:
            yield Finding("source-id", key, "not the file name", source_id, values["image/filename"][0])
        for pose in values["image/object/view"]:
            if _text(pose) is None:
                yield Finding("text", "image/object/view", "not UTF-8", pose)


_FLAGS: Final = ("difficult", "truncated", "occluded")


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _of_error(rule: str, field: str | None, error: AnnotoolsError) -> Finding:
    expected = None if error.expected is None else Plain(error.expected)
    return Finding(rule, error.field or field, error.message, error.found, expected)
