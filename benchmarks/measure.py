"""Running competitors in turn, and the table that comes out.

Nothing else may be concluded from two programs measured one after the other on a shared machine: here they
alternate within one run (A B C, B C A, ...), ratios are taken within each round, and the table shows the
median of both. CPU time stands beside wall time, because the former hardly depends on what else is running.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Seconds of wall clock and of CPU (user + system, children included); peak resident set in bytes."""

    wall: float
    cpu: float
    peak: int = 0


def process(command: Sequence[str], **variables: str) -> Run:
    """One whole process, from its start to its end, imports included. Raises when it fails.

    variables   of the environment, beside those of this process
    """
    # Installed packages have their bytecode beside them; with this variable every start compiles it anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= variables
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        sys.exit(f"{' '.join(command)}: exit {child.returncode}\n{errors.decode(errors='replace')}")
    # ru_maxrss is in bytes on macOS and in KiB elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def together(commands: Sequence[Sequence[str]]) -> Run:
    """Processes that run at the same time: wall time of all, CPU time of their sum."""
    if len(commands) == 1:
        return process(commands[0])
    from concurrent.futures import ThreadPoolExecutor

    start = time.perf_counter()
    with ThreadPoolExecutor(len(commands)) as threads:
        runs = list(threads.map(process, commands))
    wall = time.perf_counter() - start
    return Run(wall, sum(run.cpu for run in runs), max(run.peak for run in runs))


def function(work: Callable[[], object]) -> Run:
    """A call within this process."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return Run(time.perf_counter() - start, time.process_time() - cpu)


def alternate(competitors: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """`rounds` runs of each; a first one, which fills the caches, is thrown away. Rounds start in turn."""
    names = list(competitors)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for round_number in range(-1, rounds):
        shift = round_number % len(names)
        for name in names[shift:] + names[:shift]:
            run = competitors[name]()
            if round_number >= 0:
                runs[name].append(run)
    return runs


def median_ratio(runs: Sequence[Run], others: Sequence[Run], field: str = "cpu") -> float:
    """Median over the rounds of runs / others."""
    pairs = zip(runs, others, strict=True)
    return float(statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs))


def slopes(few: Sequence[Run], many: Sequence[Run], more: int) -> list[Run]:
    """What one more costs, round by round; `many` did `more` more than `few`."""
    pairs = zip(few, many, strict=True)
    return [Run((b.wall - a.wall) / more, (b.cpu - a.cpu) / more) for a, b in pairs]


def median(runs: Sequence[Run], field: str) -> float:
    return float(statistics.median(getattr(run, field) for run in runs))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column to the left, all others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [_line(header, widths), "|" + "|".join("-" * (w + 2) for w in widths) + "|"]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join([first, *rest]) + " |"


def verdict(value: float, *, least: float | None = None, most: float | None = None) -> str:
    """The target and whether `value` meets it."""
    if least is not None:
        return f"{'met' if value >= least else 'MISSED'} (at least {least:g})"
    if most is not None:
        return f"{'met' if value <= most else 'MISSED'} (at most {most:g})"
    return ""
