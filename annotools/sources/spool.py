"""Millions of short records in bounded memory: kept in order, or sorted, and on disk once they are many.

A record is bytes without 0xFF; UTF-8 has no such byte, so texts are records as `encode` makes them, and the
order of the bytes is that of the texts. Fields are separated by NUL, which sorts before everything else.

Few records stay in memory. Many go to an anonymous temporary file in TMPDIR, which has no name and vanishes
with the last process that holds it, also after kill -9. Where TMPDIR is a file system in memory (tmpfs), so
are the records. Where it cannot be written, OutputError is raised.
"""

from __future__ import annotations

import os
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from math import isqrt
from typing import Any, Final

from annotools.errors import AnnotoolsError, OutputError

MEMORY: Final = 1 << 20
"""Bytes that a spool or a sorter holds before it goes to disk. More would save no time worth mentioning."""

_CHUNK: Final = 32 << 10
_OBJECT: Final = 50
"""What a bytes object takes beside its bytes, with its place in a list."""
_END: Final = b"\xff"


def encode(text: str) -> bytes:
    """A text as a record; file names that are not UTF-8 hold lone surrogates, which stay what they are."""
    return text.encode("utf-8", "surrogatepass")


def decode(record: bytes) -> str:
    return record.decode("utf-8", "surrogatepass")


class SpoolLostError(AnnotoolsError):
    """A spool of another process, which has ended or is on another machine."""


class _File:
    """Bytes appended to an anonymous file. Reads share no position, so forks and threads may read at once."""

    def __init__(self, folder: str | None = None) -> None:
        import tempfile  # takes longer to import than a small source to list

        self._folder = folder
        with self._trouble():
            self._folder = folder or tempfile.gettempdir()
            with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                self._descriptor: int | None = self._own(os.dup(file.fileno()))
        # Descriptors and inodes are used again soon: that a file is this one, only its content tells.
        self._mark = os.urandom(16)
        self._path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        self.size = 0
        self.append(self._mark)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_descriptor": None}

    def append(self, data: bytes) -> None:
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            with self._trouble():
                written = os.pwrite(self._descriptor, view, self.size)
            self.size += written
            view = view[written:]

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"a temporary file cannot be written: {error.strerror}",
                path=self._folder,
                expected="room for some 200 bytes an image (TMPDIR says where)",
            ) from error

    def read(self, start: int, end: int) -> bytes:
        descriptor = self._opened()
        data = os.pread(descriptor, end - start, start)
        while len(data) < end - start:
            more = os.pread(descriptor, end - start - len(data), start + len(data))
            if not more:
                raise SpoolLostError("a temporary file has been cut short")
            data += more
        return data

    def is_lost(self) -> bool:
        try:
            self._opened()
        except SpoolLostError:
            return True
        return False

    def _opened(self) -> int:
        return self._open() if self._descriptor is None else self._descriptor

    def _open(self) -> int:
        """The file of a process that was not forked: Linux shows it under the process that has it open."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise SpoolLostError("the temporary file of another process is gone") from error
        try:
            found = os.pread(descriptor, len(self._mark), 0)
        except OSError:  # a pipe, for example
            found = b""
        if found != self._mark:
            os.close(descriptor)
            raise SpoolLostError("the temporary file of another process is gone")
        self._descriptor = self._own(descriptor)
        return descriptor

    def _own(self, descriptor: int) -> int:
        weakref.finalize(self, os.close, descriptor)
        return descriptor


class Spool:
    """Records in the order in which they came; they may be read any number of times.

    A pickle of it holds the records while they are few. Once they are on disk it only says where, which
    holds for processes of this machine while this one lives; elsewhere reading raises SpoolLostError.
    """

    def __init__(self, records: Iterable[bytes] = (), *, memory: int | None = None) -> None:
        self._memory = MEMORY if memory is None else memory
        self._pending: list[bytes] = []
        self._chunks: list[bytes] = []
        self._ends = array("Q")
        self._file: _File | None = None
        self._count = 0
        self.extend(records)

    def __getstate__(self) -> dict[str, Any]:
        self._flush()
        return self.__dict__

    def __len__(self) -> int:
        return self._count + len(self._pending)

    def is_lost(self) -> bool:
        """Whether the records are in a file that cannot be reached from here."""
        return self._file is not None and self._file.is_lost()

    def extend(self, records: Iterable[bytes]) -> None:
        pending, size = self._pending, sum(map(len, self._pending))
        for record in records:
            pending.append(record)
            size += len(record)
            if size >= _CHUNK:
                self._flush()
                size = 0

    def append(self, record: bytes) -> None:
        self.extend((record,))

    def _flush(self) -> None:
        if not self._pending:
            return
        data = _END.join(self._pending)
        self._count += len(self._pending)
        self._pending.clear()
        if self._file is None:
            self._chunks.append(data)
            self._memory -= len(data)
            if self._memory >= 0:
                return
            self._file = _File()
            self._ends.append(self._file.size)
            chunks, self._chunks = self._chunks, []
        else:
            chunks = [data]
        for chunk in chunks:
            self._file.append(chunk)
            self._ends.append(self._file.size)

    def blocks(self) -> Iterator[list[bytes]]:
        """The records, some hundreds at a time."""
        self._flush()
        return map(self._block, range(self._number_of_blocks()))

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.blocks())

    def _number_of_blocks(self) -> int:
        return len(self._chunks) if self._file is None else len(self._ends) - 1

    def _block(self, index: int) -> list[bytes]:
        if self._file is None:
            return self._chunks[index].split(_END)
        return self._file.read(self._ends[index], self._ends[index + 1]).split(_END)


class SortedSpool(Spool):
    """Records that came in order, and can be found by how they begin."""

    def __init__(self, records: Iterable[bytes] = ()) -> None:
        super().__init__(records)
        self._flush()
        self._firsts = [self._block(index)[0] for index in range(self._number_of_blocks())]
        self._last: tuple[int, list[bytes]] = (-1, [])

    def starting_with(self, start: bytes) -> Iterator[bytes]:
        """The records that begin with `start`, in order."""
        index = max(0, bisect_left(self._firsts, start) - 1)
        for number in range(index, len(self._firsts)):
            if self._last[0] != number:
                self._last = (number, self._block(number))
            block = self._last[1]
            for record in block[bisect_left(block, start) :]:
                if not record.startswith(start):
                    return
                yield record


class Sorter:
    """Records come in any order and go sorted: an external merge sort, in memory while they are few.

    memory   bytes, about, that are held at first, both when records come and when they go. It grows with the
             square root of all that came, so that there are not more runs than can be merged: 4 MB for a
             million file names, 12 MB for ten millions
    folder   for the temporary file; default: TMPDIR
    """

    def __init__(
        self, records: Iterable[bytes] = (), *, memory: int | None = None, folder: str | None = None
    ) -> None:
        self._memory = MEMORY if memory is None else memory
        self._folder = folder
        self._pending: list[bytes] = []
        self._size = 0
        self._file: _File | None = None
        self._runs: list[list[int]] = []
        self.extend(records)

    def extend(self, records: Iterable[bytes]) -> None:
        pending, size, memory = self._pending, self._size, self._memory
        for record in records:
            pending.append(record)
            size += len(record) + _OBJECT
            if size > memory:
                self._size = size
                self._spill()
                size, memory = 0, self._memory
        self._size = size

    def append(self, record: bytes) -> None:
        self.extend((record,))

    def _spill(self) -> None:
        if self._file is None:
            self._file = _File(self._folder)
        self._pending.sort()
        run = [self._file.size]
        step = max(1, len(self._pending) * _CHUNK // self._size)
        for start in range(0, len(self._pending), step):
            self._file.append(_END.join(self._pending[start : start + step]))
            run.append(self._file.size)
        self._pending.clear()
        self._size = 0
        self._runs.append(run)
        self._memory = max(self._memory, isqrt(2 * _CHUNK * self._file.size))

    def blocks(self) -> Iterator[list[bytes]]:
        """The records in order, some at a time. They may be read again, until more come."""
        if self._file is None:
            self._pending.sort()
            return iter([self._pending] if self._pending else [])
        if self._pending:
            self._spill()
        file = self._file
        return merge_blocks(
            [(file.read(start, end).split(_END) for start, end in pairwise(run)) for run in self._runs]
        )

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.blocks())


def merge_blocks(runs: Sequence[Iterable[list[bytes]]]) -> Iterator[list[bytes]]:
    """Merge runs, each of which gives its records in order, some at a time; so does the result.

    What is not greater than the last record of every block at hand can be put in order: by `list.sort`,
    which finds the ordered stretches and merges them, ten times as fast as heapq.merge.
    """
    sources = [iter(run) for run in runs]
    heads = [next(source, []) for source in sources]
    starts = [0] * len(sources)
    while alive := [index for index, head in enumerate(heads) if head]:
        if len(alive) == 1:
            (index,) = alive
            yield heads[index][starts[index] :]
            yield from sources[index]
            return
        bound = min(heads[index][-1] for index in alive)
        block: list[bytes] = []
        for index in alive:
            head, start = heads[index], starts[index]
            end = bisect_right(head, bound, start)
            block += head[start:end]
            starts[index] = end
            if end == len(head):
                heads[index], starts[index] = next(sources[index], []), 0
        block.sort()
        yield block


def merge(*spools: Spool | Sorter) -> Iterator[bytes]:
    """The records of several spools that are in order, as one."""
    return chain.from_iterable(merge_blocks([spool.blocks() for spool in spools]))


def groups(records: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """(first field, what follows it in each record) for records in order that have two fields or more."""
    current, rests = b"", list[bytes]()
    for record in records:
        key, _, rest = record.partition(b"\0")
        if key == current:
            rests.append(rest)
        else:
            if rests:
                yield current, rests
            current, rests = key, [rest]
    if rests:
        yield current, rests


def join(left: Iterable[bytes], right: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """(first field, rests on the left, rests on the right) for every first field on the left; both in order.

    Where the right has no such field, its list is empty.
    """
    others = groups(right)
    key, found = next(others, (None, []))
    for wanted, rests in groups(left):
        while key is not None and key < wanted:
            key, found = next(others, (None, []))
        yield wanted, rests, found if key == wanted else []
