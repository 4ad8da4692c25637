"""Is a record what this conversion can have written? One record of a TFRecord shard at a time.

The source is not needed: a record is compared with the keys of schemas/tf_example.json, the classes and
options of the manifest, and its own image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotools.errors import AnnotoolsError, ImageError, RecordError
from annotools.formats.entry import Finding
from annotools.formats.example.features import Feature, read_features
from annotools.images import header as image_headers
from annotools.records import Image, record
from annotools.verification.faults import Plain

_FLAG_VALUES: Final = frozenset((0, 1))
_FLAGS: Final = ("difficult", "truncated", "occluded")

Values = Mapping[str, Sequence[Any]]


@record
class Terms:
    """What the manifest says about every record.

    dialect   of schemas/tf_example.json
    names     class by the number that the records have
    """

    dialect: str
    names: Mapping[int, str]
    source_id: str = "filename"
    images: str = "none"


@dataclass(slots=True)
class Content:
    """What a record says, as far as it could be read. names: one for each object."""

    filename: str | None
    names: Sequence[str]


class RecordCheck:
    """The check of all records of a shard; each layout of records is a subclass.

    rows                   of schemas/tf_example.json, for exactly the keys that a record has
    image_key, label_key   of the image and of the label of each object
    """

    rows: Mapping[str, Any]
    image_key: str
    label_key: str

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.kinds = {key: row["kind"] for key, row in self.rows.items()}
        self.single = [key for key, row in self.rows.items() if row["length"] == 1]
        self.flags = [key for key in self.rows if key.rpartition("/")[2].removeprefix("is_") in _FLAGS]
        self.parallel = [
            (key, len(row.get("interleaves", ())) or 1)
            for key, row in self.rows.items()
            if row["length"] == "any" and not key.startswith("labels")
        ]

    @staticmethod
    def names_by_label(classes: Mapping[str, int]) -> Mapping[int, str]:
        """The class of each label that a record can have; `classes` are the ids of the label map."""
        return {number: name for name, number in classes.items()}

    def check(self, data: bytes) -> tuple[Content, list[Finding]]:
        """What `data` holds, and all that is wrong with it."""
        try:
            found = read_features(data)
        except RecordError as error:
            return Content(None, ()), [_of_error("undecodable", None, error)]
        values = {key: one for key, (kind, one) in found.items() if self.kinds.get(key) == kind}
        if len(values) != len(self.kinds) or len(values) != len(found):
            return Content(None, ()), list(self._check_keys(found))
        if faults := list(self._check_lengths(values)):
            return Content(None, ()), faults
        filename = text_of(values["image/filename"][0])
        if filename is None:
            faults.append(Finding("text", "image/filename", "not UTF-8", values["image/filename"][0]))
        faults += self._check_image(values)
        faults += self._check_boxes(values)
        labels, names = values[self.label_key], self.terms.names
        for index, label in enumerate(labels):
            if label not in names:
                message = f"object {index} has a label without a class"
                faults.append(
                    Finding("label", self.label_key, message, label, Plain("a label of the class map"))
                )
        faults += self._check_classes(values)
        for key in self.flags:
            if not _FLAG_VALUES.issuperset(values[key]):
                message = "a flag that is neither 0 nor 1"
                faults.append(Finding("flag", key, message, tuple(values[key]), "0 or 1"))
        faults += self._check_texts(values)
        return Content(filename, [names.get(label, "") for label in labels]), faults

    def _check_keys(self, found: Mapping[str, Feature]) -> Iterator[Finding]:
        for key, kind in self.kinds.items():
            if key not in found:
                yield Finding("key", key, "the key is missing", None, Plain(kind))
            elif found[key][0] != kind:
                wrong = found[key][0] or "nothing"
                yield Finding("key", key, "a value of the wrong kind", Plain(wrong), Plain(kind))
        for key in sorted(found.keys() - self.kinds.keys()):
            yield Finding("key", key, "a key that annotools does not write")

    def _check_lengths(self, values: Values) -> Iterator[Finding]:
        for key in [key for key in self.single if len(values[key]) != 1]:
            yield Finding("key", key, "not one value", Plain(f"{len(values[key])} values"), Plain("1"))
        count = len(values[self.label_key])
        if [key for key, each in self.parallel if len(values[key]) != count * each]:
            message = "lists of the same objects differ in length"
            text = ", ".join(f"{key} {len(values[key])}" for key, _ in self.parallel)
            yield Finding("key", self.label_key, message, Plain(text), Plain("one length"))

    def _check_image(self, values: Values) -> Iterator[Finding]:
        (encoded,) = values[self.image_key]
        yield from self._check_digest(values, encoded)
        try:
            image = image_headers.read_header(encoded)
        except ImageError as error:
            yield _of_error("image-unreadable", self.image_key, error)
            return
        yield from self._check_header(values, image)
        if self.terms.images == "decode":
            yield from self._decode(encoded, image)

    def _decode(self, encoded: bytes, image: Image) -> Iterator[Finding]:
        from annotools.images.decode import decode

        try:
            size = decode(encoded, form=image.format).size
        except ImageError as error:
            cause = error.__cause__
            reason = f"cannot be decoded: {type(cause).__name__}: {cause}"
            yield Finding("image-undecodable", self.image_key, reason[:200])
            return
        if size != (image.width, image.height):
            message = "the decoded image has another size than its header says"
            yield Finding("image-undecodable", self.image_key, message, size, (image.width, image.height))

    def _check_boxes(self, values: Values) -> Iterator[Finding]:
        for key, lows, highs in self._edges(values):
            for index, (low, high) in enumerate(zip(lows, highs, strict=True)):
                if not 0 <= low <= high <= 1:  # not a number is none of this
                    message = f"box {index} is not inside its image"
                    yield Finding("box", key, message, (low, high), Plain("0 <= min <= max <= 1"))

    def _check_digest(self, values: Values, encoded: bytes) -> Iterator[Finding]:
        return iter(())

    def _check_header(self, values: Values, image: Image) -> Iterator[Finding]:
        """The record's words about its image against the header of the image."""
        raise NotImplementedError

    def _edges(self, values: Values) -> list[tuple[str, Sequence[float], Sequence[float]]]:
        """(key, lower edges, upper edges) for each axis."""
        raise NotImplementedError

    def _check_classes(self, values: Values) -> Iterator[Finding]:
        """What else the record says about its classes than a label for each object."""
        raise NotImplementedError

    def _check_texts(self, values: Values) -> Iterator[Finding]:
        return iter(())


def text_of(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _of_error(rule: str, field: str | None, error: AnnotoolsError) -> Finding:
    expected = None if error.expected is None else Plain(error.expected)
    return Finding(rule, error.field or field, error.message, error.found, expected)
