"""A whole source as columns, one row an image and one row an object: small, and fast to compute with.

Objects are those of the files, as they are: nothing is repaired or left out. What cannot be read is counted.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotools.conversion.output_formats import SINGLE_FILES
from annotools.errors import FaultyFileError
from annotools.formats import tfrecord, voc
from annotools.records import Annotation
from annotools.sources.read import read
from annotools.sources.source import Source, open_source
from annotools.sources.storage import HEAD
from annotools.view.pictures import pairs_once

StrPath = str | os.PathLike[str]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FLAGS = ("difficult", "truncated", "occluded")
_NO_BOX = (float("nan"),) * 4


class Found(NamedTuple):
    """One image of a source, with the splits that list it, as far as it could be read.

    lost  the rule that says why there is no annotation
    size  (W, H) in pixels, upright, of the image file; of `<size>` where that is not or cannot be looked at
    """

    path: str
    splits: tuple[str, ...]
    annotation: Annotation | None = None
    lost: str | None = None
    size: tuple[int, int] | None = None
    has_image: bool = True
    image_is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """The images and objects of a source.

    names      class names, sorted; `label` (R,) counts them
    splits     names of the splits, in the order of the source
    paths      (N,) of the annotation files, or the source for one that is a single file
    member     (N, S) which image is in which split
    size       (N, 2) W and H in pixels, 0 where unknown
    image      (R,) which image an object is in, ascending
    box        (R, 4) as in the file; NaN where there is none
    flags      (R, 3) FLAGS as 0 or 1, -1 where the file is silent
    line       (R,) of the box in its file, 0 where unknown
    index      (R,) the object's number in its file, from 0
    lost       why annotations could not be read: {rule: count}
    counts     images "without_annotation", "without_image" and "unreadable_image"
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    paths: list[str]
    member: Bools
    size: Ints
    image: Ints
    label: Ints
    box: Floats
    flags: Ints
    line: Ints
    index: Ints
    lost: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def has_extent(self) -> Bools:
        """(R,) boxes with finite edges in order: those that can be measured."""
        with np.errstate(invalid="ignore"):
            ordered = (self.box[:, 0] < self.box[:, 2]) & (self.box[:, 1] < self.box[:, 3])
        extent: Bools = ordered & np.isfinite(self.box).all(axis=1)
        return extent


def read_columns(
    source: StrPath,
    split: str | None = None,
    *,
    headers: bool = True,
    annotations: StrPath | None = None,
    image_folder: StrPath | None = None,
) -> Columns:
    """The columns of a source, or of one of its splits. SourceError where there is nothing of the kind.

    headers  look at the header of each image; False: take `<size>` at its word
    """
    path = os.fspath(source)
    written = path.lower().endswith(SINGLE_FILES) or tfrecord.are_shards(path)
    if annotations is None and image_folder is None and written:
        return _columns(_of_output(path, split), ())
    opened = open_source(path, annotations=annotations, images=image_folder)
    return _columns(_of_source(opened, split, headers), opened.splits if split is None else (split,))


def _of_output(path: str, split: str | None) -> Iterator[Found]:
    for annotation in read(path, split=split):
        splits = () if annotation.split is None else (annotation.split,)
        image = annotation.image
        size = _claimed(annotation) if image is None else image.upright_size
        yield Found(annotation.xml_path or path, splits, annotation, None, size)


def _of_source(source: Source, split: str | None, headers: bool) -> Iterator[Found]:
    with source.reading_ahead(_files(source, split, headers), image_limit=HEAD) as ahead:
        for pair, splits in pairs_once(source, split):
            name = pair.xml or pair.image or ""
            if pair.xml is None:
                yield Found(source.display(name), splits, lost="annotation-missing")
                continue
            annotation, lost = _annotation(ahead, pair.xml)
            size = None if annotation is None else _claimed(annotation)
            readable = True
            if headers and pair.image is not None:
                try:
                    size = ahead.read_header(pair.image).upright_size
                except FaultyFileError:
                    readable = False
            yield Found(
                source.display(name), splits, annotation, lost, size, pair.image is not None, readable
            )


def _files(source: Source, split: str | None, headers: bool) -> Iterator[tuple[str, int | None]]:
    for pair in source.unique_pairs(split):
        if pair.xml is not None:
            yield from pair.files("xml", "image") if headers else pair.files("xml")


def _annotation(source: Source, xml: str) -> tuple[Annotation | None, str | None]:
    try:
        data = source.read_bytes(xml)
    except FaultyFileError:
        return None, "unparsable"
    annotation, issues = voc.inspect(data, source.display(xml))
    if annotation is None:
        return None, next(issue.rule for issue in issues if issue.severity == "error")
    return annotation, None


def _claimed(annotation: Annotation) -> tuple[int, int] | None:
    size = annotation.size
    return (size.width, size.height) if size and size.width and size.height else None


def _columns(found: Iterable[Found], splits: tuple[str, ...]) -> Columns:
    paths: list[str] = []
    members: list[tuple[str, ...]] = []
    names: dict[str, int] = {}
    sizes, image, label, line, index = (array("q") for _ in range(5))
    boxes, flags = array("d"), array("b")
    lost: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for one in found:
        if one.annotation is None:
            lost[one.lost or "unparsable"] += 1
            continue
        counts["without_image"] += not one.has_image
        counts["unreadable_image"] += not one.image_is_readable
        for number, item in enumerate(one.annotation.objects):
            image.append(len(paths))
            label.append(names.setdefault(item.name, len(names)))
            boxes.extend(_NO_BOX if item.bndbox is None else item.bndbox.as_tuple())
            flags.extend(
                -1 if flag is None else flag for flag in (item.difficult, item.truncated, item.occluded)
            )
            line.append(item.bndbox_line or item.line or 0)
            index.append(number)
        sizes.extend(one.size or (0, 0))
        paths.append(one.path)
        members.append(one.splits)
    counts["without_annotation"] = lost.pop("annotation-missing", 0)
    order = sorted(names)
    place = np.zeros(len(names), np.int64)
    for position, name in enumerate(order):
        place[names[name]] = position
    known = splits or tuple(sorted({name for row in members for name in row}))
    return Columns(
        names=tuple(order),
        splits=known,
        paths=paths,
        member=np.array([[name in row for name in known] for row in members], bool).reshape(
            len(paths), len(known)
        ),
        size=np.array(sizes, np.int64).reshape(-1, 2),
        image=np.array(image, np.int64),
        label=place[np.array(label, np.int64)] if len(label) else np.zeros(0, np.int64),
        box=np.array(boxes, np.float64).reshape(-1, 4),
        flags=np.array(flags, np.int64).reshape(-1, len(FLAGS)),
        line=np.array(line, np.int64),
        index=np.array(index, np.int64),
        lost=lost,
        counts=counts,
    )
