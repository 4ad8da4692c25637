"""The files of a source to several processes and back, in order.

Chunk i belongs to process i modulo n; process 0 is this one. Each lists the source by itself, so that nothing
but findings travels, and a process that is ahead waits at its full pipe, so that they never pile up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from annotools.errors import AnnotoolsError
from annotools.issues import Issue
from annotools.processes import process_context
from annotools.validation.census import Census
from annotools.validation.checker import Checker, Job

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from annotools.sources.source import Pair

CHUNK = 200
"""Pairs that are checked at a time."""

WORTH_A_WORKER = 2000
"""Pairs below which starting processes costs more than it saves."""

Checked = tuple[list[Issue], Census]


def chunks_of(pairs: Iterator[Pair], size: int) -> Iterator[list[Pair]]:
    """Lists of up to `size` pairs."""
    while chunk := list(islice(pairs, size)):
        yield chunk


def check_pairs(
    job: Job, split: str | None, pairs: Iterator[Pair], workers: int | None, *, progress: bool = False
) -> Iterator[Checked]:
    """(issues, census) of each chunk of `pairs`, which are those of `job.pairs(split)`, in their order."""
    if workers is None:
        workers = 1 if len(job.source) < WORTH_A_WORKER else os.cpu_count() or 1
    checked = _in_turn(job, split, pairs, workers)
    return _shown(checked, len(job.source)) if progress and sys.stderr.isatty() else checked


def _in_turn(job: Job, split: str | None, pairs: Iterator[Pair], workers: int) -> Iterator[Checked]:
    helpers = _start(job, split, workers)
    checker = Checker(job)
    try:
        for number, chunk in enumerate(chunks_of(pairs, CHUNK)):
            place = number % workers
            if place == 0:
                yield _check(checker, chunk)
            else:
                yield _receive(helpers[place - 1])
    finally:
        for helper in helpers:
            helper.close()  # one that is still at work finds its pipe broken, and ends


def _start(job: Job, split: str | None, workers: int) -> list[Connection]:
    if workers == 1:
        return []
    context = process_context()
    helpers: list[Connection] = []
    for place in range(1, workers):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (job, split, CHUNK, place, workers, sender, [*helpers, receiver])
        context.Process(target=_work, args=arguments, daemon=True).start()
        sender.close()  # so that the end of the process is the end of the pipe
        helpers.append(receiver)
    return helpers


def _work(
    job: Job,
    split: str | None,
    size: int,
    place: int,
    workers: int,
    sender: Connection,
    others: list[Connection],
) -> None:
    for connection in others:
        connection.close()  # a fork holds them open too, and nobody would see that the parent has gone
    checker = Checker(job)
    with suppress(BrokenPipeError, KeyboardInterrupt), sender:
        try:
            for number, chunk in enumerate(chunks_of(job.pairs(split), size)):
                if number % workers == place:
                    sender.send(_check(checker, chunk))
        except AnnotoolsError as error:  # the source cannot be reached any more
            sender.send(error)


def _receive(helper: Connection) -> Checked:
    try:
        checked: Checked | AnnotoolsError = helper.recv()
    except EOFError:
        raise RuntimeError("a worker process of annotools ended early; its message is above") from None
    if isinstance(checked, AnnotoolsError):
        raise checked
    return checked


def _check(checker: Checker, chunk: list[Pair]) -> Checked:
    with checker.reading_ahead(chunk):
        issues = [issue for pair in chunk for issue in checker.check(pair)]
    return issues, checker.take_census()


def _shown(checked: Iterator[Checked], total: int) -> Iterator[Checked]:
    from tqdm import tqdm

    with tqdm(total=total, unit=" files", desc="validate", leave=False) as bar:
        for issues, census in checked:
            yield issues, census
            bar.update(len(census.fingerprints) or census.files)
