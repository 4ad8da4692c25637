"""`--runner beam`: the same bytes as without, in this process, in two and on a Dask cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from annotools import cli
from annotools.conversion.result import ConvertResult
from annotools.conversion.run import convert
from annotools.conversion.shard import write_shard
from annotools.errors import AnnotoolsError, OptionError, OutputError
from annotools.issues import DataError

pytest.importorskip("apache_beam")

# Beam's DirectRunner would download another program, Prism, and prefer it to its own FnApiRunner.
DIRECT = ["--runner=DirectRunner", "--prism_location=/nowhere"]
PROCESSES = [*DIRECT, "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
IN_PROCESS = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
# Flink, Spark and Prism are spoken to in this way, by the same client.
PORTABLE = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
DASK = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"

Snapshot = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def local(shop: Any, tmp_path: Path) -> Path:
    """The shop in 8 shards, converted without Beam."""
    convert(shop.root, tmp_path / "local", to="tfrecord", shards=8)
    return tmp_path / "local"


def with_beam(source: Path, output: object, flags: list[str], **options: Any) -> ConvertResult:
    call: dict[str, Any] = {"to": "tfrecord", "shards": 8} | options
    return convert(source, str(output), runner="beam", beam_options=flags, **call)


@pytest.mark.parametrize("flags", [DIRECT, PROCESSES, PORTABLE], ids=["direct", "processes", "portable"])
def test_the_bytes_are_those_of_the_local_run(
    flags: list[str], shop: Any, local: Path, tmp_path: Path, snapshot: Snapshot
) -> None:
    result = with_beam(shop.root, tmp_path / "out", flags)
    assert snapshot(tmp_path / "out") == snapshot(local)
    assert (result.ledger.images.written, result.reused) == (40, 0)


def test_a_second_run_does_what_is_new(shop: Any, tmp_path: Path, snapshot: Snapshot) -> None:
    with_beam(shop.root, tmp_path / "out", IN_PROCESS)
    shop.add("newest")
    assert with_beam(shop.root, tmp_path / "out", IN_PROCESS).reused == 7
    assert with_beam(shop.root, tmp_path / "out", IN_PROCESS).reused == 8
    assert with_beam(shop.root, tmp_path / "out", IN_PROCESS, overwrite=True).reused == 0
    assert convert(shop.root, tmp_path / "out", to="tfrecord", shards=8).reused == 8
    convert(shop.root, tmp_path / "local", to="tfrecord", shards=8)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "local")


def test_a_single_file(shop: Any, tmp_path: Path, snapshot: Snapshot) -> None:
    for name in ("local", "beam"):
        (tmp_path / name).mkdir()
    convert(shop.root, tmp_path / "local" / "shop.pkl", to="pickle")
    with_beam(shop.root, tmp_path / "beam" / "shop.pkl", IN_PROCESS, to="pickle", shards=None)
    assert snapshot(tmp_path / "beam") == snapshot(tmp_path / "local")


def test_the_plan_travels_where_the_output_is_no_folder(
    shop: Any, local: Path, snapshot: Snapshot, request: pytest.FixtureRequest
) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    request.addfinalizer(memory.store.clear)
    with_beam(shop.root, "memory://beam/out", IN_PROCESS)
    found = {name.removeprefix("/beam/out/"): memory.cat(name) for name in memory.find("/beam/out")}
    assert found == snapshot(local)


@pytest.mark.parametrize("flags", [IN_PROCESS, PORTABLE], ids=["in-process", "portable"])
def test_an_error_of_a_worker_comes_back_as_it_was(flags: list[str], shop: Any, tmp_path: Path) -> None:
    errors = []
    for runner in (convert, partial(with_beam, flags=flags)):
        (tmp_path / "out" / ".annotools").mkdir(parents=True)
        (tmp_path / "out" / ".annotools" / "staging").write_bytes(b"in the way")
        with pytest.raises(OutputError) as caught:
            runner(shop.root, tmp_path / "out", to="tfrecord", shards=1)
        errors.append(caught.value)
        assert not (tmp_path / "out" / ".annotools").exists()
    assert str(errors[0]) == str(errors[1])
    assert errors[0].path == errors[1].path
    assert "staging" in str(errors[0].path)


def test_ctrl_c_keeps_what_is_finished(
    shop: Any, tmp_path: Path, local: Path, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def interrupted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            signal.raise_signal(signal.SIGINT)
        return write_shard(*args, **options)

    monkeypatch.setattr("annotools.conversion.resume.write_shard", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        with_beam(shop.root, tmp_path / "out", IN_PROCESS)
    assert "3 finished shards are kept" in "".join(caught.value.__notes__)
    assert with_beam(shop.root, tmp_path / "out", IN_PROCESS).reused == 3
    assert snapshot(tmp_path / "out") == snapshot(local)


def test_every_error_of_the_data_is_told(shop: Any, tmp_path: Path) -> None:
    shop.add("bad", image=b"no image")
    shop.add("worse", xml=b"<annotation>")
    issues = []
    for runner in (convert, partial(with_beam, flags=IN_PROCESS)):
        with pytest.raises(DataError) as caught:
            runner(shop.root, tmp_path / "out", to="tfrecord", shards=4)
        issues.append(caught.value.issues)
        assert not (tmp_path / "out").exists()
    assert issues[0] == issues[1]
    assert {issue.rule for issue in issues[0]} == {"image-unreadable", "unparsable"}


@pytest.mark.parametrize(
    "options",
    [
        {"runner": "beam", "beam_options": ["--runner=NoSuchRunner"]},
        {"runner": "beam", "beam_options": [*IN_PROCESS, "--direct_num_workers=many"]},
        {"runner": "beam", "dry_run": True},
        {"runner": "local", "beam_options": ["--streaming"]},
        {"runner": "ray"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_impossible_options(options: dict[str, Any], shop: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        convert(shop.root, tmp_path / "out", to="tfrecord", **options)
    assert not (tmp_path / "out").exists()


def test_the_command_hands_on_what_follows_two_dashes(
    shop: Any, local: Path, tmp_path: Path, snapshot: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["convert", str(shop.root), str(tmp_path / "out"), "--to", "tfrecord", "--shards", "8"]
    assert cli.main([*call, "--runner", "beam", "--", "--runner=NoSuchRunner"]) == 2
    assert "NoSuchRunner" in capsys.readouterr().err
    assert cli.main([*call, "--runner=beam", "--quiet", "--", *IN_PROCESS]) == 0
    assert snapshot(tmp_path / "out") == snapshot(local)
    # without Beam, two dashes mean what they mean elsewhere
    assert cli.main(["convert", "--to", "pickle", "--", str(shop.root), str(tmp_path / "a.pkl")]) == 0


@pytest.fixture
def dask_workers() -> Iterator[tuple[str, list[int]]]:
    """The address of a scheduler and the processes of its two workers."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address, [worker.pid for worker in cluster.workers.values()]


def test_a_dask_cluster_one_of_whose_two_processes_is_killed(
    dask_workers: tuple[str, list[int]], shop: Any, tmp_path: Path, snapshot: Snapshot
) -> None:
    address, pids = dask_workers
    convert(shop.root, tmp_path / "local", to="tfrecord", shards=128)
    finished_when_killed: list[int] = []
    busy: set[str] = set()

    def kill_one() -> None:
        state = tmp_path / "out" / ".annotools"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            busy.update(folder.name.split("-")[1] for folder in state.glob("scratch-*"))
            finished = len(list(state.glob("staging/*.json")))
            if finished >= 4 and busy >= {str(pid) for pid in pids}:
                os.kill(pids[0], signal.SIGKILL)
                finished_when_killed.append(finished)
                return
            time.sleep(0.001)

    killer = threading.Thread(target=kill_one)
    killer.start()
    with_beam(shop.root, tmp_path / "out", [DASK, f"--dask_client_address={address}"], shards=128)
    killer.join()
    assert finished_when_killed
    assert finished_when_killed[0] < 128
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "local")


WITHOUT_BEAM = """
import sys
sys.modules["apache_beam"] = None  # importing it raises ImportError
from annotools import cli
from annotools.errors import MissingExtraError
source, output = sys.argv[1:]
assert cli.main(["convert", source, output, "--to", "tfrecord", "--quiet"]) == 0
assert cli.main(["convert", source, output + "2", "--to", "tfrecord", "--runner", "beam"]) == 2
try:
    import annotools.beam
except MissingExtraError as error:
    assert "[beam]" in str(error)
else:
    raise AssertionError("no MissingExtraError")
"""


def test_without_beam_everything_else_works(shop: Any, tmp_path: Path) -> None:
    call = [sys.executable, "-c", WITHOUT_BEAM, str(shop.root), str(tmp_path / "out")]
    run = subprocess.run(call, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "pip install 'annotools-voc[beam]'" in run.stderr
    assert not (tmp_path / "out2").exists()


def test_beam_is_not_imported_unless_asked_for() -> None:
    code = "import sys, annotools.conversion.run; assert not [n for n in sys.modules if 'beam' in n]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_error_survives_as_text() -> None:
    from annotools.conversion.beam_runner import ShardError, _as_annotools_error

    error = OutputError("kaputt", path="a/手机.xml", line=3, field="x", found="[y]", expected="z")
    text = f"Traceback ...\n{ShardError.of(error)} [while running 'Finish']"
    rebuilt: AnnotoolsError = _as_annotools_error(RuntimeError(text))
    assert type(rebuilt) is OutputError
    assert vars(rebuilt) == vars(error)
