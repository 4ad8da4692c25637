"""Files and folders that appear under their names whole, or not at all, and then survive a power cut."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from annotools.errors import OutputError
from annotools.files.system import sync_file, sync_files, sync_folder

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def whole(path: StrPath) -> Iterator[Path]:
    """A path beside `path` for a new file or folder, which gets the name `path` when all went well.

    After an error nothing is left of it. What `path` was stays until then: a file, or an empty folder.
    """
    name = Path(path)
    unfinished = name.with_name(f".{name.name}.partial-{os.getpid()}")
    _remove(unfinished)  # of a process that had this number and was killed
    try:
        yield unfinished
        put_in_place(unfinished, name)
    except BaseException:
        _remove(unfinished)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class OutputFile:
    """A file being written."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file, self._path = file, path

    def write(self, data: bytes) -> None:
        """Raises OutputError."""
        try:
            self._file.write(data)
        except OSError as error:
            raise _cannot_write(error, self._path) from error


@contextlib.contextmanager
def whole_file(path: StrPath) -> Iterator[OutputFile]:
    """A file to write, which gets its name when all went well. OutputError where it cannot be written."""
    name, inside = os.fspath(path), False
    try:
        with whole(path) as unfinished, open(unfinished, "wb") as file:
            inside = True
            yield OutputFile(file, name)
            inside = False
    except OSError as error:
        if inside:
            raise  # not of this file, but of what was to be written
        raise _cannot_write(error, name) from error


def _cannot_write(error: OSError, path: str) -> OutputError:
    return OutputError(f"cannot write: {error.strerror}", path=path)


def put_in_place(unfinished: Path, path: Path, *, durable: bool = True) -> None:
    """Give a finished file or folder its name, from which on it survives a power cut; before, `path` does.

    durable   False: somebody else syncs, or the file was synced under another name

    Raises OSError, also for a folder that is there and not empty.
    """
    if durable:
        _sync(unfinished)
    if unfinished.is_dir() and path.is_dir():
        path.rmdir()  # Windows replaces files only
    os.replace(unfinished, path)
    if durable:
        sync_folder(path.parent)


def _sync(path: Path) -> None:
    if not path.is_dir():
        sync_file(path)
        return
    inside = list(os.walk(path))
    sync_files([Path(folder, name) for folder, _, names in inside for name in names])
    for folder, _, _ in inside:
        sync_folder(folder)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that survive a power cut; one may be there. Raises OSError."""
    new = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        new.append(folder)
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(new):
        sync_folder(folder.parent)
