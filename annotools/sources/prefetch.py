"""Files behind a URL, fetched before they are asked for: a request takes 20 ms or more, an image takes 2.

    with source.reading_ahead(files) as source:
        for name, _ in files:
            source.read_bytes(name)

For a source on this machine that does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from annotools.errors import SourceError
from annotools.issues import Issue
from annotools.sources.file_kinds import is_image
from annotools.sources.storage import Storage

THREADS = 16
BYTES = 64 << 20


class ReadAhead:
    """A storage whose next files are on their way; close it, or use it in a `with`.

    files         (name, size or None) in the order in which they will be read; asked for as they are needed
    threads       requests at a time
    budget        bytes that may be held or on their way, unless a single file is larger
    image_limit   of images only so many bytes are wanted ahead

    A name may be read several times in a row, or not at all; one that does not come in the order is read
    when it is asked for. Errors come from `read_bytes`, as without reading ahead. For one thread.
    """

    is_far = True

    def __init__(
        self,
        storage: Storage,
        files: Iterable[tuple[str, int | None]],
        *,
        threads: int = THREADS,
        budget: int = BYTES,
        image_limit: int | None = None,
    ) -> None:
        self.root, self.has_sizes = storage.root, storage.has_sizes
        self._storage = storage
        self._coming = iter(files)
        self._budget = budget
        self._most = 4 * threads
        self._image_limit = image_limit
        self._ahead: dict[str, tuple[Future[bytes], int]] = {}
        self._next = next(self._coming, None)
        self._held = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ask for nothing more. What is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._ahead.clear()

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        self._fill()
        if name not in self._ahead or not self._is_enough(name, limit):
            return self._storage.read_bytes(name, limit)
        for earlier in list(self._ahead):
            if earlier == name:
                break
            self._drop(earlier)
        self._fill()
        data = self._ahead[name][0].result()
        return data if limit is None else data[:limit]

    def _is_enough(self, name: str, limit: int | None) -> bool:
        ahead = self._limit(name)
        return ahead is None or (limit is not None and limit <= ahead)

    def _limit(self, name: str) -> int | None:
        return self._image_limit if self._image_limit is not None and is_image(name) else None

    def _fill(self) -> None:
        while self._next is not None and len(self._ahead) < self._most:
            name, size = self._next
            limit = self._limit(name)
            if name not in self._ahead:
                size = self._size(name) if size is None else size
                size = size if limit is None else min(limit, size)
                if self._ahead and self._held + size > self._budget:
                    return
                self._ahead[name] = self._pool.submit(self._storage.read_bytes, name, limit), size
                self._held += size
            self._next = next(self._coming, None)

    def _size(self, name: str) -> int:
        try:
            return self._storage.size(name)
        except SourceError:
            return 0  # reading it will say what is wrong

    def _drop(self, name: str) -> None:
        future, size = self._ahead.pop(name)
        future.cancel()
        self._held -= size

    def names(self) -> list[str]:
        return self._storage.names()

    def walk(self) -> Iterator[tuple[str, Iterable[str]]]:
        return self._storage.walk()

    def listed(self) -> Iterator[tuple[str, int | None, str]]:
        return self._storage.listed()

    def issues(self) -> list[Issue]:
        return self._storage.issues()

    def size(self, name: str) -> int:
        return self._storage.size(name)

    def fingerprint(self, name: str) -> str:
        return self._storage.fingerprint(name)

    def display(self, name: str) -> str:
        return self._storage.display(name)
