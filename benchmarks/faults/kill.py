"""Kill a conversion at random moments, and run it again: the bytes must be those of an undisturbed run.

    python benchmarks/faults/kill.py [--kills 200] [--images 2000] [--seed 0]

In turn the main process, one of its workers and the whole process group get SIGKILL. After every kill all
files under their final names are compared with those of the undisturbed run, and a manifest must not be
there before all that it lists. Some runs are killed several times before they may finish. Exit code 1 for
any difference.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import dataset  # noqa: E402

STATE = ".annotools/"
VICTIMS = ("main", "worker", "group")


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder; those that vanish meanwhile do not count."""
    found = {}
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
        except FileNotFoundError:
            continue
    return found


def command(source: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "annotools.cli", "convert", str(source), str(out), "--quiet"),
        *("--to", "tfrecord", "--shards", "8", "--workers", "2", "--split", "train=0.8,val=0.2"),
    ]


def start(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(source, out), start_new_session=True, stderr=subprocess.PIPE)


def workers_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(process: subprocess.Popen[bytes], victim: str, draws: random.Random) -> bool:
    """Whether somebody was killed; a process that ended before is nobody."""
    try:
        if victim == "main":
            os.kill(process.pid, signal.SIGKILL)
        elif victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            workers = workers_of(process.pid)
            if not workers:
                return False
            os.kill(draws.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draws = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="annotools-kill-") as name:
        folder = Path(name)
        source = dataset.make(folder / "voc", args.images, kilobytes=8)
        began = time.monotonic()
        subprocess.run(command(source, folder / "undisturbed"), check=True)
        length = time.monotonic() - began
        wanted = snapshot(folder / "undisturbed")
        kills: Counter[str] = Counter()
        wrong = 0
        while sum(kills.values()) < args.kills:
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            for _ in range(draws.choice((1, 1, 2, 3))):
                victim = VICTIMS[sum(kills.values()) % len(VICTIMS)]
                process = start(source, out)
                time.sleep(draws.uniform(0.0, 1.05) * length)
                kills[victim] += kill(process, victim, draws)
                process.communicate()
                seen = (
                    {n: d for n, d in snapshot(out).items() if not n.startswith(STATE)}
                    if out.exists()
                    else {}
                )
                torn = [n for n, data in seen.items() if data != wanted[n]]
                early = "manifest.json" in seen and [
                    n for n in wanted if n[: len(STATE)] != STATE and n not in seen
                ]
                if torn or early:
                    wrong += 1
                    print(f"after a kill of {victim}: {torn or early}")
            ended = subprocess.run(command(source, out), stderr=subprocess.PIPE, text=True)
            found = snapshot(out) if out.exists() else {}
            if ended.returncode or found != wanted:
                wrong += 1
                other = sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n))
                print(f"the next run: exit {ended.returncode}, {ended.stderr.strip()}, {other[:5]}")
        print(f"{sum(kills.values())} kills ({dict(kills)}), run length {length:.2f} s: {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
