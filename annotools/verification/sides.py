"""The two sides of a comparison, for each format: what a source gives, and what a file of an output holds."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotools.conversion.options import Options
from annotools.conversion.plan import Plan
from annotools.conversion.reconcile import Outcome
from annotools.errors import RecordError
from annotools.formats.example.features import read_features
from annotools.verification.pieces import pieces
from annotools.verification.shard import numbered, read_index

if TYPE_CHECKING:
    from annotools.records import Annotation

Said = Mapping[str, Any]
"""What a record says, by field; images as their size and SHA-256."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record on one of the two sides. `same` tells at once whether it is the other one, byte for byte."""

    key: str
    says: Callable[[], Said]
    content: Any
    file: str | None = None
    record: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Files of the output, and the shards of the plan that they should hold together, in order."""

    files: tuple[str, ...]
    places: tuple[int, ...]


def _expect_record(outcome: Outcome, plan: Plan) -> Item | None:
    from annotools.formats import tfds
    from annotools.formats.example import tf_example

    example = outcome.example
    if example is None:
        return None
    options = plan.options
    head, tail = tfds.encode(example, options.classes) if options.to == "tfds" else tf_example.encode(example)
    record = head + example.encoded + tail
    return Item(example.filename, lambda: _said(record, options), record)


def _read_records(path: Path, plan: Plan, unit: Unit) -> Iterator[Item]:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for number, piece in numbered(pieces(file, size), read_index(path, size)):
            if piece.data is not None:
                yield _record_item(piece.data, plan.options, path.name, number, piece.offset)


def _record_item(data: bytes, options: Options, file: str, number: int, offset: int) -> Item:
    try:
        key = read_features(data).get("image/filename", ("bytes", ()))[1]
    except RecordError:
        key = ()
    name = key[0].decode(errors="backslashreplace") if key and isinstance(key[0], bytes) else ""
    return Item(name, lambda: _said(data, options), data, file, number, offset)


def _said(record: bytes, options: Options) -> Said:
    try:
        found = {key: list(values) for key, (_, values) in read_features(record).items()}
    except RecordError as error:
        return {"(the record)": f"unreadable: {error.message}"}
    key = "image" if options.to == "tfds" else "image/encoded"
    if key in found:
        found[key] = [
            f"{len(image)} bytes with SHA-256 {hashlib.sha256(image).hexdigest()}"
            if isinstance(image, bytes)
            else image
            for image in found[key]
        ]
    return found


def _expect_annotation(outcome: Outcome, plan: Plan) -> Item | None:
    annotation = outcome.annotation
    if annotation is None:
        return None
    return _annotation_item(annotation, (annotation.xml_path or "").removeprefix(_root(plan)))


def _read_annotations(path: Path, plan: Plan, unit: Unit) -> Iterator[Item]:
    """The paths in a pickle begin with the source as it was called then: of them only the end counts."""
    from annotools.formats import pkl

    root = _root(plan)
    names: set[str] | None = None
    for number, annotation in enumerate(pkl.read(path)):
        name = annotation.xml_path or ""
        if name.startswith(root):
            name = name.removeprefix(root)
        else:
            names = names or _xml_names(plan, unit)
            name = next((end for end in _ends(name) if end in names), name)
        yield _annotation_item(annotation, name, path.name, number)


def _root(plan: Plan) -> str:
    return plan.source.display("x")[:-1]


def _xml_names(plan: Plan, unit: Unit) -> set[str]:
    entries = (entry for place in unit.places for entry in plan.entries(plan.shards[place]))
    return {plan.source.display(e.pair.xml).removeprefix(_root(plan)) for e in entries if e.pair.xml}


def _ends(path: str) -> Iterator[str]:
    """`b/c.xml`, `c.xml` for `a/b/c.xml`."""
    while path:
        path = re.split(r"[/\\]", path, maxsplit=1)[1] if re.search(r"[/\\]", path) else ""
        yield path


def _annotation_item(
    annotation: Annotation, name: str, file: str | None = None, number: int | None = None
) -> Item:
    from annotools.formats.pickling.builtins import to_plain

    said = {field: value for field, value in to_plain(annotation).items() if field not in _PATHS}
    return Item(f"{annotation.split or ''}/{name}", lambda: said, said, file, number)


_PATHS = ("xml_path", "image_path")


def _expect_rows(outcome: Outcome, plan: Plan) -> Item | None:
    example = outcome.example
    if example is None:
        return None
    columns = {number: column for column, number in enumerate(plan.options.classes.ids.values())}
    rows = []
    for box, label in zip(example.boxes, example.labels, strict=True):
        one_hot = [0.0] * len(columns)
        one_hot[columns[label]] = 1.0
        edges = (box[0] / example.width, box[1] / example.height, box[2] / example.width)
        rows.append([*edges, box[3] / example.height, *one_hot])
    return Item(example.filename, lambda: {"rows": rows}, rows)


def _read_rows(path: Path, plan: Plan, unit: Unit) -> Iterator[Item]:
    from annotools.formats import ssd_pickle

    for number, (key, array_) in enumerate(ssd_pickle.read(path).items()):
        rows = array_.tolist()
        yield Item(key, lambda rows=rows: {"rows": rows}, rows, path.name, number)  # type: ignore[misc]


_Expect = Callable[[Outcome, Plan], Item | None]
_Read = Callable[[Path, Plan, Unit], Iterator[Item]]
SIDES: Mapping[str, tuple[_Expect, _Read]] = {
    "tfrecord": (_expect_record, _read_records),
    "tfds": (_expect_record, _read_records),
    "pickle": (_expect_annotation, _read_annotations),
    "ssd-pickle": (_expect_rows, _read_rows),
}
