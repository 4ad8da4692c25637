"""Independent pieces of work to several processes, and their results in order."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from annotools.errors import WorkerError
from annotools.processes import process_context

Work = TypeVar("Work")
Result = TypeVar("Result")


def spread(
    work: Callable[[Work], Result], jobs: Sequence[Work], workers: int, done: Callable[[Result], object]
) -> list[Result]:
    """`work` of each job, in the order of the jobs; `done` is called with each result as it comes.

    Raises what `work` raises, and WorkerError for a process that was killed.
    """
    results: dict[int, Result] = {}
    if min(workers, len(jobs)) <= 1:
        for index, job in enumerate(jobs):
            results[index] = work(job)
            done(results[index])
        return list(results.values())
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=process_context(), initializer=_take_over, initargs=(work,)
    )
    try:
        futures = {pool.submit(_work_on, job): index for index, job in enumerate(jobs)}
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            done(results[futures[future]])
    except BrokenProcessPool:
        raise WorkerError("a process that did a part of the work was killed (out of memory?)") from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()  # nobody waits for what is under way
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return [results[index] for index in range(len(jobs))]


_work: Callable[[Any], Any] | None = None


def _take_over(work: Callable[[Any], Any]) -> None:
    """What all jobs have in common comes once, and through a fork for nothing."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides what it means


def _work_on(job: Any) -> Any:
    assert _work is not None
    return _work(job)
