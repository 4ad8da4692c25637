"""Text of other programs: its encoding told by the byte order mark."""

from __future__ import annotations

import codecs

# UTF-32 first: its mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def has_wide_mark(data: bytes) -> bool:
    """Whether the text is UTF-16 or UTF-32 by its byte order mark, so that its lines end with other bytes."""
    return any(data.startswith(mark) for mark, encoding in _MARKS if encoding != "utf-8")


def decode(data: bytes, errors: str = "strict") -> str:
    """The text of a file, without its byte order mark: UTF-8, UTF-16 (PowerShell, Notepad) or UTF-32.

    Without a mark it is UTF-8. `errors` is that of `bytes.decode`. Raises UnicodeDecodeError.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors)
    return data.decode("utf-8", errors)
