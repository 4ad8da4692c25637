"""Bytes of a file, on this machine or behind a URL (`s3://`, `gs://`, ...; extra `remote`).

Everything raises OSError where a file cannot be read, FileNotFoundError or a FileError where there is none.
"""

from __future__ import annotations

import functools
import io
import os
from typing import TYPE_CHECKING

from annotools.files.urls import is_url, local_path

if TYPE_CHECKING:
    from annotools.files.url_folder import RemoteFolder

_REMOTE_BLOCK = 4 << 20  # bytes that one request brings while a file is read from start to end


def open_file(path: str) -> io.RawIOBase:
    """The file, opened for reading, without a buffer; behind a URL it is read ahead in blocks."""
    path = local_path(path)
    if not is_url(path):
        return open(path, "rb", buffering=0)
    folder, name = _folder_of(path)
    file: io.RawIOBase = folder.run(lambda fs: fs.open(folder.path(name), "rb", block_size=_REMOTE_BLOCK))
    return file


def read_range(path: str, start: int, end: int) -> bytes:
    """The bytes from `start` to `end`, fewer at the end of the file; one request behind a URL.

    Nothing stays open, so that forks, threads and pickles have nothing to share.
    """
    path = local_path(path)
    if not is_url(path):
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            return file.read(end - start)
    folder, name = _folder_of(path)
    data: bytes = folder.run(lambda fs: fs.cat_file(folder.path(name), start=start, end=end))
    return data


def read_file(path: str) -> bytes:
    """All of it."""
    path = local_path(path)
    if not is_url(path):
        with open(path, "rb") as file:
            return file.read()
    folder, name = _folder_of(path)
    data: bytes = folder.run(lambda fs: fs.cat_file(folder.path(name)))
    return data


def size_of(path: str) -> int | None:
    """Bytes of a file; None when there is none of this name."""
    path = local_path(path)
    if not is_url(path):
        return os.path.getsize(path) if os.path.isfile(path) else None
    folder, name = _folder_of(path)
    return folder.size(name) if name else None


def files_in(path: str) -> list[str]:
    """The paths of the files in a folder, sorted; none where there is no such folder."""
    path = local_path(path)
    if not is_url(path):
        if not os.path.isdir(path):
            return []
        return sorted(entry.path for entry in os.scandir(path) if entry.is_file())
    pages = _folder(path.rstrip("/")).pages(prune=lambda _: True)
    names = [entry.name for page in pages for entry in page if "/" not in entry.name]
    return sorted(f"{path.rstrip('/')}/{name}" for name in names)


def _folder_of(url: str) -> tuple[RemoteFolder, str]:
    first, chain, rest = url.partition("::")  # zip://a/b::s3://c/d.zip
    folder, _, name = first.rpartition("/")
    return _folder((folder + "/" if folder.endswith(":/") else folder) + chain + rest), name


@functools.lru_cache(64)
def _folder(url: str) -> RemoteFolder:
    """One connection for all files of a folder; RemoteFolder itself makes a new one after a fork."""
    from annotools.files.url_folder import RemoteFolder

    return RemoteFolder(url)
