"""An output that `convert` made has no faults, whatever the options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tampering import rewrite, rules

import annotools

FORMATS = ["tfrecord", "tfds", "pickle", "ssd-pickle", "coco", "yolo"]


@pytest.mark.parametrize("split", [None, "train=0.9,val=0.09,test=0.01"])
@pytest.mark.parametrize("to", FORMATS)
def test_a_sound_output_has_no_faults(to: str, split: str | None, shop: Any, tmp_path: Path) -> None:
    shop.add("broken", image=b"not an image")
    shop.add("outside", [("shoes", 5, 6, 300, 35), ("watch", 1, 1, 9, 9)])
    out = tmp_path / "out"
    shards = None if to in ("coco", "yolo") else 4
    made = annotools.convert(shop.root, out, to=to, split=split, shards=shards, on_error="skip")
    result = annotools.verify(out, against=shop.root, images="decode")
    assert [str(fault) for fault in result.faults] == []
    assert result.ok
    assert result.records == made.ledger.images.written
    assert result.objects == made.ledger.objects.written
    assert result.shards == sum(len(one["shards"]) for one in made.manifest["splits"].values())


@pytest.mark.parametrize("to", ["tfrecord", "tfds"])
def test_shards_without_records(to: str, tree: Any, tmp_path: Path) -> None:
    tree.add("a").add("b")
    annotools.convert(tree.root, tmp_path / "out", to=to, shards=8)
    result = annotools.verify(tmp_path / "out", against=tree.root)
    assert [str(fault) for fault in result.faults] == []
    assert result.shards == 8


@pytest.mark.parametrize("to", ["pickle", "ssd-pickle"])
def test_a_pickle_with_its_companions(to: str, shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "shop.pkl"
    annotools.convert(shop.root, path, to=to, split="train=0.8,val=0.2")
    assert annotools.verify(path, against=shop.root).ok
    (tmp_path / "shop.label_map.pbtxt").unlink()
    assert rules(annotools.verify(path)) == {"label-map": 1}


def test_every_option_is_taken_from_the_manifest(tree: Any, make_picture: Any, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    tree.add("turned", [("cup", 1, 2, 9, 55)], image=make_picture(exif=exif), size=(40, 60, 3))
    tree.add("plain", [("mug", 1, 2, 9, 9), ("cup", 50, 30, 70, 39)])
    tree.lists(train=["turned"], val=["plain"])
    cases: list[dict[str, Any]] = [
        {"exif": "keep", "box_origin": "one-based"},
        {"source_id": "numeric", "fix": "clip", "map_classes": {"mug": "cup"}},
        {"split": "val"},
        {"split": "train=0.5,val=0.5", "seed": 7, "group_by": "^.", "fix": ["clip"]},
    ]
    for number, options in enumerate(cases):
        for to in FORMATS:
            out = tmp_path / f"{number}-{to}"
            annotools.convert(tree.root, out, to=to, on_error="skip", **options)
            result = annotools.verify(out, against=tree.root)
            assert [str(fault) for fault in result.faults] == [], (options, to)


def test_lists_that_overlap_are_no_repetition(tree: Any, tmp_path: Path) -> None:
    tree.add("a").add("b").lists(shelf=["a", "b"], window=["b"])
    annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert annotools.verify(tmp_path / "out", against=tree.root).ok


def test_a_pickle_of_a_source_that_has_moved(shop: Any, tmp_path: Path) -> None:
    annotools.convert(shop.root, tmp_path / "out", to="pickle")
    shutil.move(shop.root, tmp_path / "elsewhere")
    assert annotools.verify(tmp_path / "out", against=tmp_path / "elsewhere").ok


def test_any_number_of_workers_finds_the_same(out: Path, shop: Any) -> None:
    rewrite(out, lambda records: records[1:])
    shop.add("img999")
    one, two = (annotools.verify(out, against=shop.root, workers=n) for n in (1, 2))
    assert one == two
    assert one.counts["missing"] == 2
