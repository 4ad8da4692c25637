"""The items of a long list in JSON, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def items(values: Iterable[Any], indent: str) -> Iterator[str]:
    """What stands between the brackets of a list whose items are indented so, as json.dumps has it."""
    end = ""
    for value in values:
        yield f"{',' if end else ''}\n{indent}{indented(value, indent)}"
        end = f"\n{indent[1:]}"
    yield end


def indented(value: Any, indent: str) -> str:
    """A value in JSON; all lines but the first are indented."""
    return json.dumps(value, ensure_ascii=False, indent=1).replace("\n", f"\n{indent}")
