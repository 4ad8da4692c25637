"""The pickles of annotools and of ssd_keras, with the folder of their images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.errors import AnnotoolsError, ImageError, OptionError, PickleError
from annotools.formats import pkl, ssd_pickle
from annotools.images import header as image_headers
from annotools.images import turn_pixels
from annotools.issues import DataError, Issue
from annotools.loader.options import StrPath
from annotools.loader.sources.image_table import ImageTable, Scratch, table_of
from annotools.loader.sources.split_choice import choose_split
from annotools.records import Example
from annotools.sources.file_kinds import is_image


@dataclass(frozen=True, slots=True)
class _Row:
    """One image of a pickle. Boxes are xyxy, in pixels or, `relative`, in shares of the upright image."""

    filename: str
    boxes: tuple[tuple[float, ...], ...]
    labels: tuple[int, ...]
    difficult: tuple[int, ...]
    relative: bool


def open_pickle(
    path: str, split: str | None, *, images_folder: StrPath | None, classes: ClassMap | None
) -> ImageTable:
    """The examples of a pickle. Its boxes are in the upright image, so a file with an EXIF turn is turned.

    DataError with every image that is missing or cannot be read.
    """
    if images_folder is None:
        raise OptionError(
            "a pickle holds no pixels", path=path, field="images", expected="the folder of its images"
        )
    try:
        known: ClassMap | None = classes or pkl.read_classes(path)
        rows = list(_own_rows(path, split, classes))
    except PickleError:
        known = classes or _classes_beside(path)
        rows = list(_ssd_rows(path, known))
    finder, scratch = _Finder(Path(images_folder)), Scratch()
    found, issues = [], []
    for row in rows:
        try:
            found.append(_example(row, finder.find(row.filename), scratch))
        except AnnotoolsError as error:
            issues.append(Issue.from_error("image-unreadable", error, os.fspath(images_folder)))
    if issues:
        raise DataError(
            f"{len(issues)} of {len(rows)} images cannot be used: {issues[0]}", path=path, issues=issues
        )
    return table_of(path, known, found, is_local=scratch.is_used)


def _own_rows(path: str, split: str | None, classes: ClassMap | None) -> Iterator[_Row]:
    known = pkl.read_classes(path) if classes is None else classes
    annotations = list(pkl.read(path))
    splits = sorted({annotation.split or "" for annotation in annotations})
    if split is not None or len(splits) > 1:
        chosen = choose_split(split, splits, path)
        annotations = [annotation for annotation in annotations if (annotation.split or "") == chosen]
    for annotation in annotations:
        objects = [one for one in annotation.objects if one.bndbox is not None]
        yield _Row(
            filename=_name_of(annotation.image_path, annotation.filename),
            boxes=tuple(one.bndbox.as_tuple() for one in objects if one.bndbox is not None),
            labels=tuple(known.id(one.name, path=path, line=one.line) for one in objects),
            difficult=tuple(int(bool(one.difficult)) for one in objects),
            relative=False,
        )


def _name_of(image_path: str | None, filename: str | None) -> str:
    """The image file that was found at conversion; `<filename>`, which may be wrong, where there was none."""
    return os.path.basename(image_path) if image_path else filename or ""


def _ssd_rows(path: str, classes: ClassMap | None) -> Iterator[_Row]:
    for key, rows in ssd_pickle.read(path).items():
        columns = rows[:, 4:].argmax(-1) if len(rows) else rows[:, 0]
        ids = [classes.ids[name] for name in classes.names] if classes else range(1, rows.shape[1] - 3)
        if len(ids) != rows.shape[1] - 4:
            raise PickleError(
                "not as many one-hot columns as there are classes",
                path=path,
                field=key,
                found=rows.shape[1] - 4,
                expected=str(len(ids)),
            )
        yield _Row(
            filename=key,
            boxes=tuple(tuple(row[:4].tolist()) for row in rows),
            labels=tuple(ids[int(column)] for column in columns),
            difficult=(0,) * len(rows),
            relative=True,
        )


def _classes_beside(path: str) -> ClassMap | None:
    beside = ssd_pickle.classes_path(path)
    return ClassMap.from_file(beside) if beside.is_file() else None


class _Finder:
    """Images by name in one folder; by stem where a key of the pickle is the name of an XML file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_stem: dict[str, Path] | None = None

    def find(self, filename: str) -> Path:
        path = self.folder / filename
        if filename and path.is_file() and is_image(filename):
            return path
        if self._by_stem is None:
            self._by_stem = {one.stem: one for one in self.folder.rglob("*") if is_image(one.name)}
        found = self._by_stem.get(Path(filename).stem)
        if found is None:
            raise ImageError("there is no such image", path=str(self.folder), found=filename)
        return found


def _example(row: _Row, path: Path, scratch: Scratch) -> tuple[Example, str]:
    data = path.read_bytes()
    image = image_headers.read_header(data, str(path))
    if image_headers.is_truncated(data, image):
        raise ImageError("the data stops before its end marker", path=str(path), found=f"{len(data)} bytes")
    file = os.path.abspath(path)
    if image.orientation != 1:
        data, image = turn_pixels.upright(data, image, str(path))
        file = scratch.put(data)
    width, height = image.width, image.height
    scale = (width, height, width, height) if row.relative else (1, 1, 1, 1)
    boxes = tuple((a * scale[0], b * scale[1], c * scale[2], d * scale[3]) for a, b, c, d in row.boxes)
    example = Example(
        id=path.stem,
        filename=path.name,
        source_id=path.name,
        width=width,
        height=height,
        format=image.format,
        boxes=boxes,
        labels=row.labels,
        difficult=row.difficult,
    )
    return example, file
