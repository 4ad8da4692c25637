"""Colours of the terminal: on a terminal, unless NO_COLOR is set; elsewhere if FORCE_COLOR is.

https://no-color.org ; where both are set NO_COLOR wins, as in Python itself.
"""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1"}


def wanted(stream: TextIO | None = None) -> bool:
    """Whether what goes to a stream, stdout by default, is coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    out = sys.stdout if stream is None else stream
    return os.environ.get("TERM") != "dumb" and out.isatty()


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour of `_CODES` if colours are wanted on the stream."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if wanted(stream) else text
