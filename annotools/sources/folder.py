"""A folder on a disk of this machine as a source of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from annotools.errors import SourceError, UnreadableError
from annotools.files.system import open_to_read
from annotools.issues import Issue
from annotools.sources.file_kinds import is_ignored_folder, is_list, kind_of
from annotools.sources.storage import LARGEST_XML, check_size, printable, unreadable


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
        above = folder.split("/")
        try:
            with os.scandir(self._base + folder) as entries:
                for entry in entries:  # is_file and is_dir know it from the listing, without a stat each
                    base = entry.name
                    if base[0] == ".":
                        continue
                    kind = kind_of(base)
                    if kind is not None and (kind != "txt" or is_list(base, above)) and entry.is_file():
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
        if name[-4:].lower() == ".xml":  # small, and exporters zero the times of files
            from hashlib import blake2b  # loads OpenSSL, which nothing else here needs

            data, status = self._read(name, None)
            digest = blake2b(data, digest_size=8).hexdigest()
            return f"{status.st_size}-{status.st_mtime_ns}-{digest}"
        try:
            status = os.stat(self._base + name)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}", path=self.display(name)) from error
        return f"{status.st_size}-{status.st_mtime_ns}"

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        return self._read(name, limit)[0]

    def _read(self, name: str, limit: int | None) -> tuple[bytes, os.stat_result]:
        # a descriptor and os.read take half the time of open().read(), and this runs twice for every image.
        try:
            descriptor = open_to_read(self._base + name)
            try:
                status = os.fstat(descriptor)
                size = status.st_size
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
        return data, status

    def display(self, name: str) -> str:
        return printable(self._shown + name)
