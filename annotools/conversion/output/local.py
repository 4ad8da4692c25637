"""An output on a disk of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from annotools.conversion.output.place import STATE
from annotools.errors import AnnotoolsError, OutputError
from annotools.files.names import Names
from annotools.files.system import FolderLock, sync_files, sync_folder
from annotools.files.whole import make_folder, put_in_place

_SCRATCH = "scratch-"
_LOCK_SECONDS = 5.0


class Local:
    """A folder on a disk of this machine. It is made with the first file.

    scratch_folder   the folder below it, in which files are written before they get their names
    """

    at_once = 1

    def __init__(self, root: str | os.PathLike[str], *, scratch_folder: str = STATE) -> None:
        self.root = os.fspath(root)
        self._base = Path(os.path.abspath(root))
        self._scratch = self._base / scratch_folder
        self._new = [folder for folder in (self._base, *self._base.parents) if not folder.exists()]

    def path(self, name: str) -> Path:
        return self._base / name

    def names(self, prefix: str = "") -> list[str]:
        top = self._base / prefix
        with self._errors(prefix):
            found = [
                Path(folder, file).relative_to(self._base).as_posix()
                for folder, _, files in os.walk(top)
                for file in files
            ]
        return sorted(found)

    def size(self, name: str) -> int | None:
        with self._errors(name):
            try:
                return self.path(name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def sha256(self, name: str) -> str:
        with self._errors(name), open(self.path(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read_bytes(self, name: str) -> bytes:
        with self._errors(name):
            return self.path(name).read_bytes()

    def write_bytes(self, name: str, data: bytes) -> None:
        with self.scratch() as scratch, self._errors(name):
            (scratch / "data").write_bytes(data)
            self.put(scratch / "data", name)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        # in the output itself: a rename is atomic within one file system only
        folder = self._scratch / f"{_SCRATCH}{os.getpid()}-{os.urandom(4).hex()}"
        with self._errors(self._scratch.name):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put(self, file: Path, name: str, *, durable: bool = True) -> None:
        target = self.path(name)
        with self._errors(name):
            make_folder(target.parent)
            put_in_place(file, target, durable=durable)

    def rename(self, name: str, new: str, *, durable: bool = True) -> None:
        target = self.path(new)
        with self._errors(new):
            make_folder(target.parent)
            put_in_place(self.path(name), target, durable=durable)
            self._sync_names([name])

    def settle(self, names: Sequence[str]) -> None:
        if names:
            with self._errors(names[0]):
                sync_files([self.path(name) for name in names])

    def remove(self, *names: str) -> None:
        gone = []
        for name in names:
            with self._errors(name), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.path(name).unlink()
                gone.append(name)
        self._sync_names(gone)

    def _sync_names(self, gone: Sequence[str]) -> None:
        """Names that are gone stay so after a power cut. In the scratch folder the next run finds them."""
        for folder in {self.path(name).parent for name in gone}:
            if self._scratch not in (folder, *folder.parents):
                with self._errors(""):
                    sync_folder(folder)

    def remove_folder(self, prefix: str) -> None:
        with self._errors(prefix), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path(prefix))

    def check_names(self, names: Iterable[str]) -> None:
        allowed = Names(self._base)
        for name in names:
            allowed.add(name)

    def display(self, name: str) -> str:
        return os.path.join(self.root, name)

    @contextlib.contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        held, lock = self._base / folder, None
        try:
            with self._errors(folder):
                make_folder(held)
                lock = FolderLock(held)
            if not lock.take(_LOCK_SECONDS):  # the workers of a run that was killed a moment ago may hold it
                raise OutputError("another conversion is writing to this folder", path=self.root)
            yield
            self.sweep()
        finally:
            if lock is not None:
                lock.release()
            self._remove_empty()

    def sweep(self) -> None:
        with self._errors(""), contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self._scratch):
                if entry.name.startswith(_SCRATCH):
                    shutil.rmtree(entry.path, ignore_errors=True)

    def tidy(self) -> None:
        self.sweep()
        self._remove_empty()

    def _remove_empty(self) -> None:
        for folder in (self._scratch, *self._new):
            with contextlib.suppress(OSError):  # if it is empty
                folder.rmdir()

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except AnnotoolsError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"cannot be written or read: {reason}", path=self.display(name)) from error
