"""The calls that Linux, macOS and Windows do not share, each with a portable way beside it.

No other module names them (tests/house/test_portable.py). Descriptors are binary and are not inherited.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    import fcntl as _fcntl
except ImportError:  # Windows
    fcntl: Any = None
else:
    fcntl = _fcntl
try:
    import msvcrt as _msvcrt
except ImportError:  # everywhere else
    msvcrt: Any = None
else:
    msvcrt = _msvcrt

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_PIECES = 1024  # IOV_MAX of Linux and macOS
_position = threading.Lock()  # where a read moves the position of the file that threads share
_SYNCS = 16  # at a time
_LOCK_FILE = "lock"

StrPath = str | os.PathLike[str]


def open_to_read(path: StrPath) -> int:
    """A descriptor of the file's bytes as they are. Raises OSError, ValueError for a NUL in the path."""
    return os.open(path, _READ)


def discard(descriptor: int) -> None:
    """Let everything that is written to a descriptor from now on go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Up to `size` bytes from byte `offset` on; fewer only at the end of the file.

    The position of the file is not used where the system can do without: forked processes share it.
    """
    pread = getattr(os, "pread", None)
    if pread is None:
        with _position:
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, size)
            while len(data) < size and (more := os.read(descriptor, size - len(data))):
                data += more
            return data
    piece: bytes = pread(descriptor, size, offset)
    data = piece
    while len(data) < size and (more := pread(descriptor, size - len(data), offset + len(data))):
        data += more
    return data


def write_pieces(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Write all pieces one after the other, many in one call where the system can."""
    writev = getattr(os, "writev", None)
    if writev is None:
        for piece in pieces:
            _write(descriptor, piece)
        return
    for start in range(0, len(pieces), _PIECES):
        some = pieces[start : start + _PIECES]
        written = writev(descriptor, some)
        for piece in some:  # as a rule all of it is written, and the loop writes nothing
            if written < len(piece):
                _write(descriptor, memoryview(piece)[written:])
            written = max(written - len(piece), 0)


def _write(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_file(path: StrPath) -> None:
    """Bring the bytes of a file to the disk."""
    # Windows syncs only what may be written to; elsewhere a file without that permission is synced too
    with open(path, "r+b" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: StrPath) -> None:
    """Bring the names in a folder to the disk; a rename survives a power cut only then."""
    if os.name != "posix":
        return  # Windows has no descriptor of a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(files: Sequence[StrPath]) -> None:
    """Bring files and their names to the disk."""
    if not files:
        return
    from concurrent.futures import ThreadPoolExecutor

    # together, file systems bring many files to the disk in one go: a tenth of the time of one by one
    with ThreadPoolExecutor(min(_SYNCS, len(files))) as threads:
        for _ in threads.map(sync_file, files):
            pass  # raises what `sync_file` raised
    for folder in {os.path.dirname(file) for file in files}:
        sync_folder(folder)


def can_fork() -> bool:
    """Whether a fork is safe and quick: on Linux, as long as this process has one thread."""
    return hasattr(os, "fork") and sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


class FolderLock:
    """A lock on a folder, held by one process of this machine; the end of the process ends it.

    Where the system cannot lock a folder itself, a file `lock` in it is locked. On a file system without
    locks everybody gets it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be opened."""
        self._file = folder / _LOCK_FILE
        if fcntl is not None:
            self._descriptor = os.open(folder, os.O_RDONLY)
        else:
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))

    def take(self, seconds: float) -> bool:
        """Whether the lock was free within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if fcntl is not None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                elif msvcrt is not None:
                    msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if not isinstance(error, BlockingIOError | PermissionError):
                    return True
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
            else:
                return True

    def release(self) -> None:
        os.close(self._descriptor)
        if fcntl is None:
            self._file.unlink(missing_ok=True)
