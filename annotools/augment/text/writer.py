"""Ops as text: `cutout(holes=2)`, what differs from the defaults; and as JSON, with all arguments."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z])")


def short_name(name: str) -> str:
    """`IoUCrop` -> `iou_crop`"""
    return _WORD.sub("_", name).lower()


def written(value: object) -> str:
    """An op, or the argument of one: `sometimes(rotate(degrees=30), p=0.2)`, `(0.5, 1.5)`, `exact`."""
    if isinstance(value, str):
        return value if value.isidentifier() else repr(value)
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, (tuple, list)):
        inside = ", ".join(written(one) for one in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if dataclasses.is_dataclass(value):
        given = ", ".join(_arguments(value))
        name = short_name(type(value).__name__)
        return f"{name}({given})" if given else name
    return _name_of(value) if callable(value) else repr(value)


def as_json(value: object) -> Any:
    """The same as lists, numbers, strings and, for an op, `{"Cutout": {"holes": 2, ...}}`."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [as_json(one) for one in value]
    if dataclasses.is_dataclass(value):
        fields = {one.name: as_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {type(value).__name__: fields}
    return _name_of(value)


def _arguments(value: Any) -> list[str]:
    """What has no default comes first and without its name."""
    given = []
    for field in dataclasses.fields(value):
        own = getattr(value, field.name)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            given.append(written(own))
        elif own != field.default:
            given.append(f"{field.name}={written(own)}")
    return given


def _name_of(function: object) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
