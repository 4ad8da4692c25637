"""Whether the arguments of an op are what they have to be; each check raises OptionError with the field."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from annotools.errors import OptionError


def check_number(value: object, field: str, least: float = -math.inf, most: float = math.inf) -> None:
    """A number from `least` to `most`."""
    if not is_number(value) or not least <= value <= most:  # type: ignore[operator]
        expected = "a number" if most == math.inf == -least else f"a number from {least} to {most}"
        raise OptionError("out of range or no number", field=field, found=value, expected=expected)


def check_count(value: object, field: str, least: int | None = 1) -> None:
    """A whole number, of at least `least`."""
    if not _is_whole(value) or (least is not None and value < least):  # type: ignore[operator]
        expected = "a whole number" if least is None else f"a whole number from {least}"
        raise OptionError("not a count", field=field, found=value, expected=expected)


def check_range(bounds: object, field: str, least: float, most: float = math.inf) -> None:
    """A pair of numbers with least <= low <= high <= most."""
    pair = numbers_in(bounds, 2)
    if pair is None or not least <= pair[0] <= pair[1] <= most:
        expected = f"(low, high) with {least} <= low <= high" + ("" if most == math.inf else f" <= {most}")
        raise OptionError("not a range", field=field, found=bounds, expected=expected)


def check_size(size: object, field: str = "size") -> None:
    """Two whole numbers of at least 1."""
    pair = numbers_in(size, 2)
    if pair is None or not all(_is_whole(side) and side >= 1 for side in pair):
        raise OptionError("not a size", field=field, found=size, expected="(height, width) in pixels")


def check_fill(fill: object, field: str = "fill") -> None:
    """None, or three whole numbers in 0..255."""
    color = numbers_in(fill, 3)
    if fill is not None and not (color and all(_is_whole(c) and 0 <= c <= 255 for c in color)):
        raise OptionError("not a colour", field=field, found=fill, expected="(red, green, blue) in 0 to 255")


def check_choice(value: object, field: str, choices: Sequence[str]) -> None:
    """One of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise OptionError("unknown choice", field=field, found=value, expected=", ".join(choices))


def check_flag(value: object, field: str) -> None:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError("not a flag", field=field, found=value, expected="True or False")


def check_function(function: object, field: str, expected: str) -> None:
    """Something to be called with two arguments."""
    if not takes_two(function):
        raise OptionError("not such a function", field=field, found=function, expected=expected)


def check_classes(classes: object, field: str) -> tuple[str | int, ...]:
    """Names of classes or labels from 0, or one of them, as a tuple."""
    several = classes if isinstance(classes, (tuple, list)) else (classes,)
    for one in several:
        if not isinstance(one, str) and not (_is_whole(one) and one >= 0):
            raise OptionError("not a class", field=field, found=one, expected="a name, or a label from 0")
    return tuple(several)


def takes_two(function: object) -> bool:
    """Whether it can be called with two arguments, and is no class."""
    if not callable(function) or isinstance(function, type):
        return False
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # of a callable that does not tell its arguments
        return True
    return True


def numbers_in(values: object, count: int | None = None) -> tuple[Any, ...] | None:
    """The numbers of a tuple or list, None where it is none or has not `count` of them."""
    if not isinstance(values, (tuple, list)) or not all(is_number(value) for value in values):
        return None
    return None if count is not None and len(values) != count else tuple(values)


def is_number(value: object) -> bool:
    """Whether it is a real number, and no bool or NaN."""
    return not isinstance(value, bool) and isinstance(value, numbers.Real) and not math.isnan(value)


def _is_whole(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, numbers.Integral)
