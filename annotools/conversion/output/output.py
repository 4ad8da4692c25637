"""The folder that a conversion writes to: the few operations on which its promises rest.

A file appears under its name at once and whole, or not at all. local.py does that with a temporary file,
fsync and rename; remote.py with uploads, which object stores make visible when they are complete.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from annotools.conversion.output.place import STATE
from annotools.errors import OutputError
from annotools.files.urls import is_url, local_path


class Output(Protocol):
    """Names are relative to the root and '/'-separated. Implementations are picklable.

    Every method raises OutputError, with the path, where the folder cannot be read or written.

    at_once   how many operations may well be under way at a time, from threads
    """

    root: str
    at_once: int

    def names(self, prefix: str = "") -> list[str]:
        """All files below the folder `prefix`, "" or "a/b", sorted; [] without such a folder."""

    def size(self, name: str) -> int | None:
        """Bytes; None when there is no such file."""

    def sha256(self, name: str) -> str:
        """Hex digest of the file's bytes."""

    def read_bytes(self, name: str) -> bytes:
        """The whole file."""

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all; one of this name is replaced."""

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """A new local folder for files on their way to `put`, removed at the end."""

    def put(self, file: Path, name: str, *, durable: bool = True) -> None:
        """Move a finished file of a scratch folder here, whole or not at all, in place of an older one.

        durable   it survives a power cut from now on; False: from the next `settle` on
        """

    def rename(self, name: str, new: str, *, durable: bool = True) -> None:
        """Give a file another name; one of that name is replaced."""

    def settle(self, names: Sequence[str]) -> None:
        """Files that were put or renamed without `durable` survive a power cut from now on."""

    def remove(self, *names: str) -> None:
        """Remove files, those that are there; they do not come back after a power cut."""

    def remove_folder(self, prefix: str) -> None:
        """Remove a folder with all that is in it, if it is there."""

    def check_names(self, names: Iterable[str]) -> None:
        """Raise OutputError for names that files cannot have here; call it inside of `lock`."""

    def display(self, name: str) -> str:
        """The name as messages show it."""

    def lock(self, folder: str) -> contextlib.AbstractContextManager[None]:
        """Hold the folder `folder` for this process alone, if that is possible; `sweep` at the end."""

    def sweep(self) -> None:
        """Remove all scratch folders: those that killed processes left."""

    def tidy(self) -> None:
        """`sweep`, and remove the root if it is new and empty."""


def open_output(target: str | os.PathLike[str], *, scratch_folder: str = STATE) -> Output:
    """The folder at a path or URL. Nothing is written yet.

    scratch_folder   of a folder on this machine, see Local

    Raises OutputError when it cannot be one.
    """
    path = local_path(os.fspath(target))
    if is_url(path):
        from annotools.conversion.output.remote import RemoteOutput

        return RemoteOutput(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise OutputError("exists already and is not a folder", path=path)
    from annotools.conversion.output.local import Local

    return Local(path, scratch_folder=scratch_folder)
