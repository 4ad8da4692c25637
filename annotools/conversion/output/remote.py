"""An output in an object store: s3://, gs://, az:// and, for trying things out, memory://.

An object appears when its upload is complete, which is the promise that `Local` keeps with rename. An object
store cannot rename: it copies, within the store, and removes. Nor can it lock a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from annotools.errors import OutputError
from annotools.files.url_folder import RemoteFolder
from annotools.sources.storage import printable

WHOLE_OBJECTS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory")
"""The protocols behind which nobody sees half of a file. With sftp:// or smb:// somebody would."""

PART = 16 << 20
"""Bytes of one part of an upload to S3; files of two parts and more are sent in parts, four at a time."""

_PARTS_AT_A_TIME = 4
_REMOVALS_AT_A_TIME = 16
_MOST_PARTS = 10_000
_BLOCK = 16 << 20


class RemoteOutput:
    """A folder in an object store. Raises OutputError for a URL that cannot be written to."""

    at_once = 16

    def __init__(self, url: str) -> None:
        self._folder = RemoteFolder(url, OutputError)
        self.root = self._folder.root
        if "::" in url or self._folder.protocols[0] not in WHOLE_OBJECTS:
            raise OutputError(
                "cannot be written to: a file has to appear there whole or not at all",
                path=self.root,
                expected="a folder, or a URL with " + ", ".join(f"{name}://" for name in WHOLE_OBJECTS),
            )

    def names(self, prefix: str = "") -> list[str]:
        below = f"{prefix}/" if prefix else ""
        with self._errors(prefix):
            return sorted(below + entry.name for page in self._folder.pages(prefix) for entry in page)

    def size(self, name: str) -> int | None:
        with self._errors(name):
            return self._folder.size(name)

    def check_names(self, names: Iterable[str]) -> None:
        pass  # an object store takes every name

    def sha256(self, name: str) -> str:
        def digest(fs: Any, path: str) -> str:
            with fs.open(path, "rb", block_size=_BLOCK) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

        return str(self._run(name, digest))

    def read_bytes(self, name: str) -> bytes:
        data: bytes = self._run(name, lambda fs, path: fs.cat_file(path))
        return data

    def write_bytes(self, name: str, data: bytes) -> None:
        self._run(name, lambda fs, path: fs.pipe_file(path, data))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """On this machine, in TMPDIR: it takes one shard for each worker."""
        with tempfile.TemporaryDirectory(prefix="annotools-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def put(self, file: Path, name: str, *, durable: bool = True) -> None:
        self._run(name, lambda fs, path: self._upload(fs, file, path))
        file.unlink()

    def _upload(self, fs: Any, file: Path, path: str) -> None:
        match self._folder.protocols[0]:
            case "memory":
                fs.pipe_file(path, file.read_bytes())  # put_file would show it while it grows
            case "s3" | "s3a":
                # s3fs takes parts of 50 MiB and holds ten of them in memory
                part = max(PART, -(-file.stat().st_size // _MOST_PARTS))
                fs.put_file(str(file), path, chunksize=part, max_concurrency=_PARTS_AT_A_TIME)
            case _:
                fs.put_file(str(file), path)

    def rename(self, name: str, new: str, *, durable: bool = True) -> None:
        target = self._folder.path(new)
        self._run(name, lambda fs, path: fs.cp_file(path, target))
        self.remove(name)

    def settle(self, names: Sequence[str]) -> None:
        """Nothing: what is uploaded is safe."""

    def remove(self, *names: str) -> None:
        def remove(fs: Any, path: str) -> None:
            with contextlib.suppress(FileNotFoundError):  # S3 does not mind
                fs.rm_file(path)

        for name in names:
            self._run(name, remove)

    def remove_folder(self, prefix: str) -> None:
        with ThreadPoolExecutor(_REMOVALS_AT_A_TIME) as pool:
            for _ in pool.map(self.remove, self.names(prefix)):
                pass

    def display(self, name: str) -> str:
        return printable(self._folder.display(name))

    @contextlib.contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        """No lock. Two runs of the same command at a time write the same bytes twice."""
        yield

    def sweep(self) -> None:
        """Nothing: scratch folders are on the machine of each worker."""

    def tidy(self) -> None:
        """Nothing: a folder without objects does not exist."""

    def _run(self, name: str, call: Callable[[Any, str], Any]) -> Any:
        path = self._folder.path(name)
        with self._errors(name):
            return self._folder.run(lambda fs: call(fs, path))

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot be written or read: {error}", path=self.display(name)) from error
