"""Chunks of pairs to processes and back, in order, with only a few chunks under way at any time."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.validation.census import Census
from annotools.validation.checker import Checker, Job

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.context import BaseContext

    from annotools.sources import Pair

CHUNK = 64
"""Pairs that a worker checks at a time."""

WORTH_A_WORKER = 8
"""Chunks below which starting processes costs more than it saves."""

Checked = tuple[list[Issue], Census]

_checker: Checker | None = None


def run_chunks(
    job: Job, chunks: Iterator[list[Pair]], workers: int | None, *, progress: bool = False
) -> Iterator[Checked]:
    """(issues, census) of each chunk, in the order of the chunks."""
    first = list(islice(chunks, WORTH_A_WORKER)) if workers is None else []
    if workers is None:
        workers = 1 if len(first) < WORTH_A_WORKER else os.cpu_count() or 1
    checked = (
        _here(job, chain(first, chunks))
        if workers == 1
        else _in_processes(job, chain(first, chunks), workers)
    )
    return _shown(checked) if progress and sys.stderr.isatty() else checked


def _here(job: Job, chunks: Iterable[list[Pair]]) -> Iterator[Checked]:
    checker = Checker(job)
    for chunk in chunks:
        issues = [issue for pair in chunk for issue in checker.check(pair)]
        yield issues, checker.take_census()


def _in_processes(job: Job, chunks: Iterable[list[Pair]], workers: int) -> Iterator[Checked]:
    # Imported here: 20 ms, which a small source need not wait for.
    from concurrent.futures import ProcessPoolExecutor

    under_way: deque[Future[Checked]] = deque()
    with ProcessPoolExecutor(workers, _context(), _start, (job,)) as pool:
        try:
            for chunk in chunks:
                under_way.append(pool.submit(_check_chunk, chunk))
                if len(under_way) > 4 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def _context() -> BaseContext:
    import multiprocessing

    # A fork starts in 10 ms where spawning takes 200, but a process with threads must not fork.
    single = sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
    return multiprocessing.get_context("fork" if single else "spawn")


def _start(job: Job) -> None:
    import gc

    global _checker
    gc.disable()  # a check makes no cycles; looking for them takes a tenth of the time
    _checker = Checker(job)


def _check_chunk(chunk: list[Pair]) -> Checked:
    assert _checker is not None
    issues = [issue for pair in chunk for issue in _checker.check(pair)]
    return issues, _checker.take_census()


def _shown(checked: Iterator[Checked]) -> Iterator[Checked]:
    from tqdm import tqdm

    with tqdm(unit=" files", desc="validate", leave=False) as bar:
        for issues, census in checked:
            yield issues, census
            bar.update(census.files)
