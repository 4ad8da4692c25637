"""What a program does to a folder, call by call: a shim on the calls of Python that write, sync and rename.

`os.open`, `os.write`, `os.fsync`, `os.replace` and so on, and `open`, are replaced while `recording` lasts. A
way to write that is not among them is not seen; disk.py therefore compares what it replays with the folder
as it is in the end, and `power_loss.py` ends where the two differ.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest import mock

WRITES: Final = os.O_WRONLY | os.O_RDWR


class Call(NamedTuple):
    """One call that succeeded.

    what     mkdir, create, truncate, write, sync, rename, link, unlink or rmdir
    path     relative to the folder, "" for itself
    other    the new name of a rename
    offset   where a write begins; the size that a truncated file has
    data     what was written, and what is in a linked file
    """

    what: str
    path: str
    other: str = ""
    offset: int = 0
    data: bytes = b""


@dataclass
class Recorder:
    """The calls below `root` so far, and the descriptors that are open on it."""

    root: str
    calls: list[Call] = field(default_factory=list)
    paths: dict[int, str] = field(default_factory=dict)

    def add(self, what: str, path: str | None, **more: Any) -> None:
        if path is not None:
            self.calls.append(Call(what, path, **more))

    def inside(self, path: Any, folder: int | None = None) -> str | None:
        """The path relative to the root; None for one outside. `folder` is a descriptor, as in `dir_fd`."""
        if isinstance(path, int):
            return self.paths.get(path)
        name = os.fsdecode(path)
        if folder is not None:
            if folder not in self.paths:
                return None
            name = os.path.join(self.root, self.paths[folder], name)
        relative = os.path.relpath(os.path.abspath(name), self.root)
        if relative == ".":
            return ""
        return None if relative.startswith("..") else relative

    def opened(self, descriptor: int, path: str | None, before: int | None, *, empty: bool) -> None:
        """Note a descriptor, and what opening it did: `before` is the size of the file, None for none."""
        self.paths.pop(descriptor, None)
        if path is None:
            return
        self.paths[descriptor] = path
        if before is None:
            self.add("create", path)
        elif empty and before:
            self.add("truncate", path)

    def wrote(self, descriptor: int, data: bytes, offset: int | None = None) -> None:
        path = self.paths.get(descriptor)
        if path is not None and data:
            start = os.lseek(descriptor, 0, os.SEEK_CUR) - len(data) if offset is None else offset
            self.add("write", path, offset=start, data=data)


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


class _File(io.FileIO):
    """A file whose writes are recorded. `recorder` is set for the time of a recording."""

    recorder: Recorder

    def write(self, data: Any) -> int:
        done = super().write(data)
        self.recorder.wrote(self.fileno(), bytes(memoryview(data).cast("B")[:done]))
        return done

    def truncate(self, size: int | None = None) -> int:
        left = super().truncate(size)
        self.recorder.add("truncate", self.recorder.paths.get(self.fileno()), offset=left)
        return left


def _open_file(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    """The replacement of `open`."""

    def opener(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **named: Any) -> Any:
        path = None if isinstance(file, int) or named.get("opener") else recorder.inside(file)
        if path is None or not set(mode) & set("wax+"):
            found = real(file, mode, buffering, *args, **named)
            if not isinstance(file, int):
                recorder.opened(found.fileno(), path, 0, empty=False)
            return found
        before = _size(os.fspath(file))
        raw = _File(file, mode.replace("b", "").replace("t", ""))
        recorder.opened(raw.fileno(), path, before, empty="w" in mode)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, *args, **named)

    return opener


def _os_calls(recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """The replacements of functions of `os`, by name."""
    real = {name: getattr(os, name) for name in dir(os)}

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        inside = recorder.inside(path, dir_fd)
        before = 0 if inside is None else _size(os.path.join(recorder.root, inside))
        descriptor: int = real["open"](path, flags, mode, dir_fd=dir_fd)
        recorder.opened(descriptor, inside, before, empty=bool(flags & os.O_TRUNC and flags & WRITES))
        return descriptor

    def write(descriptor: int, data: Any) -> int:
        done: int = real["write"](descriptor, data)
        recorder.wrote(descriptor, bytes(memoryview(data).cast("B")[:done]))
        return done

    def writev(descriptor: int, pieces: Any) -> int:
        done: int = real["writev"](descriptor, pieces)
        recorder.wrote(descriptor, b"".join(pieces)[:done])
        return done

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        done: int = real["pwrite"](descriptor, data, offset)
        recorder.wrote(descriptor, bytes(memoryview(data).cast("B")[:done]), offset)
        return done

    def sync(name: str) -> Callable[..., None]:
        def call(file: Any) -> None:
            real[name](file)
            descriptor = file if isinstance(file, int) else file.fileno()
            recorder.add("sync", recorder.paths.get(descriptor))

        return call

    def rename(name: str) -> Callable[..., None]:
        def call(old: Any, new: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
            before, after = recorder.inside(old, src_dir_fd), recorder.inside(new, dst_dir_fd)
            assert (before is None) == (after is None), "a rename into the folder, or out of it"
            real[name](old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            recorder.add("rename", before, other=after or "")

        return call

    def link(old: Any, new: Any, **named: Any) -> None:
        real["link"](old, new, **named)
        inside = recorder.inside(new)
        recorder.add("link", inside, data=b"" if inside is None else Path(new).read_bytes())

    def one(name: str, what: str) -> Callable[..., None]:
        def call(path: Any, *args: Any, dir_fd: int | None = None) -> None:
            inside = recorder.inside(path, dir_fd)
            real[name](path, *args, dir_fd=dir_fd)
            recorder.add(what, inside)

        return call

    def ftruncate(descriptor: int, length: int) -> None:
        real["ftruncate"](descriptor, length)
        recorder.add("truncate", recorder.paths.get(descriptor), offset=length)

    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        one("mkdir", "mkdir")(path, mode, dir_fd=dir_fd)

    found: dict[str, Callable[..., Any]] = {"link": link, "mkdir": mkdir, "remove": one("remove", "unlink")}
    found |= {"open": open_, "write": write, "writev": writev, "pwrite": pwrite, "ftruncate": ftruncate}
    found |= {name: sync(name) for name in ("fsync", "fdatasync")}
    found |= {name: rename(name) for name in ("rename", "replace")}
    return found | {name: one(name, name) for name in ("unlink", "rmdir")}


@contextlib.contextmanager
def recording(root: Path) -> Iterator[list[Call]]:
    """The list that fills with the calls of this process on what is below `root`."""
    assert stat.S_ISDIR(os.stat(root).st_mode)
    recorder = Recorder(os.path.abspath(root))
    _File.recorder = recorder
    replaced = _os_calls(recorder)
    with contextlib.ExitStack() as stack:
        for name, function in replaced.items():
            if hasattr(os, name):
                stack.enter_context(mock.patch.object(os, name, function))
        opener = _open_file(recorder, builtins.open)
        stack.enter_context(mock.patch.object(builtins, "open", opener))
        stack.enter_context(mock.patch.object(io, "open", opener))
        yield recorder.calls
