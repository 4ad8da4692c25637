"""The same command again: what is finished and right is kept, what changed is done again, nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.errors import OutputError
from annotools.issues import DataError

SHARDS = 4


@pytest.fixture
def convert(shop: Any, tmp_path: Path) -> Any:
    """The same call every time, into `out`."""

    def call(out: str = "out", **options: Any) -> annotools.ConvertResult:
        call_options: dict[str, Any] = {"to": "tfrecord", "shards": SHARDS} | options
        return annotools.convert(shop.root, tmp_path / out, **call_options)

    return call


def inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("*.tfrecord")}


@pytest.mark.parametrize("to", ["tfrecord", "tfds", "pickle", "ssd-pickle"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_touches_nothing(
    to: str, workers: int, convert: Any, tmp_path: Path, snapshot: Any
) -> None:
    first = convert(to=to, split="train=0.7,val=0.3")
    before, files = snapshot(tmp_path / "out"), {p: p.stat() for p in (tmp_path / "out").iterdir()}
    again = convert(to=to, split="train=0.7,val=0.3", workers=workers)
    assert again.reused == sum(len(split["shards"]) for split in first.manifest["splits"].values()) > 1
    assert snapshot(tmp_path / "out") == before
    for path, status in files.items():
        if path.is_file():
            assert (path.stat().st_ino, path.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert again.manifest == first.manifest
    assert again.ledger == first.ledger


def test_the_books_of_kept_shards_say_what_they_said(shop: Any, convert: Any) -> None:
    shop.add("bad", [("shoes", 30, 9, 3, 12), ("watch", 1, 2, 20, 30)])
    first = convert(on_error="skip", fix="drop-zero-area")
    again = convert(on_error="skip", fix="drop-zero-area")
    assert again.reused == SHARDS
    assert any(issue.rule == "box-inverted" for issue in first.issues)
    assert (again.issues, again.counts, again.repairs) == (first.issues, first.counts, first.repairs)


def change_xml(shop: Any) -> None:
    path = shop.root / "Annotations" / "img007.xml"
    path.write_bytes(path.read_bytes().replace(b"<xmin>1<", b"<xmin>2<"))


def change_image(shop: Any) -> None:
    path = shop.root / "JPEGImages" / "img007.jpg"
    path.write_bytes(path.read_bytes() + b"\xff\xd9")


def add_image(shop: Any) -> None:
    shop.add("img007b")


def remove_image(shop: Any) -> None:
    (shop.root / "Annotations" / "img007.xml").unlink()
    (shop.root / "JPEGImages" / "img007.jpg").unlink()


@pytest.mark.parametrize("change", [change_xml, change_image, add_image, remove_image])
def test_a_changed_input_costs_its_shard_and_no_other(
    change: Any, shop: Any, convert: Any, tmp_path: Path, snapshot: Any
) -> None:
    convert(split="train")
    before = inodes(tmp_path / "out")
    change(shop)
    again = convert(split="train")
    assert again.reused == SHARDS - 1
    after = inodes(tmp_path / "out")
    assert sum(after[name] != before[name] for name in before) == 1
    convert("fresh", split="train")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


def test_numeric_ids_count_on(shop: Any, convert: Any, tmp_path: Path, snapshot: Any) -> None:
    """The number of an image depends on all that come before it: here a new image moves everything."""
    convert(source_id="numeric")
    shop.add("a-first")
    assert convert(source_id="numeric").reused == 0
    convert("fresh", source_id="numeric")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


def test_more_shards_than_before_leave_no_old_ones(shop: Any, tmp_path: Path, snapshot: Any) -> None:
    size = sum(path.stat().st_size for path in (shop.root / "JPEGImages").iterdir())

    def call(out: str) -> None:
        annotools.convert(shop.root, tmp_path / out, to="tfrecord", shard_size=size // 4 + 500)

    call("out")
    assert len(inodes(tmp_path / "out")) == 4
    for number in range(12):
        shop.add(f"more{number}")
    call("out")
    assert len(inodes(tmp_path / "out")) == 8
    call("fresh")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "index"])
def test_a_damaged_shard_is_made_again(damage: str, convert: Any, tmp_path: Path, snapshot: Any) -> None:
    convert()
    before = snapshot(tmp_path / "out")
    shard = tmp_path / "out" / "train-00002-of-00004.tfrecord"
    data = bytearray(shard.read_bytes())
    match damage:
        case "flip":
            data[len(data) // 2] ^= 1
            shard.write_bytes(data)
        case "truncate":
            shard.write_bytes(data[:-1])
        case "remove":
            shard.unlink()
        case "index":
            (tmp_path / "out" / "index" / f"{shard.name}.u64").unlink()
    assert convert().reused == SHARDS - 1
    assert snapshot(tmp_path / "out") == before


def test_a_damaged_journal_entry_costs_its_shard(convert: Any, tmp_path: Path, snapshot: Any) -> None:
    convert()
    before = snapshot(tmp_path / "out")
    entry = tmp_path / "out" / ".annotools" / "journal" / "train-00001-of-00004.tfrecord.json"
    whole = entry.read_bytes()
    of_another_version = whole.replace(b'"version":1', b'"version":0')
    assert of_another_version != whole
    for content in (b"", b"{", b"[]", b'{"version":1}', whole[:-40], of_another_version):
        entry.write_bytes(content)
        assert convert().reused == SHARDS - 1
        assert snapshot(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shards": 5}, "--shards: 4, now 5"),
        ({"to": "tfds"}, "to: 'tfrecord', now 'tfds'"),
        ({"box_origin": "one-based"}, "--box-origin: 'as-written', now 'one-based'"),
        ({"split": "train=0.5,val=0.5"}, "--split: None, now 'train=0.5,val=0.5'"),
        ({"fix": "clip"}, "--fix: [], now ['clip']"),
        (
            {"classes": annotools.ClassMap.from_names(["shoes", "watch", "手机", "books"])},
            "classes: books=1, ",
        ),
    ],
)
def test_other_options_are_refused_and_shown(
    options: dict[str, Any], said: str, convert: Any, tmp_path: Path, snapshot: Any
) -> None:
    convert()
    before = snapshot(tmp_path / "out")
    with pytest.raises(OutputError) as caught:
        convert(**options)
    assert said in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert snapshot(tmp_path / "out") == before
    convert(**options, overwrite=True)
    convert("fresh", **options)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


def test_a_new_class_is_refused_because_it_moves_the_ids(shop: Any, convert: Any) -> None:
    convert()
    shop.add("new", [("audio", 5, 6, 30, 35)])
    with pytest.raises(OutputError, match=r"classes: .*books=1.* gone, audio=1, books=2"):
        convert()


def test_another_source_is_refused(shop: Any, convert: Any, tmp_path: Path) -> None:
    convert()
    other = tmp_path / "other"
    shop.root.rename(other)
    with pytest.raises(OutputError, match=r"source: .*voc', now .*other'"):
        annotools.convert(other, tmp_path / "out", to="tfrecord", shards=SHARDS)


def test_overwrite_reads_everything_again(shop: Any, convert: Any, tmp_path: Path) -> None:
    """An image whose size and time did not change, but whose content did, is what --overwrite is for."""
    import os

    convert()
    path = shop.root / "JPEGImages" / "img007.jpg"
    status = path.stat()
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes((data[-3] ^ 1,)) + data[-2:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert convert().reused == SHARDS  # nobody can see it without reading
    old = (tmp_path / "out" / "manifest.json").read_bytes()
    assert convert(overwrite=True).reused == 0
    assert (tmp_path / "out" / "manifest.json").read_bytes() != old


@pytest.mark.parametrize("overwrite", [False, True])
def test_errors_leave_a_finished_output_as_it_was(
    overwrite: bool, shop: Any, convert: Any, tmp_path: Path, snapshot: Any
) -> None:
    convert()
    before = snapshot(tmp_path / "out")
    shop.add("bad", [("shoes", 30, 9, 3, 12)])
    with pytest.raises(DataError):
        convert(overwrite=overwrite, **({"shards": 2} if overwrite else {}))
    assert snapshot(tmp_path / "out") == before
    remove = [shop.root / "Annotations" / "bad.xml", shop.root / "JPEGImages" / "bad.jpg"]
    for path in remove:
        path.unlink()
    assert convert().reused == SHARDS


def test_the_summary_says_what_was_kept(
    shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["convert", str(shop.root), str(tmp_path / "out"), "--to", "tfrecord", "--shards", "3"]
    assert main(call) == 0
    assert "kept" not in capsys.readouterr().out
    assert main(call) == 0
    assert "3 shards of an earlier run kept" in capsys.readouterr().out


def test_an_output_of_an_older_annotools_needs_overwrite(convert: Any, tmp_path: Path) -> None:
    import shutil

    convert()
    shutil.rmtree(tmp_path / "out" / ".annotools")
    with pytest.raises(OutputError, match="not empty"):
        convert()
    convert(overwrite=True)
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["format"] == "annotools"
