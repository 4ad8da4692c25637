"""A change of a file as a unified diff."""

from __future__ import annotations

import difflib

from annotools.sources.storage import printable


def unified(path: str, old: bytes, new: bytes) -> str:
    """The diff from `old` to `new`, with the path on both heads. Control characters are escaped."""
    before, after = (_lines(data) for data in (old, new))
    return "".join(
        f"{line}\n"
        for line in difflib.unified_diff(before, after, printable(path), printable(path), lineterm="")
    )


def _lines(data: bytes) -> list[str]:
    text = data.decode(errors="backslashreplace")
    return [printable(line).replace("\\t", "\t") for line in text.removesuffix("\n").split("\n")]
