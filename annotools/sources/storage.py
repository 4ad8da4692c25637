"""Where the files of a data set lie: a folder here, an archive in archives.py. Both give names and bytes.

A name is relative to the root and '/'-separated. Listed are only files that can matter: annotations (.xml),
images, and the text files of an ImageSets folder. Hidden files, the junk files of macOS and Windows
(`__MACOSX`, `._a.xml`, `Thumbs.db`) and mask folders (`SegmentationClass`, ...) do not exist here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Protocol

from annotools.errors import FaultyFileError, ImageError, SourceError, UnreadableError
from annotools.files.system import open_to_read
from annotools.issues import Issue

# In order of preference where one stem has several images. Those that are only
# recognised are listed too: somebody who has a.xml and a.tif wants to hear that, not that there is no image.
_READABLE = ["jpg", "jpeg", "png", "bmp", "gif", "webp"]
_RECOGNISED = ["jpe", "jfif", "tif", "tiff", "heic", "heif", "avif", "jp2", "jxl"]
IMAGE_RANKS = {extension: rank for rank, extension in enumerate(_READABLE + _RECOGNISED)}
_LIST_FOLDER = "imagesets"
_MASK_FOLDER = re.compile(r"segmentation|.*visualization$", re.IGNORECASE)

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
        """A short text that changes when the file changes, without reading it. Raises SourceError."""

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        """The file, or its first `limit` bytes. Raises ImageError or, for no image, UnreadableError."""

    def display(self, name: str) -> str:
        """The name as messages show it; one line of printable text."""


def split_extension(name: str) -> tuple[str, str]:
    """('folder/a.b', 'jpg') for 'folder/a.b.JPG'; an extension that is neither xml nor an image is ''."""
    stem, dot, extension = name.rpartition(".")
    extension = extension.lower()
    if dot and (extension == "xml" or extension in IMAGE_RANKS):
        return stem, extension
    return name, ""


def is_image(name: str) -> bool:
    return split_extension(name)[1] in IMAGE_RANKS


def matters(name: str) -> bool:
    """Whether a file of this name, relative to the root, is one that a source lists."""
    *folders, base = name.split("/")
    if base.startswith(".") or any(is_ignored_folder(folder) for folder in folders):
        return False
    return _base_matters(base, in_list_folder=any(folder.lower() == _LIST_FOLDER for folder in folders))


def is_ignored_folder(folder: str) -> bool:
    return folder.startswith(".") or folder == "__MACOSX" or bool(_MASK_FOLDER.match(folder))


def kind_of(base: str) -> str | None:
    """ "xml", "image" or "txt" by the extension of a file name, None for any other."""
    dot = base.rfind(".")
    if dot <= 0:
        return None
    extension = base[dot + 1 :]
    return _KINDS.get(extension) or _KINDS.get(extension.lower())


_KINDS = {"xml": "xml", "txt": "txt"} | dict.fromkeys(IMAGE_RANKS, "image")


def _base_matters(base: str, *, in_list_folder: bool) -> bool:
    kind = kind_of(base)
    return kind is not None and (kind != "txt" or in_list_folder)


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


class Folder:
    """A folder on disk. Symbolic links are followed, also out of the folder, but never in a circle."""

    is_far = has_sizes = False

    def __init__(self, root: str) -> None:
        self.root = root
        self._base = os.path.join(os.path.abspath(root), "")
        self._shown = os.path.join(root, "") if root not in ("", ".") else ""

    def names(self) -> list[str]:
        """All files that can matter, sorted."""
        return sorted(folder + name for folder, names in self.walk() for name in names)

    def walk(self, starts: Iterable[str] = ("",)) -> Iterator[tuple[str, Iterator[str]]]:
        """(folder, names in it of files that can matter) below the folders `starts`, in any order.

        The names of a folder, which may have millions, are read before the next folder is asked for.
        """
        pending: list[tuple[str, frozenset[tuple[int, int]]]] = [(start, frozenset()) for start in starts]
        while pending:
            folder, above = pending.pop()
            try:
                status = os.stat(self._base + folder)
            except OSError as error:
                raise self._unlisted(folder, error) from error
            here = (status.st_dev, status.st_ino)
            if here not in above:
                folders: list[str] = []
                yield folder, self._scan(folder, folders)
                pending += [(one, above | {here}) for one in folders]

    def listed(self) -> Iterator[tuple[str, int | None, str]]:
        raise NotImplementedError

    def entries(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of files that can matter, and the folders, of one folder; folders are "" or 'a/b/'."""
        folders: list[str] = []
        return list(self._scan(folder, folders)), folders

    def _scan(self, folder: str, folders: list[str]) -> Iterator[str]:
        """The names of `entries`, one by one; the folders are added to `folders`."""
        in_list_folder = _LIST_FOLDER in folder.lower().split("/")
        try:
            with os.scandir(self._base + folder) as entries:
                for entry in entries:  # is_file and is_dir know it from the listing, without a stat each
                    base = entry.name
                    if base[0] == ".":
                        continue
                    kind = kind_of(base)
                    if kind is not None and (kind != "txt" or in_list_folder) and entry.is_file():
                        yield base
                    elif not is_ignored_folder(base) and entry.is_dir():
                        folders.append(f"{folder}{base}/")
        except OSError as error:
            raise self._unlisted(folder, error) from error

    def _unlisted(self, prefix: str, error: OSError) -> SourceError:
        return SourceError(f"the folder cannot be listed: {error.strerror}", path=self.display(prefix))

    def issues(self) -> list[Issue]:
        return []

    def size(self, name: str) -> int:
        try:
            return os.stat(self._base + name).st_size
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}", path=self.display(name)) from error

    def fingerprint(self, name: str) -> str:
        try:
            status = os.stat(self._base + name)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}", path=self.display(name)) from error
        return f"{status.st_size}-{status.st_mtime_ns}"

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        # a descriptor and os.read take half the time of open().read(), and this runs twice for every image.
        try:
            descriptor = open_to_read(self._base + name)
            try:
                size = os.fstat(descriptor).st_size
                if limit is not None:
                    size = min(size, limit)
                elif size > LARGEST_XML:
                    check_size(name, self.display(name), size)
                data = os.read(descriptor, size)
                while len(data) < size and (more := os.read(descriptor, size - len(data))):
                    data += more
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unreadable(name, self.display(name), error.strerror) from error
        return data

    def display(self, name: str) -> str:
        return printable(self._shown + name)
