"""The bytes of an annotation file: how they are read, what encoding they are in, what can be wrong with them.

lxml (tree.py) sees UTF-8 only: every other encoding goes through Python's codecs first, so that the answer
does not depend on how libxml2 was built. Nothing here needs lxml, and a plain file (fast_reader.py) does not.
"""

from __future__ import annotations

import codecs
import os
import re
from typing import NamedTuple

from annotools.errors import ParseError, SourceError
from annotools.files.system import open_to_read
from annotools.issues import Severity

MAX_BYTES = 64 * 1024 * 1024
"""The largest annotation file that is read. 64 MiB is about 150,000 objects; more is not one image."""

BLANK = " \t\r\n"
"""What XML counts as white space. str.strip() would also eat full-width and no-break blanks."""

_FIRST_READ = 16 * 1024

_BOMS = (  # UTF-32 first: its little-endian mark starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
_DECLARATION = re.compile(rb"<\?xml\s[^<>]*?\?>")
_DECLARED = re.compile(rb"""\sencoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})\s*["']""")
_UTF8_NAMES = frozenset({"utf-8", "utf8", "UTF-8", "UTF8"})
# Files that say GB2312 hold GBK characters as a rule; GB18030 contains both (WHATWG Encoding Standard).
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8"}
# Python calls these text encodings, but no XML file is in them and some are slow on hostile input.
_NOT_ENCODINGS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"})


class DocumentError(ParseError):
    """The file as a whole cannot be read; `rule` is unparsable, encoding or wrong-root."""

    def __init__(
        self,
        rule: str,
        message: str,
        *,
        line: int | None = None,
        field: str | None = None,
        found: object = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(message, line=line, field=field, found=found, expected=expected)
        self.rule = rule


class Fault(NamedTuple):
    """One finding of the reader: the error that `parse` raises, and what an Issue needs besides."""

    rule: str
    severity: Severity
    error: ParseError
    object_index: int | None
    fix: str | None = None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of one annotation file.

    Raises ParseError for a file over MAX_BYTES (before anything is read, or as soon as a pipe has given
    that much) and SourceError when the file cannot be opened or read.
    """
    # os.read into one small buffer: half the time of open() for the 1 kB that such a file has.
    try:
        descriptor = open_to_read(path)
        try:
            data = os.read(descriptor, _FIRST_READ)
            if len(data) < _FIRST_READ:
                more = os.read(descriptor, _FIRST_READ)  # b"" at the end of a file, not so for a pipe
                if not more:
                    return data
                data += more
            _check_size(os.fstat(descriptor).st_size)
            pieces = [data]
            total = len(data)
            while piece := os.read(descriptor, 1024 * 1024):
                pieces.append(piece)
                total += len(piece)
                _check_size(total)
            return b"".join(pieces)
        finally:
            os.close(descriptor)
    except ParseError as error:
        error.path = os.fspath(path)
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SourceError(f"cannot read the file: {error}", path=os.fspath(path)) from error


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise DocumentError(
            "unparsable",
            "the file is too large for an annotation of one image",
            found=f"{size} bytes",
            expected=f"at most {MAX_BYTES} bytes",
        )


def to_utf8(data: bytes) -> tuple[bytes, int]:
    """(the document in UTF-8 without BOM and without blanks before it, number of lines cut off in front).

    The byte-order mark decides, then the XML declaration, then UTF-8 as XML 1.0 has it. Raises
    DocumentError for an encoding that is unknown and for bytes that are not in the encoding.
    """
    _check_size(len(data))
    if data.startswith((b"<annotation", b'<?xml version="1.0" encoding="utf-8"?>')) and data.isascii():
        return data, 0
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _recoded(data[len(mark) :], encoding)
    for start, encoding in _UNMARKED:
        if data.startswith(start):
            return _recoded(data, encoding)
    body = data.removeprefix(codecs.BOM_UTF8)
    marked = len(body) < len(data)
    stripped = body.lstrip(b" \t\r\n")
    lines_cut = body.count(b"\n", 0, len(body) - len(stripped))
    if not stripped:
        raise DocumentError("unparsable", "the file is empty", expected="an <annotation> element")
    encoding = "utf-8" if marked else _declared_encoding(stripped)
    if encoding == "utf-8":
        _decode(stripped, "utf-8", lines_cut)
        return stripped, lines_cut
    if encoding.startswith(("utf-16", "utf-32")):
        raise DocumentError(
            "encoding",
            "the bytes of the file are not in the encoding that its XML declaration names",
            line=lines_cut + 1,
            field="encoding",
            found=encoding,
            expected="utf-8, or a file with a byte-order mark",
        )
    return _decode(stripped, encoding, lines_cut).encode("utf-8"), lines_cut


def _recoded(data: bytes, encoding: str) -> tuple[bytes, int]:
    text = _decode(data, encoding, 0)
    stripped = text.lstrip(BLANK)
    return stripped.encode("utf-8"), text.count("\n", 0, len(text) - len(stripped))


def _declared_encoding(data: bytes) -> str:
    declaration = _DECLARATION.match(data)
    declared = _DECLARED.search(declaration.group()) if declaration else None
    if declared is None:
        return "utf-8"
    name = declared.group(1).decode("ascii")
    if name in _UTF8_NAMES:
        return "utf-8"
    try:
        codec = codecs.lookup(name).name.replace("_", "-")
    except (LookupError, ValueError):
        codec = "undefined"
    if codec in _NOT_ENCODINGS:
        raise _unknown_encoding(name)
    return _SUPERSETS.get(codec, codec)


def _unknown_encoding(name: str) -> DocumentError:
    return DocumentError(
        "encoding",
        "the XML declaration names an encoding that is not known",
        line=1,
        field="encoding",
        found=name,
        expected="a text encoding such as utf-8",
    )


def _decode(data: bytes, encoding: str, lines_cut: int) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        newline = "\n".encode(encoding)
        raise DocumentError(
            "encoding",
            f"the bytes of the file are not {encoding}",
            line=lines_cut + 1 + data.count(newline, 0, error.start),
            found=data[error.start : error.start + 8],
            expected=f"{encoding} text, or an XML declaration that names the real encoding",
        ) from error
    except LookupError as error:  # zlib and the like are codecs, but not of text
        raise _unknown_encoding(encoding) from error
    except UnicodeError as error:  # some codecs give no position
        raise DocumentError("encoding", f"the bytes of the file are not {encoding}") from error
