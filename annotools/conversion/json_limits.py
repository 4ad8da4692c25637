"""What the type of a value cannot say: metadata of an `Annotated` hint.

Annotated[str, ("fail", "skip")]            one of these
Annotated[str, re.compile("^[0-9a-f]{64}$")]
Annotated[int, ">= 1"]                      also the size of an array or object
Annotated[tuple[str, ...], EACH_ONCE]
"""

from __future__ import annotations

import re
from typing import Any, Final

EACH_ONCE: Final = "each once"


def broken(limit: Any, value: Any) -> str | None:
    """What the limit expects, if the value is not so."""
    if isinstance(limit, tuple):
        return None if any(_equal(value, one) for one in limit) else " or ".join(map(repr, limit))
    if isinstance(limit, re.Pattern):
        return None if limit.search(value) else f"text like {limit.pattern}"
    if limit == EACH_ONCE:
        return limit if any(one in value[:index] for index, one in enumerate(value)) else None
    least = int(limit.removeprefix(">= "))
    if isinstance(value, dict | list):
        noun = " entries" if isinstance(value, dict) else ""
        return f"{least}{noun} or more" if len(value) < least else None
    return f"{least} or more" if value < least else None


def _equal(value: Any, constant: Any) -> bool:
    return isinstance(value, bool) is isinstance(constant, bool) and bool(value == constant)
