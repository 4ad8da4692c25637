"""One class as a caller or a file gives it, before a ClassMap checks it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A class with its id; `line` is where the file has it."""

    id: Any
    name: Any
    display_name: Any = None
    line: int | None = None
