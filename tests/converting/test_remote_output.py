"""Outputs: a folder of this machine and an object store keep the same promises."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotools.conversion.output import remote as remote_output
from annotools.conversion.output.local import Local
from annotools.conversion.output.output import Output, open_output
from annotools.errors import OutputError

BYTES = bytes(range(256)) * 40


@pytest.fixture(params=["local", "file", "s3", "memory"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Output]:
    match request.param:
        case "local":
            yield open_output(tmp_path / "out")
        case "file":
            yield open_output(f"file://{tmp_path}/two%20words")
        case "s3":
            yield open_output(f"{request.getfixturevalue('bucket').url}/a/out")
        case _:
            import fsspec

            yield open_output("memory://a/out")
            fs = fsspec.filesystem("memory")
            fs.store.clear()
            fs.pseudo_dirs[:] = [""]


def put(output: Output, name: str, data: bytes) -> None:
    with output.scratch() as folder:
        (folder / "shard").write_bytes(data)
        output.put(folder / "shard", name)
        assert not (folder / "shard").exists()
    assert not folder.exists()


def test_what_is_put_is_there(output: Output) -> None:
    assert output.names() == []
    assert output.size("a.bin") is None
    put(output, "a.bin", BYTES)
    put(output, "index/a b#1%20.u64", b"")
    output.write_bytes(".annotools/journal/é.json", b"{}")
    assert output.names() == [".annotools/journal/é.json", "a.bin", "index/a b#1%20.u64"]
    assert output.size("a.bin") == len(BYTES)
    assert output.size("index/a b#1%20.u64") == 0
    assert output.size("index") is None or isinstance(output, Local)
    assert output.read_bytes("a.bin") == BYTES
    assert output.read_bytes("index/a b#1%20.u64") == b""
    assert output.sha256("a.bin") == hashlib.sha256(BYTES).hexdigest()
    assert output.sha256("index/a b#1%20.u64") == hashlib.sha256().hexdigest()


def test_a_folder_is_not_its_longer_namesake(output: Output) -> None:
    for name in ("in/a", "in/deep/b", "index/c", "inside"):
        output.write_bytes(name, b"x")
    assert output.names("in") == ["in/a", "in/deep/b"]
    assert output.names("nowhere") == []
    output.remove_folder("in")
    output.remove_folder("nowhere")
    assert output.names() == ["index/c", "inside"]


def test_the_newer_file_replaces_the_older(output: Output) -> None:
    put(output, "a", b"old and long")
    put(output, "a", b"new")
    assert output.read_bytes("a") == b"new"
    output.write_bytes("b", b"other")
    output.rename("b", "a")
    assert output.read_bytes("a") == b"other"
    output.rename("a", "deep/er/c")
    assert output.names() == ["deep/er/c"]


def test_removing_what_is_not_there(output: Output) -> None:
    output.write_bytes("a", b"x")
    output.remove("a")
    output.remove("a")
    assert output.names() == []
    with output.lock(".annotools"):
        output.sweep()
        output.tidy()


def test_what_is_missing_is_named(output: Output) -> None:
    for call in (output.read_bytes, output.sha256, lambda name: output.rename(name, "b")):
        with pytest.raises(OutputError, match="missing"):
            call("missing")


def test_another_process_writes_to_the_same_place(bucket: Any, tmp_path: Path) -> None:
    output = open_output(f"{bucket.url}/out")
    output.write_bytes("a", b"first")
    (tmp_path / "output.pickle").write_bytes(pickle.dumps(output))
    code = (
        "import pickle, sys\n"
        "output = pickle.load(open(sys.argv[1], 'rb'))\n"
        "output.write_bytes('b', output.read_bytes('a') + b', second')\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "output.pickle"], check=True)
    assert output.read_bytes("b") == b"first, second"


def test_a_listing_is_never_an_old_one(bucket: Any) -> None:
    output, other = open_output(f"{bucket.url}/out"), open_output(f"{bucket.url}/out")
    output.write_bytes("a", b"x")
    assert other.names() == ["a"]
    output.rename("a", "b")
    assert other.names() == ["b"]
    assert other.size("a") is None
    output.write_bytes("b", b"xyz")
    assert other.size("b") == 3


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """5 MiB, the smallest part that S3 takes."""
    monkeypatch.setattr(remote_output, "PART", 5 << 20)
    return 5 << 20


def uploads(bucket: Any) -> list[Any]:
    found: list[Any] = bucket.fs.list_multipart_uploads(bucket.url.removeprefix("s3://"))
    return found


def test_a_large_file_goes_in_parts(bucket: Any, small_parts: int) -> None:
    data = bytes(range(251)) * (small_parts * 5 // 502)
    output = open_output(f"{bucket.url}/out")
    bucket.gate.fail = lambda _number, _method, path: "partNumber=2" in path and not bucket.gate.failed
    put(output, "large", data)
    parts = [path for method, path, _ in bucket.gate.requests if method == "PUT" and "partNumber" in path]
    assert len({path.partition("partNumber=")[2] for path in parts}) == 3
    assert len(parts) == 4  # one was sent twice
    assert output.sha256("large") == hashlib.sha256(data).hexdigest()
    assert uploads(bucket) == []


def test_half_an_upload_is_not_seen(bucket: Any, small_parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    output = open_output(f"{bucket.url}/out")
    output.write_bytes("large", b"the old one")
    bucket.gate.fail = lambda _number, method, path: method == "PUT" and "partNumber=2" in path
    with pytest.raises(OutputError, match=rf"{bucket.url}/out/large: cannot be written or read: SlowDown"):
        put(output, "large", bytes(3 * small_parts))
    assert output.names() == ["large"]
    assert output.read_bytes("large") == b"the old one"
    assert uploads(bucket) == []  # they would cost money for ever


def test_a_killed_upload_is_not_seen(bucket: Any, small_parts: int) -> None:
    # nobody is left to abort it: a lifecycle rule has to
    name = bucket.url.removeprefix("s3://")
    started = bucket.fs.call_s3("create_multipart_upload", Bucket=name, Key="out/large")
    bucket.fs.call_s3(
        "upload_part", Bucket=name, Key="out/large", PartNumber=1, UploadId=started["UploadId"], Body=b"x"
    )
    output = open_output(f"{bucket.url}/out")
    assert output.names() == []
    assert output.size("large") is None
    put(output, "large", b"done")
    assert output.read_bytes("large") == b"done"


def test_a_large_file_is_renamed_by_the_server(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3fs.core.MANAGED_COPY_THRESHOLD", 1000)
    output = open_output(f"{bucket.url}/out")
    output.write_bytes("a b", BYTES)
    bucket.gate.requests.clear()
    output.rename("a b", "c d")
    assert output.names() == ["c d"]
    assert output.read_bytes("c d") == BYTES
    assert any("uploadId" in path for method, path, _ in bucket.gate.requests if method == "PUT")


def test_requests_that_fail_are_made_again(bucket: Any) -> None:
    output = open_output(f"{bucket.url}/out")
    bucket.gate.fail = lambda number, _method, _path: number % 3 == 1
    put(output, "a", BYTES)
    output.rename("a", "b")
    assert (output.names(), output.size("a")) == (["b"], None)
    assert output.read_bytes("b") == BYTES
    assert bucket.gate.failed > 2


def test_a_server_that_never_recovers(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    output = open_output(f"{bucket.url}/out")
    output.write_bytes("a", b"x")
    bucket.gate.status = 500
    bucket.gate.fail = lambda _number, _method, _path: True
    for call in (
        lambda: output.write_bytes("a", b"y"),
        lambda: output.names(),
        lambda: output.size("a"),
        lambda: output.sha256("a"),
        lambda: output.remove("a"),
        lambda: output.rename("a", "b"),
    ):
        with pytest.raises(OutputError, match=rf"{bucket.url}/out\S*: cannot be written or read"):
            call()


def test_a_bucket_that_does_not_exist_is_not_made(bucket: Any) -> None:
    output = open_output("s3://no-such-bucket/out")
    with pytest.raises(OutputError, match=r"s3://no-such-bucket/out/a: .*NoSuchBucket"):
        output.write_bytes("a", b"x")


@pytest.mark.parametrize(
    "url", ["sftp://host/out", "zip://a.zip", "zip://::s3://bucket/a.zip", "simplecache::s3://bucket/out"]
)
def test_where_half_a_file_could_be_seen_nothing_is_written(url: str) -> None:
    with pytest.raises(OutputError, match="whole or not at all"):
        open_output(url)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"x")
    with pytest.raises(OutputError, match="not a folder"):
        open_output(f"file://{tmp_path}/out")


def test_memory_is_not_shared_by_processes(tmp_path: Path) -> None:
    output = open_output("memory://out")
    (tmp_path / "output.pickle").write_bytes(pickle.dumps(output))
    code = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')).write_bytes('a', b'')"
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "output.pickle"], capture_output=True, text=True, check=False
    )
    assert "OutputError: memory://out: memory:// exists in the process that wrote it only" in run.stderr
