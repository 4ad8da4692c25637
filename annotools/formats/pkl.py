"""annotools' own pickle: all that the records say, in built-in types, one dict for each image.

    {"format": "annotools", "version": 1, "classes": {"cup": 1, ...}, "annotations": [
        {"filename": "a.jpg", "size": {"width": 500, "height": 375, "depth": 3}, "objects": (
            {"name": "cup", "bndbox": (48.0, 240.0, 195.0, 371.0), "difficult": False, "line": 14}, ...),
         "xml_path": "VOC2007/Annotations/a.xml", "split": "train"}, ...]}

Field names are those of annotools.records, and a record as builtins is as pickling/builtins.py has it: fields
that have their default are left out. "display_names" stands beside "classes" when the class map has some.

Any Python loads the file with `pickle.load`; `read` goes through it without executing anything of it and
without holding it in memory. Equal annotations give equal bytes.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from annotools.classes.class_map import ClassMap
from annotools.errors import ClassMapError, PickleError, SourceError
from annotools.files.whole import whole_file
from annotools.formats.entry import Entry, Finding
from annotools.formats.pickling import builtins
from annotools.formats.pickling import reader as pickle_reader
from annotools.formats.pickling.writer import HEADER, Encoder
from annotools.records import Annotation

FORMAT = "annotools"
VERSION = 1
_PATHS: Final = ("xml_path", "image_path")


def shard_name(split: str, index: int, count: int) -> str:
    """`train.pkl`: a split is one file."""
    return f"{split}.pkl"


def write(annotations: Iterable[Annotation], path: str | os.PathLike[str], *, classes: ClassMap) -> int:
    """Write annotations as they come; return how many. After OutputError or PickleError there is no file."""
    encoder = Encoder()
    header: dict[str, object] = {"format": FORMAT, "version": VERSION, "classes": dict(classes.ids)}
    if classes.display_names:
        header["display_names"] = dict(classes.display_names)
    count = 0
    with whole_file(path) as file:
        file.write(HEADER + pickle.EMPTY_DICT + pickle.MARK)
        for key, value in header.items():
            file.write(encoder.key(key) + encoder.encode(value))
        file.write(encoder.key("annotations") + pickle.EMPTY_LIST)
        for annotation in annotations:
            try:
                content = builtins.to_builtins(annotation)
            except builtins.WrongTypeError as error:
                raise PickleError(
                    "a record holds what its type does not allow",
                    path=annotation.xml_path,
                    field=error.field,
                    found=error.found,
                    expected=error.expected,
                ) from None
            file.write(encoder.encode(content) + pickle.APPEND)
            count += 1
        file.write(pickle.SETITEMS + pickle.STOP)
    return count


def read(path: str | os.PathLike[str]) -> Iterator[Annotation]:
    """The annotations in file order, equal to those written, with paths, lines, splits and image headers.

    Raises PickleError for another format or version, damage, and fields of the wrong type; SourceError where
    the file cannot be read.
    """
    where = os.fspath(path)
    values = _open(where)
    _classes(next(values), where)
    for index, content in enumerate(values):
        try:
            annotation: Annotation = builtins.from_builtins(Annotation, content)
        except builtins.WrongTypeError as error:
            raise PickleError(
                f"annotation {index} is damaged",
                path=where,
                field=error.field,
                found=error.found,
                expected=error.expected,
            ) from None
        yield annotation


def read_classes(path: str | os.PathLike[str]) -> ClassMap:
    """The class map, without going through the annotations. Errors as for `read`."""
    where = os.fspath(path)
    return _classes(next(_open(where)), where)


def stored_classes(path: str | os.PathLike[str]) -> Mapping[str, int]:
    """The ids by class that the file itself has."""
    return read_classes(path).ids


def entries(path: str | os.PathLike[str], classes: Mapping[str, int], *, upright: bool) -> Iterator[Entry]:
    """The images of a file for `verify`; errors as for `read`. upright: boxes are as EXIF turns the image."""
    return (entry_of(annotation, classes, upright=upright) for annotation in read(path))


def entry_of(annotation: Annotation, classes: Mapping[str, int], *, upright: bool) -> Entry:
    """The same for one image. The paths, which depend on the name of the source, are not compared."""
    boxes = [one.bndbox.as_tuple() for one in annotation.objects if one.bndbox is not None]
    missing = len(annotation.objects) - len(boxes)
    return Entry(
        key=annotation.xml_path or "",
        split=annotation.split or "",
        says=partial(_said, annotation),
        boxes=boxes,
        size=_size(annotation, upright=upright),
        names=[one.name for one in annotation.objects],
        findings=[Finding("box", None, "an object without a box", missing, 0)] if missing else (),
    )


def _said(annotation: Annotation) -> dict[str, Any]:
    return {name: value for name, value in builtins.to_builtins(annotation).items() if name not in _PATHS}


def _size(annotation: Annotation, *, upright: bool) -> tuple[int | None, int | None]:
    """The size of the image in the frame of its boxes; None where nothing tells it."""
    if annotation.image is not None:
        return annotation.image.upright_size if upright else (annotation.image.width, annotation.image.height)
    size = annotation.size
    return (size and size.width) or None, (size and size.height) or None


def _open(path: str) -> Iterator[Any]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise PickleError("an empty file", path=path)
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=path) from error
    with content:
        yield from pickle_reader.stream(content, "annotations", path=path)


def _classes(header: dict[Any, Any], path: str) -> ClassMap:
    if header.get("format") != FORMAT:
        raise PickleError("not a pickle of annotools", path=path, field="format", found=header.get("format"))
    if header.get("version") != VERSION:
        raise PickleError(
            "a version that this annotools does not read",
            path=path,
            field="version",
            found=header.get("version"),
            expected=str(VERSION),
        )
    ids, display_names = header.get("classes"), header.get("display_names", {})
    if not isinstance(ids, dict) or not isinstance(display_names, dict):
        raise PickleError("no class map", path=path, field="classes", found=ids)
    try:
        return ClassMap(ids, display_names)
    except ClassMapError as error:
        raise PickleError(error.message, path=path, field="classes", found=error.found) from error
