"""What `verify` asks of the records of each dialect of schemas/tf_example.json that `convert` writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from annotools import schema
from annotools.formats.entry import Finding
from annotools.records import Image
from annotools.verification.faults import Plain
from annotools.verification.records import RecordCheck, Values, text_of

_TABLE: Final = schema.load("tf_example.json")


class ExampleCheck(RecordCheck):
    """Records with the keys of the TF Object Detection API."""

    rows = {key: row for key, row in _TABLE["keys"].items() if row["written"]}  # noqa: RUF012
    image_key = "image/encoded"
    label_key = "image/object/class/label"

    def _check_digest(self, values: Values, encoded: bytes) -> Iterator[Finding]:
        (stored,) = values["image/key/sha256"]
        computed = hashlib.sha256(encoded).hexdigest()
        if stored != computed.encode():
            message = "not the SHA-256 of the image"
            yield Finding("image-sha256", "image/key/sha256", message, stored, Plain(computed))

    def _check_header(self, values: Values, image: Image) -> Iterator[Finding]:
        for key, truth in (("image/width", image.width), ("image/height", image.height)):
            if values[key][0] != truth:
                yield Finding("image-size", key, "not the image's own", values[key][0], truth)
        form = values["image/format"][0]
        if form != image.format.encode():
            yield Finding("image-format", "image/format", "not the image's own", form, Plain(image.format))

    def _edges(self, values: Values) -> list[tuple[str, Sequence[float], Sequence[float]]]:
        key = "image/object/bbox/"
        return [(f"{key}{x}min", values[f"{key}{x}min"], values[f"{key}{x}max"]) for x in "xy"]

    def _check_classes(self, values: Values) -> Iterator[Finding]:
        key, names = "image/object/class/text", self.terms.names
        for index, (label, text) in enumerate(zip(values[self.label_key], values[key], strict=True)):
            if label in names and text != names[label].encode("utf-8", "surrogatepass"):
                message = f"object {index} has another text than its label {label} stands for"
                yield Finding("label-text", key, message, text, names[label])

    def _check_texts(self, values: Values) -> Iterator[Finding]:
        key = "image/source_id"
        source_id = values[key][0]
        if self.terms.source_id == "numeric":
            if not source_id.isdigit():
                yield Finding("source-id", key, "not a number", source_id, Plain("a number"))
        elif source_id != values["image/filename"][0]:
            yield Finding("source-id", key, "not the file name", source_id, values["image/filename"][0])
        for pose in values["image/object/view"]:
            if text_of(pose) is None:
                yield Finding("text", "image/object/view", "not UTF-8", pose)


class TfdsCheck(RecordCheck):
    """Records with the keys of tensorflow_datasets' Pascal VOC."""

    rows = _TABLE["dialects"]["tfds"]["keys"]
    image_key = "image"
    label_key = "objects/label"
    image_formats = ("jpeg", "png", "bmp")

    @staticmethod
    def names_by_label(classes: Mapping[str, int]) -> Mapping[int, str]:
        return dict(enumerate(sorted(classes, key=classes.__getitem__)))

    def _check_header(self, values: Values, image: Image) -> Iterator[Finding]:
        if image.format not in self.image_formats:
            message, expected = "tensorflow_datasets cannot decode it", ", ".join(self.image_formats)
            yield Finding("image-format", self.image_key, message, image.format, Plain(expected))

    def _edges(self, values: Values) -> list[tuple[str, Sequence[float], Sequence[float]]]:
        bbox = values["objects/bbox"]
        return [("objects/bbox", bbox[axis::4], bbox[axis + 2 :: 4]) for axis in (0, 1)]

    def _check_classes(self, values: Values) -> Iterator[Finding]:
        labels, hard = values[self.label_key], values["objects/is_difficult"]
        easy = [label for label, flag in zip(labels, hard, strict=True) if not flag]
        for key, of in (("labels", labels), ("labels_no_difficult", easy)):
            if list(values[key]) != sorted(set(of)):
                yield Finding(
                    "label", key, "not the labels of the objects", tuple(values[key]), sorted(set(of))
                )
        poses = self.rows["objects/pose"]["values"]
        for pose in values["objects/pose"]:
            if not 0 <= pose < len(poses):
                yield Finding("label", "objects/pose", "no such pose", pose, f"0 to {len(poses) - 1}")


CHECKS: Final[Mapping[str, type[RecordCheck]]] = {"tfod": ExampleCheck, "tfds": TfdsCheck}
"""By dialect of schemas/tf_example.json."""
