"""Files and folders that appear under their names whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from annotools.errors import OutputError
from annotools.files.system import sync_folder

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def whole(path: StrPath) -> Iterator[Path]:
    """A path beside `path` for a new file or folder, which gets the name `path` when all went well.

    After an error nothing is left of it. What `path` was stays until then: a file, or an empty folder.
    """
    name = Path(path)
    unfinished = name.with_name(f".{name.name}.partial-{os.getpid()}")
    try:
        yield unfinished
        put_in_place(unfinished, name)
    except BaseException:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
        raise


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


def put_in_place(unfinished: Path, path: Path, *, durable: bool = False) -> None:
    """Give a finished file or folder its name. durable: it survives a power cut from now on.

    Raises OSError, also for a folder that is there and not empty.
    """
    if durable:
        with open(unfinished, "rb") as written:
            os.fsync(written.fileno())
    if unfinished.is_dir() and path.is_dir():
        path.rmdir()  # Windows replaces files only
    os.replace(unfinished, path)
    if durable:
        sync_folder(path.parent)
