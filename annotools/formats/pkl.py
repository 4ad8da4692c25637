"""annotools' own pickle: all that the records say, in built-in types, one dict for each image.

    {"format": "annotools", "version": 1, "classes": {"cup": 1, ...}, "annotations": [
        {"filename": "a.jpg", "size": {"width": 500, "height": 375, "depth": 3}, "objects": (
            {"name": "cup", "bndbox": (48.0, 240.0, 195.0, 371.0), "difficult": False, "line": 14}, ...),
         "xml_path": "VOC2007/Annotations/a.xml", "split": "train"}, ...]}

Field names are those of annotools.records. A record whose fields all have a value (Box, Point, RotatedBox) is
a tuple in the order of its fields; any other is a dict without the fields that have their default.
"display_names" stands beside "classes" when the class map has some.

Any Python loads the file with `pickle.load`; `read` goes through it without executing anything of it and
without holding it in memory. Equal annotations give equal bytes.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import pickle
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from annotools import safe_pickle
from annotools.classes import ClassMap
from annotools.errors import ClassMapError, PickleError, SourceError
from annotools.pickle_writer import HEADER, Encoder, PickleFile
from annotools.records import Annotation

FORMAT = "annotools"
VERSION = 1


def write(annotations: Iterable[Annotation], path: str | os.PathLike[str], *, classes: ClassMap) -> int:
    """Write annotations as they come; return how many. After OutputError or PickleError there is no file."""
    encoder = Encoder()
    to_plain = _coder(Annotation).to_plain
    header: dict[str, object] = {"format": FORMAT, "version": VERSION, "classes": dict(classes.ids)}
    if classes.display_names:
        header["display_names"] = dict(classes.display_names)
    count = 0
    with PickleFile(path) as file:
        file.write(HEADER + pickle.EMPTY_DICT + pickle.MARK)
        for key, value in header.items():
            file.write(encoder.key(key) + encoder.encode(value))
        file.write(encoder.key("annotations") + pickle.EMPTY_LIST)
        for annotation in annotations:
            try:
                plain = to_plain(annotation)
            except _WrongTypeError as error:
                raise PickleError(
                    "a record cannot be written", path=annotation.xml_path, **error.details()
                ) from None
            file.write(encoder.encode(plain) + pickle.APPEND)
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
    from_plain = _coder(Annotation).from_plain
    for index, plain in enumerate(values):
        try:
            yield from_plain(plain)
        except _WrongTypeError as error:
            raise PickleError(f"annotation {index} is damaged", path=where, **error.details()) from None


def read_classes(path: str | os.PathLike[str]) -> ClassMap:
    """The class map, without going through the annotations. Errors as for `read`."""
    where = os.fspath(path)
    return _classes(next(_open(where)), where)


def _open(path: str) -> Iterator[Any]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise PickleError("an empty file", path=path)
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=path) from error
    with content:
        yield from safe_pickle.stream(content, "annotations", path=path)


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


class _WrongTypeError(Exception):
    """A value that a field cannot have; the names of the fields that lead to it are added on the way out."""

    def __init__(self, found: object, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected
        self.fields: list[str] = []

    def details(self) -> dict[str, Any]:
        return {
            "field": "/".join(reversed(self.fields)) or None,
            "found": self.found,
            "expected": self.expected,
        }


class _Coder(NamedTuple):
    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]


@cache
def _coder(hint: Any) -> _Coder:
    """How values of a type become built-in types and back. The type hints of the records are the schema."""
    if hint in (str, int, bool, float):
        return _Coder(_converter(hint), _checker(hint))
    if dataclasses.is_dataclass(hint):
        return _record_coder(hint)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is types.UnionType:
        return _union_coder(arguments)
    if typing.get_origin(hint) is tuple:
        return _tuple_coder(arguments)
    raise TypeError(f"no way to write {hint}")


def _checker(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise _WrongTypeError(value, kind.__name__)
        return value

    return check


def _converter(kind: type) -> Callable[[Any], Any]:
    """A kindred number or text becomes the exact type, so that Box(1, ...) is written as Box(1.0, ...) is."""
    kindred: tuple[type, ...] = {float: (float, int), int: (int,), str: (str,)}.get(kind, ())

    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        if isinstance(value, kindred) and not isinstance(value, bool):
            try:
                return kind(value)
            except OverflowError:
                pass
        raise _WrongTypeError(value, kind.__name__)

    return convert


def _union_coder(alternatives: tuple[Any, ...]) -> _Coder:
    """`X | None` of any X, or of two records of which one is written as a tuple and one as a dict."""
    kinds = [kind for kind in alternatives if kind is not type(None)]
    by_type = {kind: _coder(kind) for kind in kinds}
    by_plain = {_plain_type(kind): coder for kind, coder in by_type.items()}
    expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in alternatives)
    only = by_type[kinds[0]] if len(kinds) == 1 else None
    assert len(by_plain) == len(kinds), alternatives

    def to_plain(value: Any) -> Any:
        if value is None:
            return None
        coder = only or by_type.get(type(value))
        if coder is None:
            raise _WrongTypeError(value, expected)
        return coder.to_plain(value)

    def from_plain(plain: Any) -> Any:
        if plain is None:
            return None
        coder = only or by_plain.get(type(plain))
        if coder is None:
            raise _WrongTypeError(plain, expected)
        return coder.from_plain(plain)

    return _Coder(to_plain, from_plain)


def _tuple_coder(arguments: tuple[Any, ...]) -> _Coder:
    if len(arguments) == 2 and arguments[1] is ...:
        item = _coder(arguments[0])

        def to_plain(value: Any) -> Any:
            return tuple([item.to_plain(part) for part in _exact(value, tuple)])

        def from_plain(plain: Any) -> Any:
            return tuple([item.from_plain(part) for part in _exact(plain, tuple)])

        return _Coder(to_plain, from_plain)
    return _fixed_coder(tuple([_coder(argument) for argument in arguments]), lambda value: value, tuple)


def _fixed_coder(
    parts: tuple[_Coder, ...], take_apart: Callable[[Any], Any], put_together: Callable[[Any], Any]
) -> _Coder:
    """For a tuple of fixed length, or what is made of one."""

    def to_plain(value: Any) -> Any:
        values = take_apart(value)
        if len(_exact(values, tuple)) != len(parts):
            raise _WrongTypeError(value, f"{len(parts)} values")
        return tuple([part.to_plain(item) for part, item in zip(parts, values, strict=True)])

    def from_plain(plain: Any) -> Any:
        if len(_exact(plain, tuple)) != len(parts):
            raise _WrongTypeError(plain, f"{len(parts)} values")
        return put_together([part.from_plain(item) for part, item in zip(parts, plain, strict=True)])

    return _Coder(to_plain, from_plain)


def _exact(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise _WrongTypeError(value, kind.__name__)
    return value


def _is_positional(record: Any) -> bool:
    return all(field.default is dataclasses.MISSING for field in dataclasses.fields(record))


def _plain_type(kind: Any) -> type:
    if dataclasses.is_dataclass(kind):
        return tuple if _is_positional(kind) else dict
    return typing.get_origin(kind) or kind  # type: ignore[no-any-return]


def _record_coder(record: Any) -> _Coder:
    hints = typing.get_type_hints(record)
    fields = [(f.name, f.default, _coder(hints[f.name])) for f in dataclasses.fields(record)]
    if _is_positional(record):
        names = [name for name, _, _ in fields]

        def values(value: Any) -> tuple[Any, ...]:
            _exact(value, record)
            return tuple([getattr(value, name) for name in names])

        return _fixed_coder(tuple([coder for _, _, coder in fields]), values, lambda items: record(*items))
    required = {name for name, default, _ in fields if default is dataclasses.MISSING}
    decoders = {name: coder.from_plain for name, _, coder in fields}

    def to_plain(value: Any) -> Any:
        _exact(value, record)
        plain = {}
        for name, default, coder in fields:
            item = getattr(value, name)
            if item is default or (default is not None and item == default):
                continue
            try:
                plain[name] = coder.to_plain(item)
            except _WrongTypeError as error:
                error.fields.append(name)
                raise
        return plain

    def from_plain(plain: Any) -> Any:
        values = {}
        for name, item in _exact(plain, dict).items():
            try:
                if name not in decoders:
                    raise _WrongTypeError(name, f"a field of {record.__name__}")
                values[name] = decoders[name](item)
            except _WrongTypeError as error:
                error.fields.append(str(name))
                raise
        missing = required - values.keys()
        if missing:
            raise _WrongTypeError(plain, f"{record.__name__} with {', '.join(sorted(missing))}")
        return record(**values)

    return _Coder(to_plain, from_plain)
