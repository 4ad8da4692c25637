"""Work that takes long: in several processes of this machine, and with a bar that shows how far it is.

A process that dies (the kernel takes its memory back, somebody kills it) costs its job one more try in a new
process; the second death ends the run. Whatever a job raises ends the run as well. Results come in the order
of the jobs, and processes that are ahead of that order wait, so that results never pile up.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from annotools.errors import AnnotoolsError, WorkerError
from annotools.files.system import can_fork

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkContext, SpawnContext
    from multiprocessing.process import BaseProcess

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[int, int], object]
"""`tick(items, bytes)`: that much is done. Negative numbers take back what a dead process had told."""

_TRIES = 2
_AHEAD = 4  # jobs for each process that may be done before the next result in order is there
_TICK_SECONDS = 0.1


def process_context() -> ForkContext | SpawnContext:
    """Fork, which takes 10 ms where spawning takes 200, but only if this process has no threads."""
    import multiprocessing

    if can_fork():
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def in_order(
    work: Callable[..., Result], jobs: Iterable[Job], workers: int, *, tick: Tick | None = None
) -> Iterator[Result]:
    """`work(job)` of each job, or `work(job, tick)` where `tick` is given, in the order of the jobs.

    Work, jobs and results are picklable; jobs are taken from their iterable when they are needed. With one
    worker, or one job, everything happens in this process. Closing the iterator stops the processes.

    Raises what `work` raises, and WorkerError for a job whose process died twice.
    """
    jobs = iter(jobs)
    first = list(islice(jobs, 2))
    if workers <= 1 or len(first) < 2:
        more = () if tick is None else (tick,)
        for job in chain(first, jobs):
            yield work(job, *more)
        return
    pool = _Pool(work, chain(first, jobs), workers, tick)
    try:
        yield from pool.results()
    finally:
        pool.stop()


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    number: int | None = None
    items: int = 0
    bytes: int = 0


class _Pool(Generic[Job, Result]):
    """Jobs have numbers; `waiting` and `finished` are those between the next to be handed out and the next
    to be returned."""

    def __init__(
        self, work: Callable[..., Result], jobs: Iterator[Job], size: int, tick: Tick | None
    ) -> None:
        self.work, self.jobs, self.size, self.tick = work, jobs, size, tick
        self.workers: dict[Connection, _Worker] = {}
        self.idle: list[_Worker] = []
        self.deaths: dict[int, int] = {}
        self.under_way: dict[int, Job] = {}
        self.waiting: list[int] = []  # numbers of jobs whose process has died
        self.finished: dict[int, Result] = {}
        self.taken = self.returned = 0

    def results(self) -> Iterator[Result]:
        from multiprocessing.connection import wait  # one process does without

        self.hand_out()
        while self.under_way or self.finished:
            while self.returned in self.finished:
                result = self.finished.pop(self.returned)
                self.returned += 1
                self.hand_out()
                yield result
            busy = [worker.connection for worker in self.workers.values() if worker.number is not None]
            for connection in wait(busy) if busy else ():
                self.listen(self.workers[connection])  # type: ignore[index]
            self.hand_out()

    def hand_out(self) -> None:
        """Give work to every process that has none, and start those that are missing."""
        while (self.idle or len(self.workers) < self.size) and (number := self.next_job()) is not None:
            worker = self.idle.pop() if self.idle else self.start()
            worker.number, worker.items, worker.bytes = number, 0, 0
            with contextlib.suppress(OSError):  # it has died; the end of its pipe says so next
                worker.connection.send(self.under_way[number])

    def next_job(self) -> int | None:
        if self.waiting:
            return self.waiting.pop()
        if self.taken >= self.returned + _AHEAD * self.size:
            return None
        for job in self.jobs:
            number, self.taken = self.taken, self.taken + 1
            self.under_way[number] = job
            return number
        return None

    def start(self) -> _Worker:
        context = process_context()
        ours, theirs = context.Pipe()
        arguments = (self.work, self.tick is not None, theirs, [*self.workers, ours])
        process = context.Process(target=_serve, args=arguments, daemon=True)
        process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        worker = self.workers[ours] = _Worker(process, ours)
        return worker

    def listen(self, worker: _Worker) -> None:
        """One message of a process: progress, a result, an error; or the news that it died."""
        try:
            kind, value = worker.connection.recv()
        except (EOFError, OSError):
            self.replace(worker)
            return
        if kind == "error":
            raise value
        if kind == "done":
            assert worker.number is not None
            self.finished[worker.number] = value
            del self.under_way[worker.number]
            worker.number = None
            self.idle.append(worker)
        elif self.tick is not None:
            worker.items += value[0]
            worker.bytes += value[1]
            self.tick(*value)

    def replace(self, worker: _Worker) -> None:
        """The job of a dead process goes to a new one, once."""
        worker.process.join()
        del self.workers[worker.connection]
        worker.connection.close()
        number = worker.number
        assert number is not None
        if self.tick is not None:
            self.tick(-worker.items, -worker.bytes)
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.deaths[number] == _TRIES:
            cause = _cause(worker.process.exitcode)
            raise WorkerError(f"the process for part {number} of the work ended {_TRIES} times: {cause}")
        self.waiting.append(number)

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.join()
            worker.connection.close()
        self.workers.clear()


def _cause(exit_code: int | None) -> str:
    import signal

    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"exit code {exit_code}"


def _serve(
    work: Callable[..., Any], ticks: bool, connection: Connection, others: Sequence[Connection]
) -> None:
    """The life of a process: a job comes, its result goes, until the parent ends it."""
    import signal
    import traceback

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides what it means
    for other in others:
        other.close()  # a fork holds them open too, and nobody would see that the parent has gone
    more = (_Ticker(connection),) if ticks else ()
    try:
        while True:
            job = connection.recv()
            try:
                answer: tuple[str, object] = "done", work(job, *more)
            except AnnotoolsError as error:
                answer = "error", error
            except (BrokenPipeError, MemoryError):
                raise
            except Exception:
                answer = "error", RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
            connection.send(answer)
    except (EOFError, OSError):
        os._exit(1)  # the parent has gone


class _Ticker:
    """Sends progress, but not for every item."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.items = self.bytes = 0
        self.next = time.monotonic() + _TICK_SECONDS

    def __call__(self, items: int, size: int) -> None:
        self.items += items
        self.bytes += size
        now = time.monotonic()
        if now >= self.next:
            self.connection.send(("tick", (self.items, self.bytes)))
            self.items = self.bytes = 0
            self.next = now + _TICK_SECONDS


@contextlib.contextmanager
def progress_bar(
    shown: bool, *, unit: str, total: int | None = None, title: str | None = None
) -> Iterator[Tick]:
    """A function that takes the items and bytes done; it draws on stderr, if that is a terminal.

    A bar with a title is wiped when it ends; one without stays.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda _items, _bytes: None
        return
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # its thread would keep the workers from being forked

    in_bytes = unit == "B"
    with Bar(
        total=total, unit=unit, unit_scale=in_bytes, desc=title, leave=title is None, file=sys.stderr
    ) as bar:
        done = 0

        def tick(items: int, size: int) -> None:
            nonlocal done
            done += size
            if bar.update(size if in_bytes else items) and done and not in_bytes:
                seconds = bar.format_dict["elapsed"] or 1.0
                bar.set_postfix_str(f"{done / seconds / 1e6:.1f} MB/s", refresh=False)

        yield tick
