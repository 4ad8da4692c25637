"""Where the files of a data set are: a folder, an archive, a folder behind a URL. All give names and bytes.

A name is relative to the root and '/'-separated. Listed are only files that can matter (file_kinds.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Protocol

from annotools.errors import FaultyFileError, ImageError, UnreadableError
from annotools.issues import Issue
from annotools.sources.file_kinds import is_image

LARGEST_XML = 64 << 20
LARGEST_FILE = 1 << 30
HEAD = 64 << 10


class Storage(Protocol):
    """Names and bytes. Implementations are picklable and safe to use after a fork and in threads."""

    root: str
    is_far: bool
    """Whether a request takes long, so that it is worth to make several at a time."""
    has_sizes: bool
    """Whether the listing tells sizes and versions, which are a request each otherwise."""

    def names(self) -> list[str]:
        """All files that can matter, sorted."""

    def walk(self) -> Iterator[tuple[str, Iterable[str]]]:
        """(folder, names in it of files that can matter), in any order; folders are "" or 'a/b/'."""

    def listed(self) -> Iterator[tuple[str, int | None, str]]:
        """(name, size, version) of the same files, where `has_sizes`."""

    def issues(self) -> list[Issue]:
        """What had to be left aside while listing."""

    def size(self, name: str) -> int:
        """Bytes. Raises SourceError."""

    def fingerprint(self, name: str) -> str:
        """A short text that changes when the file changes. An XML file of a folder is read for it, as times
        of files may be zeroed; no image is. Raises SourceError."""

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        """The file, or its first `limit` bytes. Raises ImageError or, for no image, UnreadableError."""

    def display(self, name: str) -> str:
        """The name as messages show it; one line of printable text."""


def fingerprint_of(size: int, version: str) -> str:
    """The fingerprint of a file whose size and version were listed."""
    return f"{size}-{version}"


def printable(name: str) -> str:
    """A name on one line: control characters and bytes that are not UTF-8 become escapes."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def unreadable(name: str, display: str, reason: object, **details: object) -> FaultyFileError:
    """The error for a file that is there and cannot be read."""
    kind = ImageError if is_image(name) else UnreadableError
    return kind(f"cannot be read: {reason}", path=display, **details)  # type: ignore[arg-type]


def check_size(name: str, display: str, size: int) -> None:
    """Raise for a file that nobody means to be an annotation or an image, before it fills the memory."""
    limit = LARGEST_XML if name[-4:].lower() == ".xml" else LARGEST_FILE
    if size > limit:
        raise unreadable(name, display, "too large", found=f"{size} bytes", expected=f"at most {limit}")


def by_folder(names: Iterable[str]) -> Iterator[tuple[str, Iterator[str]]]:
    """(folder, names in it) of names one by one; a folder may come again."""
    for folder, found in groupby(names, lambda name: name[: name.rfind("/") + 1]):
        yield folder, (name[len(folder) :] for name in found)
