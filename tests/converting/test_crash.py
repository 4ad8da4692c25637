"""Whatever ends a conversion, at whichever moment: the same command finishes it, with the same bytes."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.conversion.output.local import Local
from annotools.conversion.statistics import ShardResult, Statistics, WrittenFile
from annotools.errors import OutputError, WorkerError
from annotools.parallel import Tick, in_order
from annotools.sources.folder import Folder
from annotools.sources.source import open_source

CRASH_POINTS = Path(__file__).with_name("crash_points.py")


def command(shop: Any, out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "annotools.cli", "convert", str(shop.root), str(out)),
        *("--to", "tfrecord", "--shards", "6", "--workers", "2", *more),
    ]


def test_a_crash_at_any_operation_on_the_output_loses_nothing(tree: Any, tmp_path: Path) -> None:
    for number in range(6):
        tree.add(f"img{number}")
    folder = tmp_path / "runs"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(CRASH_POINTS), str(tree.root), str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name, found in json.loads(done.stdout).items():
        assert found["points"] > 15, name
        assert found["wrong"] == [], name
        assert found["torn"] == [], name


@pytest.mark.parametrize("victim", ["main", "worker"])
def test_a_kill_at_any_moment_loses_nothing(victim: str, shop: Any, tmp_path: Path, snapshot: Any) -> None:
    """The short form of benchmarks/faults/kill.py."""
    annotools.convert(shop.root, tmp_path / "undisturbed", to="tfrecord", shards=6)
    wanted = snapshot(tmp_path / "undisturbed")
    started = time.monotonic()
    subprocess.run(command(shop, tmp_path / "timed"), check=True, capture_output=True)
    length = time.monotonic() - started
    draws = random.Random(victim)
    for number in range(5):
        out = tmp_path / f"out{number}"
        process = subprocess.Popen(
            command(shop, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(draws.uniform(0.3, 1.1) * length)
        pids = children(process.pid) if victim == "worker" else [process.pid]
        for pid in pids[:1]:
            os.kill(pid, signal.SIGKILL)
        code = process.wait()
        if victim == "worker":
            assert code == 0  # it was noticed, and its shard written by another process
        for name, data in snapshot(out).items() if out.exists() else ():
            assert name.startswith(".annotools/") or data == wanted[name]
        subprocess.run(command(shop, out), check=True, capture_output=True)
        assert snapshot(out) == wanted


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_ctrl_c_keeps_what_is_finished(shop: Any, tmp_path: Path, snapshot: Any) -> None:
    for number in range(400):
        shop.add(f"more{number:03d}")
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(shop, out, "--workers", "1", "--shards", "20"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    staging = out / ".annotools" / "staging"
    while not (staging.is_dir() and len(list(staging.glob("*.json"))) >= 3):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    assert [path.name for path in out.iterdir()] == [".annotools"]
    kept = len(list(staging.glob("*.json")))
    assert kept >= 3
    assert not list((out / ".annotools").glob("scratch-*"))
    result = annotools.convert(shop.root, out, to="tfrecord", shards=20)
    assert result.reused == kept
    annotools.convert(shop.root, tmp_path / "undisturbed", to="tfrecord", shards=20)
    assert snapshot(out) == snapshot(tmp_path / "undisturbed")


class Interrupting(Folder):
    """A folder at whose second image somebody presses Ctrl-C."""

    images = 0

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        if name.endswith(".jpg"):
            self.images += 1
            if self.images == 2:
                raise KeyboardInterrupt
        return super().read_bytes(name, limit)


def test_ctrl_c_before_anything_is_finished_leaves_nothing(shop: Any, tmp_path: Path) -> None:
    source = open_source(shop.root)
    source.storage = Interrupting(str(shop.root))
    out = tmp_path / "new" / "out"
    with pytest.raises(KeyboardInterrupt):
        annotools.convert(source, out, to="tfrecord", shards=1)
    assert not out.exists()


def die_once(folder: Path, deaths: int, index: int, tick: Tick) -> ShardResult:
    """Work on a shard during which the process is killed, `deaths` times for shard 1."""
    tick(1, 10)
    time.sleep(0.15)
    tick(1, 10)
    marks = len(list(folder.glob(f"{index}-*")))
    if index == 1 and marks < deaths:
        (folder / f"{index}-{marks}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ShardResult.of(("train", index, 4), f"{index}", WrittenFile(), Statistics())


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_killed_worker_is_replaced_once(deaths: int, tmp_path: Path) -> None:
    from functools import partial

    done = [0, 0]

    def tick(images: int, size: int) -> None:
        done[0] += images
        done[1] += size

    work = partial(die_once, tmp_path, deaths)
    if deaths == 2:
        with pytest.raises(WorkerError, match=r"part 1 .* 2 times: killed by SIGKILL"):
            list(in_order(work, range(4), 2, tick=tick))
        return
    results = list(in_order(work, range(4), 2, tick=tick))
    assert [result.index for result in results] == [0, 1, 2, 3]
    assert done[0] <= 8  # the images of the try that failed were taken back


def raise_something(kind: str, index: int, tick: Tick) -> ShardResult:
    if kind == "ours":
        raise OutputError("no room", path=f"shard {index}")
    raise ZeroDivisionError("a bug")


def test_errors_of_workers_arrive_whole() -> None:
    from functools import partial

    with pytest.raises(OutputError) as ours:
        list(in_order(partial(raise_something, "ours"), range(3), 2, tick=lambda *_: None))
    assert ours.value.message == "no room"
    assert str(ours.value.path).startswith("shard ")
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        list(in_order(partial(raise_something, "bug"), range(3), 2, tick=lambda *_: None))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_is_a_clear_end_and_a_place_to_go_on_from(
    workers: str, shop: Any, tmp_path: Path, snapshot: Any
) -> None:
    big = os.urandom(300_000)
    shop.add("big", image=(shop.root / "JPEGImages" / "img000.jpg").read_bytes()[:-2] + big + b"\xff\xd9")
    out = tmp_path / "out"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    full = subprocess.run(
        command(shop, out, "--workers", workers), capture_output=True, text=True, preexec_fn=small_files
    )
    assert full.returncode == 2, full.stderr
    assert "cannot be written: File too large" in full.stderr
    assert "Traceback" not in full.stderr
    assert not out.exists() or [path.name for path in out.iterdir()] == [".annotools"]
    subprocess.run(command(shop, out), check=True, capture_output=True)
    annotools.convert(shop.root, tmp_path / "undisturbed", to="tfrecord", shards=6)
    assert snapshot(out) == snapshot(tmp_path / "undisturbed")


def test_two_conversions_do_not_write_into_one_folder(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotools.conversion.output import local as output

    monkeypatch.setattr(output, "_LOCK_SECONDS", 0.1)
    out = tmp_path / "out"
    with Local(out).lock(".annotools"), pytest.raises(OutputError, match="another conversion"):
        annotools.convert(shop.root, out, to="tfrecord")
    annotools.convert(shop.root, out, to="tfrecord")


def test_an_output_that_may_not_be_written(shop: Any, tmp_path: Path, capsys: Any) -> None:
    if os.geteuid() == 0:
        out = Path("/proc/annotools/out")  # root may write everywhere but there
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        out = tmp_path / "locked" / "out"
    assert main(["convert", str(shop.root), str(out), "--to", "tfrecord"]) == 2
    said = capsys.readouterr().err
    assert str(out) in said
    assert "Traceback" not in said


def test_a_file_that_vanishes_during_the_run_is_an_error_of_that_file(
    shop: Any, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotools.conversion import run
    from annotools.conversion.plan import make_plan as plan

    def make_plan(*args: Any, **options: Any) -> Any:
        made = plan(*args, **options)
        (shop.root / "JPEGImages" / "img011.jpg").unlink()
        (shop.root / "Annotations" / "img012.xml").unlink()
        return made

    monkeypatch.setattr(run, "make_plan", make_plan)
    call = ["convert", str(shop.root), str(tmp_path / "out"), "--to", "tfrecord", "--shards", "2"]
    assert main(call) == 1
    said = capsys.readouterr().err
    assert "img011.jpg" in said
    assert "img012.xml" in said
    assert not (tmp_path / "out").exists()
