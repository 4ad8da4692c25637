"""A power cut at any moment loses nothing: the same command gives the same bytes, and no reader sees others.

The short form of benchmarks/faults/power_loss.py, which says what is tried.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "faults" / "power_loss.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


def test_a_power_cut_at_any_call_loses_nothing() -> None:
    done = run("--states", "400")
    assert done.returncode == 0, done.stdout + done.stderr
    tried = int(done.stdout.splitlines()[-1].split()[0])
    assert tried >= 300


@pytest.mark.parametrize(
    ("forgotten", "found"),
    [("files", "a wrong file under its final name"), ("folders", "lost after the end")],
)
def test_a_sync_that_is_left_out_is_found(forgotten: str, found: str) -> None:
    done = run("--states", "30", "--only", "tfrecord", "--forget", forgotten)
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout


def test_a_way_to_write_that_is_not_recorded_is_noticed(tmp_path: Path) -> None:
    program = f"""
import sys, os
sys.path[:0] = [{str(SCRIPT.parent)!r}]
from pathlib import Path
import power_loss, sqlite3
def work(root):
    (root / "out").mkdir()
    sqlite3.connect(root / "out" / "unseen").execute("create table t (a)").connection.close()
power_loss.Trial(power_loss.Case("unseen", work), Path({str(tmp_path / "run")!r}), None, loader=False)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the recording is not what happened" in done.stderr
