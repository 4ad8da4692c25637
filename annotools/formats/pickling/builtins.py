"""Records as built-in types and back; the type hints of the records are the schema.

A record whose fields all have a value (Box, Point, RotatedBox) becomes a tuple in the order of its fields;
any other becomes a dict without the fields that have their default. `from_builtins` checks every type, for
what it is given may come from a damaged or hostile file.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

Function = Callable[[Any], Any]
_SCALARS = (str, int, bool, float)


class WrongTypeError(Exception):
    """A value that a field cannot have. `fields` are the names that lead to it, innermost first."""

    def __init__(self, found: object, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected
        self.fields: list[str] = []

    @property
    def field(self) -> str | None:
        return "/".join(reversed(self.fields)) or None


def to_builtins(record: Any) -> Any:
    """A record as dicts, tuples, str, int, float, bool and None; the same types for equal records.

    WrongTypeError where a field holds what its type hint does not allow.
    """
    return _encoder(record.__class__)(record)


def from_builtins(kind: type, value: Any) -> Any:
    """The record of type `kind` of which `to_builtins` made `value`. WrongTypeError for anything else."""
    return _decoder(kind)(value)


@cache
def _encoder(hint: Any) -> Function:
    if hint in _SCALARS:
        return _converter(hint)
    if not dataclasses.is_dataclass(hint):
        return _structure(hint, _encoder)
    fields = dataclasses.fields(hint)
    names = [field.name for field in fields]
    hints = typing.get_type_hints(hint)
    if _is_positional(hint):
        take_apart, encode_values = (
            operator.attrgetter(*names),
            _fixed([hints[name] for name in names], _encoder),
        )

        def encode_positional(record: Any) -> Any:
            return encode_values(take_apart(_exact(record, hint)))

        return encode_positional
    plan = [(field.name, field.default, _encoder(hints[field.name])) for field in fields]

    def encode(record: Any) -> Any:
        _exact(record, hint)
        plain = {}
        name = ""
        try:
            for name, default, encode_field in plan:
                value = getattr(record, name)
                if value is not default and (default is None or value != default):
                    plain[name] = encode_field(value)
        except WrongTypeError as error:
            error.fields.append(name)
            raise
        return plain

    return encode


@cache
def _decoder(hint: Any) -> Function:
    if hint in _SCALARS:
        return lambda plain: _exact(plain, hint)
    if not dataclasses.is_dataclass(hint):
        return _structure(hint, _decoder)
    fields = dataclasses.fields(hint)
    hints = typing.get_type_hints(hint)
    make: Any = hint
    if _is_positional(hint):
        decode_values = _fixed([hints[field.name] for field in fields], _decoder)
        return lambda plain: make(*decode_values(plain))
    decoders = {field.name: _decoder(hints[field.name]) for field in fields}
    required = {field.name for field in fields if field.default is dataclasses.MISSING}

    def decode(plain: Any) -> Any:
        values = {}
        name: Any = ""
        try:
            for name, value in _exact(plain, dict).items():
                if name not in decoders:
                    raise WrongTypeError(name, f"a field of {make.__name__}")
                values[name] = decoders[name](value)
        except WrongTypeError as error:
            error.fields.append(str(name))
            raise
        if not required <= values.keys():
            raise WrongTypeError(plain, f"a dict with {', '.join(sorted(required))}")
        return make(**values)

    return decode


def _structure(hint: Any, coder: Callable[[Any], Function]) -> Function:
    """The function for a union or a tuple, in the direction of `coder`: _encoder or _decoder."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is types.UnionType:
        return _union(arguments, coder)
    if typing.get_origin(hint) is not tuple:
        raise TypeError(f"no plain form for {hint}")
    if arguments[1:] != (...,):
        return _fixed(arguments, coder)
    code_item = coder(arguments[0])
    return lambda value: tuple([code_item(item) for item in _exact(value, tuple)])


def _fixed(kinds: typing.Sequence[Any], coder: Callable[[Any], Function]) -> Function:
    """For a tuple of scalars, one of each kind."""
    exact = tuple(kinds)
    assert set(exact) <= set(_SCALARS), kinds
    functions = [coder(kind) for kind in exact]

    def code(value: Any) -> Any:
        if tuple(map(type, _exact(value, tuple))) == exact:
            return value
        if len(value) != len(exact):
            raise WrongTypeError(value, f"{len(exact)} values")
        return tuple([function(item) for function, item in zip(functions, value, strict=True)])

    return code


def _union(alternatives: tuple[Any, ...], coder: Callable[[Any], Function]) -> Function:
    """`X | None` of any X, or of two records of which one becomes a tuple and the other a dict."""
    kinds: list[Any] = [kind for kind in alternatives if kind is not type(None)]
    if len(kinds) == 1:
        (kind,), code_value = kinds, coder(kinds[0])
        if kind in _SCALARS:
            return lambda value: value if value is None or type(value) is kind else code_value(value)
        return lambda value: None if value is None else code_value(value)
    by_type = {kind if coder is _encoder else _builtin_type(kind): coder(kind) for kind in kinds}
    assert len(by_type) == len(kinds), alternatives
    expected = " or ".join(str(kind.__name__) for kind in kinds)

    def code(value: Any) -> Any:
        if value is None:
            return None
        code_value = by_type.get(type(value))
        if code_value is None:
            raise WrongTypeError(value, expected)
        return code_value(value)

    return code


def _converter(kind: Any) -> Function:
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
        raise WrongTypeError(value, kind.__name__)

    return convert


def _exact(value: Any, kind: Any) -> Any:
    if type(value) is not kind:
        raise WrongTypeError(value, kind.__name__)
    return value


def _is_positional(record: Any) -> bool:
    return all(field.default is dataclasses.MISSING for field in dataclasses.fields(record))


def _builtin_type(record: Any) -> type:
    return tuple if _is_positional(record) else dict
