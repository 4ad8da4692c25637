"""Records as JSON data and back. The type hints of the records are the schema, so a wrong value has a place.

A record is an object with all its fields in their order, a tuple an array, a Mapping an object. A Counter has
numbers from 1 on and is sorted. Fields with `metadata=NOT_STORED` are left out, those with SPARE where
they have their default. What a type alone cannot say stands in an `Annotated` hint: json_limits.py.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Literal

from annotools.conversion.json_limits import broken
from annotools.records import record

NOT_STORED: Final[Mapping[str, bool]] = {"stored": False}
SPARE: Final[Mapping[str, bool]] = {"spare": True}
_EMPTY: Final[Counter[str]] = Counter()
_WORDS: Final = {int: "integer", str: "string", bool: "boolean", float: "number"}


@record
class Misfit:
    """A value that is not of its type.

    place      as "splits/train/shards/0/file"
    expected   in words
    """

    place: str
    found: object
    expected: str


@dataclass(slots=True)
class _Reading:
    """Where the reader is, and what it has met that does not fit."""

    at: list[str] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)

    def misfit(self, found: object, expected: str, *below: str) -> None:
        self.misfits.append(Misfit("/".join([*self.at, *below]) or "(the whole)", found, expected))

    def inside(self, name: str, read: _Read, value: Any) -> Any:
        self.at.append(name)
        try:
            return read(value, self)
        finally:
            self.at.pop()


_Read = Callable[[Any, _Reading], Any]


def to_json(value: Any) -> Any:
    """A record, or what is in one, as dicts, lists, numbers, texts, bools and None."""
    if dataclasses.is_dataclass(value):
        return {
            one.name: to_json(getattr(value, one.name))
            for one in dataclasses.fields(value)
            if _stored(one) and not (_is_spare(one) and getattr(value, one.name) in (one.default, _EMPTY))
        }
    if isinstance(value, Counter):
        return dict(sorted(value.items()))
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: Any, value: Any) -> tuple[Any, list[Misfit]]:
    """The record of type `kind` that `to_json` made `value` of, and what does not fit; then it is None."""
    reading = _Reading()
    record = _reader(kind)(value, reading)
    return (None if reading.misfits else record), reading.misfits


def _stored(one: dataclasses.Field[Any]) -> bool:
    return bool(one.metadata.get("stored", True))


def _is_spare(one: dataclasses.Field[Any]) -> bool:
    return bool(one.metadata.get("spare", False))


@cache
def _reader(hint: Any) -> _Read:
    """The function that turns JSON data into a value of the type `hint`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _limited(_reader(arguments[0]), hint.__metadata__)
    if origin is Literal:
        return _limited(_scalar(str), (arguments,))
    if origin in (types.UnionType, typing.Union):
        (kind,) = (one for one in arguments if one is not type(None))
        return _optional(kind)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _fixed(tuple(map(_reader, arguments)))
    if origin in (tuple, list, Sequence):
        return _array(_reader(arguments[0]), list if origin is list else tuple)
    if origin is Counter:
        return _object_of(_reader(Annotated[int, ">= 1"]), Counter)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _object_of(_reader(arguments[1]), dict)
    if dataclasses.is_dataclass(hint):
        return _record(hint)
    return _scalar(hint)


def _scalar(kind: Any) -> _Read:
    def read(value: Any, reading: _Reading) -> Any:
        if type(value) is kind:
            return value
        if kind is int and isinstance(value, float) and value.is_integer():
            return int(value)  # JSON does not tell 2 and 2.0 apart
        reading.misfit(value, _WORDS[kind])
        return None

    return read


def _optional(kind: Any) -> _Read:
    read_value = _reader(kind)
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind

    def read(value: Any, reading: _Reading) -> Any:
        if value is None:
            return None
        before = len(reading.misfits)
        found = read_value(value, reading)
        word = _WORDS.get(bare)
        if word is not None and len(reading.misfits) > before and reading.misfits[-1].expected == word:
            reading.misfits[-1] = dataclasses.replace(reading.misfits[-1], expected=f"{word} or null")
        return found

    return read


def _array(read_item: _Read, make: Callable[[Any], Any]) -> _Read:
    def read(value: Any, reading: _Reading) -> Any:
        if not isinstance(value, list):
            return reading.misfit(value, "array")
        return make(reading.inside(str(index), read_item, item) for index, item in enumerate(value))

    return read


def _fixed(readers: tuple[_Read, ...]) -> _Read:
    def read(value: Any, reading: _Reading) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            return reading.misfit(value, f"array of {len(readers)}")
        pairs = zip(readers, value, strict=True)
        return tuple(reading.inside(str(index), one, item) for index, (one, item) in enumerate(pairs))

    return read


def _object_of(read_item: _Read, make: Callable[[Any], Any]) -> _Read:
    def read(value: Any, reading: _Reading) -> Any:
        if not isinstance(value, dict):
            return reading.misfit(value, "object")
        found = {name: reading.inside(name, read_item, item) for name, item in value.items()}
        return make(found)

    return read


def _record(kind: Any) -> _Read:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [one for one in dataclasses.fields(kind) if _stored(one)]
    readers = {one.name: _reader(hints[one.name]) for one in fields}
    needed = [one.name for one in fields if not _is_spare(one)]

    def read(value: Any, reading: _Reading) -> Any:
        if not isinstance(value, dict):
            return reading.misfit(value, "object")
        for name in needed:
            if name not in value:
                reading.misfit(None, "to be there", name)
        found = {}
        for name, item in value.items():
            if name in readers:
                found[name] = reading.inside(name, readers[name], item)
            else:
                reading.misfit(item, "no such entry", name)
        return None if reading.misfits else kind(**found)

    return read


def _limited(read_value: _Read, limits: Sequence[Any]) -> _Read:
    def read(value: Any, reading: _Reading) -> Any:
        found = read_value(value, reading)
        if found is not None:  # what is of another type has been reported
            for limit in limits:
                if (expected := broken(limit, value)) is not None:
                    reading.misfit(value, expected)
        return found

    return read
