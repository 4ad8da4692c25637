"""Outputs with a manifest of version 1, as annotools wrote them before its manifest had types, stay good.

tests/data/outputs/version1 holds a source and what was made of it, to each format, by

    annotools convert source FORMAT --to FORMAT --shards 2 --on-error skip --fix clip \\
        --map-class mug=beaker --box-origin one-based
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.conversion import manifest as manifests
from annotools.formats import pkl, ssd_pickle, tfrecord

STORED = Path(__file__).parents[1] / "data" / "outputs" / "version1"
FORMATS = ["tfrecord", "tfds", "pickle", "ssd-pickle"]
OPTIONS: dict[str, Any] = {
    "shards": 2,
    "on_error": "skip",
    "fix": "clip",
    "map_classes": {"mug": "beaker"},
    "box_origin": "one-based",
}


@pytest.fixture(autouse=True)
def beside_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(STORED)  # a pickle holds the path of the source as it was given


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".annotools" not in path.parts
    }


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_command_gives_the_same_bytes(to: str, tmp_path: Path) -> None:
    annotools.convert("source", tmp_path / "out", to=to, **OPTIONS)
    assert files(tmp_path / "out") == files(STORED / to)


@pytest.mark.parametrize("to", FORMATS)
def test_the_manifest_is_read_and_written_as_it_was(to: str) -> None:
    manifest = manifests.read(STORED / to)
    assert manifest.to == to
    assert manifest.classes == {"beaker": 1, "cup": 2, "杯": 3}
    assert manifest.options.fix == ("clip", "map-classes")
    assert {name: split.records for name, split in manifest.splits.items()} == {"train": 4, "val": 1}
    assert manifest.ledger.objects.dropped == {"box-inverted": 1}
    assert manifests.to_bytes(manifest) == (STORED / to / "manifest.json").read_bytes()


@pytest.mark.parametrize("to", FORMATS)
def test_verify_finds_nothing(to: str) -> None:
    result = annotools.verify(to, against="source", images="decode")
    assert [str(fault) for fault in result.faults] == []
    assert (result.records, result.objects) == (5, 5)


def test_the_files_are_read() -> None:
    names = {"a": ("cup", "beaker"), "b": ("cup",), "c": (), "d": ("cup",), "e": ("杯",)}
    for to in ("tfrecord", "tfds"):
        assert {one.id: one.names for one in tfrecord.read(to)} == names
    found = [one for split in ("train", "val") for one in pkl.read(f"pickle/{split}.pkl")]
    assert {Path(one.filename or "").stem: tuple(o.name for o in one.objects) for one in found} == names
    arrays = ssd_pickle.read("ssd-pickle/train.pkl") | ssd_pickle.read("ssd-pickle/val.pkl")
    assert {Path(key).stem: len(rows) for key, rows in arrays.items()} == {
        image_id: len(one) for image_id, one in names.items()
    }
