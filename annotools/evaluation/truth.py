"""Ground truth from a source: what the loader would show a detector, in pixels of the original image.

XML goes through `reconcile`, as for the conversion and the loader: the same faults are found, the same
objects are left out, and boxes lie the same way round as the pixels that the loader gives. What `convert`
wrote has been through it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.class_discovery import discover_classes
from annotools.conversion.options import ConvertOptions, make_options
from annotools.conversion.output_formats import FORMATS, SINGLE_FILES
from annotools.conversion.plan import Entry
from annotools.conversion.reconcile import reconcile
from annotools.conversion.statistics import Statistics
from annotools.errors import OptionError, SourceError
from annotools.evaluation.options import EvaluateOptions, StrPath
from annotools.evaluation.tables import Truth
from annotools.formats import pkl, tfrecord
from annotools.issues import DataError
from annotools.ledger import Ledger
from annotools.records import Annotation, Example
from annotools.sources.source import Pair, Source, open_source
from annotools.sources.storage import HEAD

Box = tuple[float, float, float, float]


def read_truth(source: StrPath, options: EvaluateOptions, default_origin: str) -> tuple[Truth, str]:
    """The ground truth, and the origin of its numbers. Raises as `evaluate`."""
    path = os.fspath(source)
    inside = options.annotations is not None or options.image_folder is not None
    if not inside and os.path.isfile(os.path.join(path, manifests.NAME)):
        return _of_output(path, options)
    origin = options.box_origin or default_origin
    if not inside and path.lower().endswith(SINGLE_FILES):
        classes = options.class_map or pkl.read_classes(path)
        return _of_rows(_pickle_rows(path, options.split), classes, path), origin
    if not inside and tfrecord.are_shards(path):
        classes = options.class_map or _classes_in(path)
        return _of_rows(_record_rows(path, options.split, classes), classes, path), origin
    opened = open_source(path, annotations=options.annotations, images=options.image_folder)
    return _of_xml(opened, options, origin), origin


def _of_output(path: str, options: EvaluateOptions) -> tuple[Truth, str]:
    manifest = manifests.read(Path(path))
    form = FORMATS[manifest.to]
    if not form.read_here:
        raise SourceError(
            "for other programs: annotools does not read it back",
            path=path,
            found=f"--to {manifest.to}",
            expected="what it was made from, or an output --to pickle, tfrecord or tfds",
        )
    origin: str = manifest.options.box_origin
    if options.box_origin not in (None, origin):
        raise OptionError(
            "the source was converted with another origin",
            path=path,
            field="box_origin",
            found=options.box_origin,
            expected=origin,
        )
    classes = options.class_map or ClassMap(manifest.classes)
    splits = _choose(options.split, manifest.splits, path)
    if form.dialect is not None:
        rows = [row for split in splits for row in _record_rows(path, split, classes)]
    elif form.holds == "annotation":
        files = [os.path.join(path, manifest.splits[one].shards[0].file) for one in splits]
        rows = [row for file in files for row in _pickle_rows(file, None)]
    else:
        raise SourceError(
            "this output does not say which objects are difficult, or has no boxes in pixels",
            path=path,
            found=manifest.to,
            expected="its source, or an output --to pickle, tfrecord or tfds",
        )
    return _of_rows(rows, classes, path), origin


def _choose(split: str | None, known: Iterable[str], path: str) -> list[str]:
    names = list(known)
    if split is not None and split not in names:
        raise SourceError(
            "no such split", path=path, field="split", found=split, expected=", ".join(names) or "None"
        )
    return names if split is None else [split]


@dataclass(frozen=True, slots=True)
class _Row:
    """One image: names, boxes, flags and lines of its objects in parallel."""

    id: str
    path: str | None
    names: tuple[str, ...]
    boxes: tuple[Box | None, ...]
    difficult: tuple[bool, ...]
    lines: tuple[int | None, ...] = ()

    @classmethod
    def of_example(cls, example: Example, image_id: str, path: str | None) -> _Row:
        return cls(image_id, path, example.names, example.boxes, tuple(map(bool, example.difficult)))


def _pickle_rows(path: str, split: str | None) -> Iterator[_Row]:
    known = set()
    chosen = False
    for annotation in pkl.read(path):
        known.add(annotation.split or "")
        if split is None or annotation.split == split:
            chosen = True
            yield _annotation_row(annotation, path)
    if not chosen:
        _choose(split, sorted(known), path)


def _annotation_row(annotation: Annotation, path: str) -> _Row:
    # as the loader names an image of a pickle
    name = os.path.basename(annotation.image_path or annotation.filename or "")
    objects = annotation.objects
    return _Row(
        id=os.path.splitext(name)[0],
        path=annotation.xml_path or path,
        names=tuple(one.name for one in objects),
        boxes=tuple(None if one.bndbox is None else one.bndbox.as_tuple() for one in objects),
        difficult=tuple(bool(one.difficult) for one in objects),
        lines=tuple(one.bndbox_line or one.line for one in objects),
    )


def _record_rows(path: str, split: str | None, classes: ClassMap) -> Iterator[_Row]:
    for example in tfrecord.read(path, split=split, classes=classes):
        yield _Row.of_example(example, example.id, path)


def _classes_in(path: str) -> ClassMap:
    """The classes of TFRecord files without a manifest: the names and ids of all their objects."""
    ids: dict[str, int] = {}
    for example in tfrecord.read(path):
        for name, label in zip(example.names, example.labels, strict=True):
            if ids.setdefault(name, label) != label or not name:
                raise OptionError(
                    "the records do not say which class has which id",
                    path=path,
                    field="classes",
                    found=f"{name!r} with id {label}",
                    expected="a class file",
                )
    return ClassMap(ids)


def _of_xml(source: Source, options: EvaluateOptions, origin: str) -> Truth:
    # a format that looks at the headers of images and not at their pixels
    asked = ConvertOptions(to="pickle", box_origin=origin, on_error=options.on_error)
    to = make_options(asked, options.class_map or discover_classes(source))
    result = Statistics()
    rows, lost = [], []
    pairs = source.unique_pairs(options.split)
    files = (file for pair in source.unique_pairs(options.split) for file in pair.files("xml", "image"))
    with source.reading_ahead(files, image_limit=HEAD) as ahead:
        for pair in pairs:
            outcome = reconcile(Entry(0, pair), ahead, to)
            result.add(outcome)
            if outcome.example is None:
                lost.append(image_id_of(pair))
            else:
                image_id = os.path.splitext(outcome.example.filename)[0]
                path = None if pair.xml is None else source.display(pair.xml)
                rows.append(_Row.of_example(outcome.example, image_id, path))
    if result.failed and options.on_error == "fail":
        errors = [issue for issue in result.issues if issue.severity == "error"]
        raise DataError(
            f"{len(errors)} error{'s' * (len(errors) != 1)}, on_error='skip' leaves out what is faulty: "
            f"{errors[0]}",
            path=source.root,
            issues=result.issues,
        )
    result.ledger.check()
    return _of_rows(rows, to.classes, source.root, ledger=result.ledger, no_truth=frozenset(lost))


def image_id_of(pair: Pair) -> str:
    """As `reconcile` and the loader name the image of a pair."""
    if pair.image is None or "/" in pair.id:
        return pair.id
    return os.path.splitext(pair.image.rpartition("/")[2])[0]


def _of_rows(rows: Iterable[_Row], classes: ClassMap, path: str, **more: Any) -> Truth:
    """The columns. DataError for two images of one id and for what is no box."""
    images: dict[str, None] = {}
    boxes: list[Box] = []
    image: list[int] = []
    label: list[int] = []
    difficult: list[bool] = []
    for number, row in enumerate(rows):
        if row.id in images:
            raise DataError("two images have this id", path=row.path or path, field="id", found=row.id)
        images[row.id] = None
        for place, (name, box) in enumerate(zip(row.names, row.boxes, strict=True)):
            line = row.lines[place] if row.lines else None
            if box is None or not _is_box(box):
                raise DataError(
                    "no box", path=row.path or path, line=line, field=f"objects[{place}].bndbox", found=box,
                    expected="finite xmin < xmax and ymin < ymax",
                )  # fmt: skip
            boxes.append(box)
            image.append(number)
            label.append(classes.index(name, path=row.path or path, line=line))
        difficult += row.difficult
    ledger = more.pop("ledger", None) or Ledger()
    if not ledger.images.found:
        ledger.images.found = ledger.images.written = len(images)
        ledger.objects.found = ledger.objects.written = len(boxes)
    return Truth(
        classes=classes,
        images=tuple(images),
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        image=np.array(image, np.int64),
        label=np.array(label, np.int64),
        difficult=np.array(difficult, bool),
        ledger=ledger,
        **more,
    )


def _is_box(box: Box) -> bool:
    return bool(np.isfinite(box).all()) and box[0] < box[2] and box[1] < box[3]
