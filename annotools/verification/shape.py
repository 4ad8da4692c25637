"""Does a JSON value fit its schema? The part of JSON Schema that schemas/manifest.schema.json uses.

A validator is a dependency that only the tests need; they hold this one against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "null": type(None),
}

Misfit = tuple[str, object, str]


def misfits(value: Any, schema: Mapping[str, Any]) -> Iterator[Misfit]:
    """(place such as "splits/train/shards/0/file", what was found there, what was expected)."""
    yield from _misfits(value, schema, schema, ())


def _misfits(
    value: Any, rule: Mapping[str, Any], schema: Mapping[str, Any], at: tuple[str, ...]
) -> Iterator[Misfit]:
    place = "/".join(at) or "(the whole)"
    if "$ref" in rule:
        yield from _misfits(value, schema["$defs"][rule["$ref"].rpartition("/")[2]], schema, at)
        return
    if "const" in rule and not _equal(value, rule["const"]):
        yield place, value, repr(rule["const"])
    if "enum" in rule and not any(_equal(value, one) for one in rule["enum"]):
        yield place, value, " or ".join(map(repr, rule["enum"]))
    types = rule.get("type", ())
    types = [types] if isinstance(types, str) else types
    if types and not any(_is(value, name) for name in types):
        yield place, value, " or ".join(types)
        return
    if isinstance(value, dict):
        yield from _misfits_of_object(value, rule, schema, at)
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield place, value, f"{rule['minItems']} or more"
        if rule.get("uniqueItems") and any(one in value[:i] for i, one in enumerate(value)):
            yield place, value, "each once"
        for index, item in enumerate(value):
            yield from _misfits(item, rule.get("items", {}), schema, (*at, str(index)))
    elif isinstance(value, str):
        if "pattern" in rule and not re.search(rule["pattern"], value):
            yield place, value, f"text like {rule['pattern']}"
    elif _is(value, "integer") and value < rule.get("minimum", value):
        yield place, value, f"{rule['minimum']} or more"


def _misfits_of_object(
    value: Mapping[str, Any], rule: Mapping[str, Any], schema: Mapping[str, Any], at: tuple[str, ...]
) -> Iterator[Misfit]:
    place = "/".join(at) or "(the whole)"
    for name in rule.get("required", ()):
        if name not in value:
            yield "/".join((*at, name)), None, "to be there"
    if len(value) < rule.get("minProperties", 0):
        yield place, value, f"{rule['minProperties']} entries or more"
    for name, item in value.items():
        inner = rule.get("properties", {}).get(name, rule.get("additionalProperties", {}))
        if inner is False:
            yield "/".join((*at, name)), item, "no such entry"
        else:
            yield from _misfits(item, inner, schema, (*at, name))


def _is(value: Any, name: str) -> bool:
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def _equal(value: Any, constant: Any) -> bool:
    return isinstance(value, bool) is isinstance(constant, bool) and bool(value == constant)
