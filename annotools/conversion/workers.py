"""Shards to several processes of this machine.

A process that dies (the kernel takes its memory back, somebody kills it) costs its shard one more try in a
new process; the second death ends the run. Whatever a shard raises ends the run as well. Shards that
are finished by then stay finished: see journal.py.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotools.conversion.shard import ShardResult, Tick
from annotools.errors import AnnotoolsError, WorkerError
from annotools.processes import process_context

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Work = Callable[[int, Tick], ShardResult]

_TRIES = 2
_TICK_SECONDS = 0.1


def run_shards(work: Work, indices: Sequence[int], workers: int, tick: Tick) -> Iterator[ShardResult]:
    """What `work(index, tick)` returns for each index, as they are finished; `work` is picklable.

    Raises what `work` raises, and WorkerError for a shard whose process died twice.
    """
    if min(workers, len(indices)) <= 1:
        for index in indices:
            yield work(index, tick)
        return
    crew = _Crew(work, indices, tick)
    try:
        yield from crew.run(min(workers, len(indices)))
    finally:
        crew.dismiss()


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    index: int | None = None
    images: int = 0
    bytes: int = 0


class _Crew:
    def __init__(self, work: Work, indices: Sequence[int], tick: Tick) -> None:
        self.work = work
        self.tick = tick
        self.waiting = deque(indices)
        self.deaths: dict[int, int] = {}
        self.workers: dict[Connection, _Worker] = {}

    def run(self, size: int) -> Iterator[ShardResult]:
        from multiprocessing.connection import Connection, wait  # one process does without

        for _ in range(size):
            self.hire()
        while self.workers:
            for connection in wait(list(self.workers)):
                assert isinstance(connection, Connection)
                result = self.listen(self.workers[connection])
                if result is not None:
                    yield result

    def hire(self) -> None:
        context = process_context()
        ours, theirs = context.Pipe()
        others = [*self.workers, ours]
        process = context.Process(target=_serve, args=(self.work, theirs, others), daemon=True)
        process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        worker = self.workers[ours] = _Worker(process, ours)
        self.give_work(worker)

    def give_work(self, worker: _Worker) -> None:
        worker.images = worker.bytes = 0
        worker.index = self.waiting.popleft() if self.waiting else None
        try:
            worker.connection.send(worker.index)
        except OSError:
            return  # it has died; the end of its pipe says so next
        if worker.index is None:
            del self.workers[worker.connection]
            worker.connection.close()

    def listen(self, worker: _Worker) -> ShardResult | None:
        """One message of a worker: progress, a result, an error; or the news that it died."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self.bury(worker)
            return None
        match message:
            case (int() as images, int() as size):
                self.count(worker, images, size)
                return None
            case ShardResult():
                self.give_work(worker)
                return message
            case _:
                raise message

    def count(self, worker: _Worker, images: int, size: int) -> None:
        worker.images += images
        worker.bytes += size
        self.tick(images, size)

    def bury(self, worker: _Worker) -> None:
        worker.process.join()
        del self.workers[worker.connection]
        worker.connection.close()
        index = worker.index
        if index is None:
            return
        self.tick(-worker.images, -worker.bytes)
        self.deaths[index] = self.deaths.get(index, 0) + 1
        if self.deaths[index] == _TRIES:
            cause = _cause(worker.process.exitcode)
            raise WorkerError(f"the process for shard {index} of the plan ended {_TRIES} times: {cause}")
        self.waiting.appendleft(index)
        self.hire()

    def dismiss(self) -> None:
        for worker in self.workers.values():
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.join()
            worker.connection.close()
        self.workers.clear()


def _cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"exit code {exit_code}"


def _serve(work: Work, connection: Connection, others: Sequence[Connection]) -> None:
    """The life of a worker: an index comes, its result goes, until None comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides what it means
    for other in others:
        other.close()  # a fork holds them open too, and nobody would see that the parent has gone
    try:
        while (index := connection.recv()) is not None:
            try:
                answer: object = work(index, _Ticker(connection))
            except AnnotoolsError as error:
                answer = error
            except (BrokenPipeError, MemoryError):
                raise
            except Exception:
                answer = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
            connection.send(answer)
    except (EOFError, OSError):
        os._exit(1)  # the parent has gone


class _Ticker:
    """Sends progress, but not for every image."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.images = self.bytes = 0
        self.next = time.monotonic() + _TICK_SECONDS

    def __call__(self, images: int, size: int) -> None:
        self.images += images
        self.bytes += size
        now = time.monotonic()
        if now >= self.next:
            self.connection.send((self.images, self.bytes))
            self.images = self.bytes = 0
            self.next = now + _TICK_SECONDS
