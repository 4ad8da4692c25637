"""What is wrong with an output that is a pickle; and a source that has changed since."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tampering import only

import annotools
from annotools.formats import pkl


def test_a_damaged_pickle(shop: Any, tmp_path: Path) -> None:
    for to in ("pickle", "ssd-pickle"):
        out = tmp_path / to
        annotools.convert(shop.root, out, to=to)
        path = out / "train.pkl"
        path.write_bytes(path.read_bytes()[:-40])
        result = annotools.verify(out, against=shop.root)
        assert {"undecodable", "shard-sha256", "shard-bytes", "not-compared"} <= result.counts.keys()
        assert {fault.file for fault in result.faults if fault.rule == "undecodable"} == {"train.pkl"}


def test_a_pickle_with_other_annotations(shop: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    annotools.convert(shop.root, out, to="pickle")
    path = out / "train.pkl"
    annotations = list(pkl.read(path))
    number = next(i for i, one in enumerate(annotations) if len(one.objects) == 1)
    (obj,) = annotations[number].objects
    assert obj.bndbox is not None
    wide = dataclasses.replace(obj, bndbox=dataclasses.replace(obj.bndbox, xmax=61.0), name="boots")
    annotations[number] = dataclasses.replace(annotations[number], objects=(wide,))
    pkl.write([*annotations[:5], *annotations[6:]], path, classes=pkl.read_classes(path))
    result = annotools.verify(out, against=shop.root)
    assert only(result, "box").record == only(result, "label").record == number
    assert only(result, "missing").field.endswith("img005.xml")  # type: ignore[union-attr]
    assert (only(result, "different").field, only(result, "different").record) == ("objects", number)
    assert {"record-count", "shard-sha256", "count"} <= result.counts.keys()


def test_an_ssd_pickle_with_other_rows(shop: Any, tmp_path: Path) -> None:
    import pickle

    from annotools.formats import ssd_pickle

    out = tmp_path / "out"
    annotools.convert(shop.root, out, to="ssd-pickle")
    path = out / "train.pkl"
    arrays = ssd_pickle.read(path)
    key = next(key for key, rows in arrays.items() if len(rows) == 2)
    arrays[key] = arrays[key].copy()
    arrays[key][1, 2] = 1.25
    path.write_bytes(pickle.dumps(arrays, protocol=2))
    (out / "train.classes.txt").write_text("a\nb\n")
    result = annotools.verify(out, against=shop.root)
    assert (only(result, "box").field, only(result, "box").record) == (key, list(arrays).index(key))
    assert only(result, "different").record == list(arrays).index(key)
    assert only(result, "label-map").file == "train.classes.txt"


def test_a_source_that_has_changed(out: Path, shop: Any, make_picture: Any) -> None:
    shop.add("img003", [("shoes", 5, 6, 30, 35)])
    shop.add("img040")
    (shop.root / "Annotations" / "img011.xml").unlink()
    (shop.root / "JPEGImages" / "img011.jpg").unlink()
    shop.add("img021", [("shoes", 5, 6, 300, 35)])
    result = annotools.verify(out, against=shop.root)
    assert result.counts.keys() == {"missing", "extra", "different", "source-books"}
    assert only(result, "missing").field == "img040.jpg"
    assert only(result, "extra").field == "img011.jpg"
    changed = {fault.message.partition(" ")[0] for fault in result.faults if fault.rule == "different"}
    assert changed == {"'img003.jpg'", "'img021.jpg'"}
    books = {
        fault.field: (fault.found, fault.expected) for fault in result.faults if fault.rule == "source-books"
    }
    assert books["ledger/objects/dropped/box-outside-image"] == ("0", "1")


def test_a_source_that_makes_more_shards_today(shop: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    size = sum(path.stat().st_size for path in (shop.root / "JPEGImages").iterdir())
    annotools.convert(shop.root, out, to="tfrecord", shard_size=size)
    assert len(list(out.glob("*.tfrecord"))) == 1
    for number in range(40, 60):
        shop.add(f"img{number:03d}", [("shoes", 5, 6, 30, 35)])
    result = annotools.verify(out, against=shop.root)
    assert result.counts["missing"] == 20
    assert result.counts["source-shards"] == 1
    assert "extra" not in result.counts
    assert "order" not in result.counts
    assert "different" not in result.counts
