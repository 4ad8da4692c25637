"""Whole conversions from and to object storage: the bytes of a conversion on disk, also on a bad day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotools import cli
from annotools.conversion.result import ConvertResult
from annotools.conversion.run import convert as run_convert
from annotools.errors import OutputError, UnavailableError
from annotools.issues import DataError


def convert(source: Any, output: Any, **options: Any) -> ConvertResult:
    return run_convert(source, output, **{"to": "tfrecord", "shards": 2, **options})


def published(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith(".annotools")}


@pytest.fixture
def shop(tree: Any) -> Any:
    """8 images with 0 to 2 objects: a request costs client and server 12 ms."""
    for number in range(8):
        names = ["shoes", "watch"][: number % 3]
        tree.add(f"img{number:03d}", [(name, 1, 2 + number, 20, 30) for name in names])
    return tree


@pytest.fixture
def on_disk(shop: Any, tmp_path: Path, snapshot: Any) -> dict[str, bytes]:
    """What the conversion of the shop writes into a folder."""
    convert(shop.root, tmp_path / "local")
    return published(snapshot(tmp_path / "local"))


@pytest.fixture
def shop_url(bucket: Any, shop: Any) -> str:
    url: str = bucket.put(shop.root, "shop")
    return url


def test_from_bucket_to_bucket(bucket: Any, shop_url: str, on_disk: dict[str, bytes]) -> None:
    result = convert(shop_url, f"{bucket.url}/out")
    content = bucket.content("out")
    assert published(content) == on_disk
    assert result.ledger.images.written == 8
    assert not [name for name in content if "staging" in name]
    written = [path.partition("?")[0] for method, path, _ in bucket.gate.requests if method == "PUT"]
    final = [path for path in written if "/out/" in path and "/.annotools/" not in path]
    assert final[-1].endswith("/out/manifest.json")
    assert sum(path.endswith("manifest.json") for path in final) == 1
    assert sum(path.endswith(".tfrecord") for path in final) == 2


def test_several_workers(bucket: Any, shop_url: str, on_disk: dict[str, bytes]) -> None:
    convert(shop_url, f"{bucket.url}/out", workers=2)
    assert published(bucket.content("out")) == on_disk


def test_from_bucket_to_folder_and_back(
    bucket: Any, shop: Any, shop_url: str, on_disk: dict[str, bytes], tmp_path: Path, snapshot: Any
) -> None:
    convert(shop_url, f"file://{tmp_path}/out%20put")
    assert published(snapshot(tmp_path / "out put")) == on_disk
    convert(shop.root, f"{bucket.url}/out")
    assert published(bucket.content("out")) == on_disk


def test_the_command_line(bucket: Any, shop_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["convert", shop_url, f"{bucket.url}/x/all.pkl", "--to", "pickle", "--workers", "1"]
    assert cli.main(call) == 0
    assert f"written to {bucket.url}/x/all.pkl" in capsys.readouterr().out
    assert set(bucket.content("x")) == {"all.pkl", "all.manifest.json", "all.label_map.pbtxt"}
    assert cli.main([*call[:2], f"{bucket.url}/x/all.pkl", *call[3:]]) == 2
    assert f"{bucket.url}/x/all.pkl: exists already" in capsys.readouterr().err


def test_a_second_run_writes_no_shard(bucket: Any, shop: Any, shop_url: str) -> None:
    convert(shop_url, f"{bucket.url}/out", split="train")
    before = bucket.content("out")
    bucket.gate.requests.clear()
    assert convert(shop_url, f"{bucket.url}/out", split="train").reused == 2
    assert bucket.content("out") == before
    assert not [path for method, path, _ in bucket.gate.requests if method == "PUT" and "tfrecord" in path]
    key = f"{shop_url}/Annotations/img007.xml"
    bucket.fs.pipe_file(key, bucket.fs.cat_file(key).replace(b"shoes", b"watch"))
    assert convert(shop_url, f"{bucket.url}/out", split="train").reused == 1
    changed = {name for name, data in bucket.content("out").items() if before[name] != data}
    assert sum(name.endswith(".tfrecord") for name in changed) == 1
    with pytest.raises(OutputError, match="was made in another way"):
        convert(shop_url, f"{bucket.url}/out", split="train", box_origin="one-based")


def test_faulty_data_leaves_nothing(bucket: Any, shop: Any) -> None:
    shop.add("broken", image=b"no image")
    url = bucket.put(shop.root, "shop")
    with pytest.raises(DataError) as caught:
        convert(url, f"{bucket.url}/out")
    assert caught.value.issues[0].path == f"{url}/JPEGImages/broken.jpg"
    assert bucket.content("out") == {}


def test_many_requests_fail(bucket: Any, shop_url: str, on_disk: dict[str, bytes]) -> None:
    bucket.gate.fail = lambda number, _method, _path: number % 9 == 7
    convert(shop_url, f"{bucket.url}/out")
    assert bucket.gate.failed > 3
    bucket.gate.fail = lambda _number, _method, _path: False
    assert published(bucket.content("out")) == on_disk


def test_the_source_goes_away_and_comes_back(
    bucket: Any, shop_url: str, on_disk: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--on-error skip must not take a broken network for broken images."""
    skip = {"on_error": "skip"}
    convert(shop_url, f"{bucket.url}/done", **skip)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    reads = iter(range(1000))
    bucket.gate.fail = lambda _number, method, path: (
        method == "GET" and "/JPEGImages/" in path and next(reads) >= 7
    )
    with pytest.raises(UnavailableError, match=r"s3://.*/JPEGImages/img.*SlowDown") as caught:
        convert(shop_url, f"{bucket.url}/out", **skip)
    assert "finished shards are kept" in "".join(caught.value.__notes__)
    assert published(bucket.content("out")) == {}
    bucket.gate.fail = lambda _number, _method, _path: False
    again = convert(shop_url, f"{bucket.url}/out", **skip)
    assert again.reused == 1
    shards = {name: data for name, data in on_disk.items() if name.endswith(".tfrecord")}
    assert shards.items() <= bucket.content("out").items()
    assert published(bucket.content("out")) == published(bucket.content("done"))


@pytest.mark.parametrize("at", [3, 15])
def test_the_output_goes_away_and_comes_back(
    bucket: Any, shop_url: str, on_disk: dict[str, bytes], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is published at that moment, a manifest only stands beside everything that it lists."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bucket.gate.status = 500
    writes = iter(range(10_000))
    bucket.gate.fail = lambda _number, method, path: (
        "/out/" in path and method in ("PUT", "DELETE") and next(writes) >= at
    )
    with pytest.raises(OutputError, match=rf"{bucket.url}/out\S*: cannot be written or read: InternalError"):
        convert(shop_url, f"{bucket.url}/out")
    bucket.gate.fail = lambda _number, _method, _path: False
    assert "manifest.json" not in bucket.content("out")
    convert(shop_url, f"{bucket.url}/out")
    assert published(bucket.content("out")) == on_disk


@pytest.fixture
def memory() -> Iterator[Any]:
    import fsspec

    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_in_memory(memory: Any, shop: Any, on_disk: dict[str, bytes]) -> None:
    convert(shop.root, "memory://a/out")
    found = {name.removeprefix("/a/out/"): memory.cat_file(name) for name in memory.find("/a/out")}
    assert published(found) == on_disk
    assert json.loads(found["manifest.json"])
    assert convert(shop.root, "memory://a/out").reused == 2
