"""Data sets behind URLs: s3://, gs:// and whatever else fsspec has a driver for.

The listing comes page by page with sizes and ETags, which the catalogue keeps, so that no request is made to
learn a size. A file is one request. A .zip is read in place by ranged requests; a tar, which has no
directory, is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from annotools.errors import AnnotoolsError, SourceError, UnavailableError, UnreadableError
from annotools.files.url_folder import FileError, RemoteFolder, TroubleError, version_of
from annotools.issues import Issue
from annotools.sources.archives import Archive, ZipArchive
from annotools.sources.file_kinds import is_ignored_folder, matters
from annotools.sources.member_names import code_page, member_name
from annotools.sources.storage import (
    LARGEST_FILE,
    LARGEST_XML,
    Storage,
    by_folder,
    check_size,
    fingerprint_of,
    printable,
    unreadable,
)

_ZIP_BLOCK = 1 << 20


def open_url(url: str) -> Storage:
    """What is at a URL: the folder, or the .zip. Raises SourceError, UnavailableError, MissingExtraError."""
    folder = RemoteFolder(url)
    try:
        found = folder.info("")
        if found["type"] == "directory" or not found["size"]:
            return Remote(folder)
        if folder.run(lambda fs: fs.cat_file(folder.path(""), start=0, end=2)) == b"PK":
            return RemoteZip(folder, found["size"])
    except (FileError, TroubleError) as error:
        raise _source_error(folder, "", error) from error
    raise SourceError(
        "a single file behind a URL",
        path=folder.root,
        expected="a folder or a .zip (download a tar, or unpack it)",
    )


def _source_error(folder: RemoteFolder, name: str, error: OSError) -> AnnotoolsError:
    display = printable(folder.display(name))
    if isinstance(error, TroubleError):
        return UnavailableError(f"cannot be reached: {error}", path=display)
    if name:
        return unreadable(name, display, error)
    return SourceError(str(error), path=display)


class Remote:
    """A folder at a URL."""

    is_far = has_sizes = True

    def __init__(self, folder: RemoteFolder) -> None:
        self.root = folder.root
        self._folder = folder

    def names(self) -> list[str]:
        return sorted(name for name, _, _ in self.listed())

    def walk(self) -> Iterator[tuple[str, Iterator[str]]]:
        return by_folder(name for name, _, _ in self.listed())

    def listed(self) -> Iterator[tuple[str, int | None, str]]:
        """(name, size, version) of all files that can matter; the version is a hash of the ETag or time."""
        try:
            for page in self._folder.pages(prune=is_ignored_folder):
                for entry in page:
                    if matters(entry.name):
                        yield entry.name, entry.size, _hash(entry.version)
        except (FileError, TroubleError) as error:
            raise _source_error(self._folder, "", error) from error

    def issues(self) -> list[Issue]:
        return []

    def size(self, name: str) -> int:
        return self._ask(name)[0]

    def fingerprint(self, name: str) -> str:
        """Size and a hash of the ETag (or generation, or time), as they are now."""
        return fingerprint_of(*self._ask(name))

    def _ask(self, name: str) -> tuple[int, str]:
        try:
            info = self._folder.info(name)
        except (FileError, TroubleError) as error:
            if isinstance(error, FileError):
                raise UnreadableError(f"cannot be read: {error}", path=self.display(name)) from error
            raise _source_error(self._folder, name, error) from error
        return int(info["size"] or 0), _hash(version_of(info))

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        # A range even for the whole file: s3fs would ask for the size before, and nothing would bound it.
        largest = LARGEST_XML if name[-4:].lower() == ".xml" else LARGEST_FILE
        end = largest + 1 if limit is None else limit
        try:
            data: bytes = self._folder.run(lambda fs: fs.cat_file(self._folder.path(name), start=0, end=end))
        except (FileError, TroubleError) as error:
            # the range of an empty file is an error (416)
            if "range" in str(error).lower() and self._ask(name)[0] == 0:
                return b""
            raise _source_error(self._folder, name, error) from error
        check_size(name, self.display(name), len(data))
        return data

    def display(self, name: str) -> str:
        return printable(self._folder.display(name))


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


class RemoteZip(ZipArchive):
    """A zip file at a URL, with all checks of a local one; a member is two requests."""

    is_far = True

    def __init__(self, folder: RemoteFolder, size: int) -> None:
        Archive.__init__(self, folder.root)
        self._folder = folder
        self._length = size
        with (
            self._damage_as_source_error(),
            io.BufferedReader(_RangedFile(self._read_at, size), _ZIP_BLOCK) as file,
            zipfile.ZipFile(file) as archive,
        ):
            encoding = code_page(archive)
            for info in archive.infolist():
                self._list(info, member_name(info, encoding))

    def fingerprint(self, name: str) -> str:
        """Size and CRC-32, as for a zip on this machine."""
        _, _, size, crc, _ = self._members[name]
        return f"{size}-{crc:08x}"

    def _archive_size(self) -> int:
        return self._length

    def _read_at(self, offset: int, size: int) -> bytes:
        path, end = self._folder.path(""), offset + size
        try:
            data: bytes = (
                self._folder.run(lambda fs: fs.cat_file(path, start=offset, end=end)) if size else b""
            )
        except TroubleError as error:
            raise _source_error(self._folder, "", error) from error
        if len(data) < size:
            raise EOFError("the archive ends early")
        return data


class _RangedFile(io.RawIOBase):
    """What zipfile needs to find the directory of an archive."""

    def __init__(self, read_at: Callable[[int, int], bytes], length: int) -> None:
        self._read_at = read_at
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = max(0, min(len(buffer), self._length - self._position))
        buffer[:size] = self._read_at(self._position, size)
        self._position += size
        return size
