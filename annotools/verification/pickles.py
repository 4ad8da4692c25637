"""The check of one pickle: annotools' own, or that of ssd_keras. Both are read without running them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotools.conversion.manifest import ShardEntry
from annotools.conversion.plan import hash_of
from annotools.errors import AnnotoolsError
from annotools.records import TOLERANCE, is_inside
from annotools.verification.faults import Faults, Plain
from annotools.verification.shard import ShardReport, compare_with_manifest

if TYPE_CHECKING:
    from annotools.records import Annotation


def check_pickle(
    folder: Path, listed: ShardEntry, to: str, classes: Mapping[str, int], *, upright: bool
) -> ShardReport:
    """Check one pickle, which is `listed` in the manifest.

    upright   the boxes are those of the image as EXIF turns it
    """
    path = folder / listed.file
    report = ShardReport(listed.file)
    try:
        with open(path, "rb") as file:
            report.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            report.bytes = file.tell()
    except (OSError, ValueError) as error:
        report.damaged = True
        report.faults.add("shard-missing", f"cannot be read: {error}", file=path.name)
        return report
    try:
        if to == "pickle":
            _check_annotations(path, report, classes, upright=upright)
        else:
            _check_arrays(path, report, classes)
    except AnnotoolsError as error:
        report.damaged = True
        expected = None if error.expected is None else Plain(error.expected)
        message = f"cannot be read: {error.message}"
        report.faults.add(
            "undecodable",
            message,
            file=path.name,
            record=report.records,
            field=error.field,
            found=error.found,
            expected=expected,
        )
    compare_with_manifest(report, listed)
    return report


def _check_annotations(path: Path, report: ShardReport, classes: Mapping[str, int], *, upright: bool) -> None:
    from annotools.formats import pkl

    stored = dict(pkl.read_classes(path).ids)
    if stored != classes:
        message = "not the classes of the manifest"
        report.faults.add("label-map", message, file=path.name, found=stored, expected=dict(classes))
    for annotation in pkl.read(path):
        boxes = [o.bndbox.as_tuple() for o in annotation.objects if o.bndbox is not None]
        if len(boxes) != len(annotation.objects):
            report.faults.add(
                "box",
                "an object without a box",
                file=path.name,
                record=report.records,
                found=len(annotation.objects) - len(boxes),
                expected=0,
            )
        _check_boxes(report, boxes, _frame(annotation, upright=upright), TOLERANCE)
        names = [o.name for o in annotation.objects]
        for index, name in enumerate(names):
            if name not in classes:
                message = f"object {index} has no class of the class map"
                report.faults.add(
                    "label", message, file=path.name, record=report.records, field="name", found=name
                )
        report.keys.append(hash_of(f"{annotation.split}\0{annotation.xml_path}"))
        report.count(names)
        report.records += 1


def _frame(annotation: Annotation, *, upright: bool) -> tuple[float | None, float | None]:
    """The size of the image in the frame of its boxes; None where nothing tells it."""
    if annotation.image is not None:
        return annotation.image.upright_size if upright else (annotation.image.width, annotation.image.height)
    size = annotation.size
    return (size and size.width) or None, (size and size.height) or None


def _check_arrays(path: Path, report: ShardReport, classes: Mapping[str, int]) -> None:
    from annotools.formats import ssd_pickle

    names = sorted(classes, key=classes.__getitem__)
    _check_class_names(path, report.faults, names)
    for key, rows in ssd_pickle.read(path).items():
        if len(rows) and rows.shape[1] != 4 + len(names):
            report.faults.add(
                "label",
                "not one column for each class",
                file=path.name,
                record=report.records,
                field=key,
                found=rows.shape[1],
                expected=4 + len(names),
            )
            report.unreadable = True
        elif len(rows):
            _check_boxes(report, [tuple(row) for row in rows[:, :4].tolist()], (1, 1), 0, key)
            report.count([names[column] for column in rows[:, 4:].argmax(axis=1)])
        report.keys.append(hash_of(key))
        report.records += 1


def _check_class_names(path: Path, faults: Faults, names: list[str]) -> None:
    from annotools.formats import ssd_pickle

    beside = ssd_pickle.classes_path(path)
    try:
        found = beside.read_bytes().decode().removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        faults.add("label-map", f"cannot be read: {error}", file=beside.name)
        return
    if found != names:
        message = "not the classes of the manifest, in the order of their ids"
        faults.add("label-map", message, file=beside.name, found=found, expected=names)


def _check_boxes(
    report: ShardReport,
    boxes: Sequence[tuple[float, ...]],
    size: tuple[float | None, float | None],
    slack: float,
    field: str | None = None,
) -> None:
    width, height = size
    for index, box in enumerate(boxes):
        if not is_inside(box, width, height, slack):
            report.faults.add(
                "box",
                f"box {index} is not inside its image",
                file=report.file,
                record=report.records,
                field=field,
                found=box,
                expected=Plain(f"0 <= min <= max <= {width or 'unknown'}, {height or 'unknown'}"),
            )
