"""The line of a finding, with marks under the words that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from annotools.files.columns import width
from annotools.issues import Issue
from annotools.sources.storage import printable

_WIDTH: Final = 88
_BEFORE: Final = 30
"""Letters of a long line that are shown before the marks."""
_LINES_OF_AN_OBJECT: Final = 40
_LARGEST: Final = 1 << 20


def excerpt(issue: Issue) -> Iterator[str]:
    """Two lines: the source with its number, and the marks. Nothing where there is no local XML file.

    The line is that of the tag which the message names, if it stands in the element at the issue's line.
    """
    if issue.path is None or issue.line is None or not issue.path.lower().endswith(".xml"):
        return
    lines = _lines_of(issue.path)
    if not 0 < issue.line <= len(lines):
        return
    number, start, end = _place(lines, issue.line - 1, issue.message)
    text = lines[number]
    cut = max(0, start - _BEFORE) if len(text) > _WIDTH else 0
    shown = printable(text[cut : cut + _WIDTH].replace("\t", " "))
    before = printable(text[cut:start].replace("\t", " "))
    marked = printable(text[start : min(end, cut + _WIDTH)].replace("\t", " "))
    margin = f"  {number + 1:>6} | "
    lead, tail = "..." if cut else "", "..." if len(text) > cut + _WIDTH else ""
    yield f"{margin}{lead}{shown}{tail}"
    yield f"{' ' * (len(margin) - 2)}| {' ' * width(lead + before)}{'^' * max(1, width(marked))}"


def _place(lines: Sequence[str], first: int, message: str) -> tuple[int, int, int]:
    """(index of the line, start, end) of what the message is about."""
    for word in dict.fromkeys(re.findall(r"[a-z_]+", message)):
        for number in range(first, min(first + _LINES_OF_AN_OBJECT, len(lines))):
            text = lines[number]
            if found := re.search(rf"<{word}>([^<]*[^<\s][^<]*)<", text):
                return number, *found.span(1)
            if number > first and re.search(r"</object>|<object[ >]", text):
                break
    text = lines[first]
    return first, len(text) - len(text.lstrip()), len(text.rstrip())


def _lines_of(path: str) -> Sequence[str]:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError):
        return ()
    if len(data) > _LARGEST or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ()
    return [line.rstrip("\r") for line in data.decode(errors="backslashreplace").split("\n")]
