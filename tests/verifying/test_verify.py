"""What `verify` finds. Every test damages a sound output in one way and asks for that fault, and no other."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools import schema
from annotools.classes.class_map import ClassMap
from annotools.cli import main
from annotools.conversion.manifest import from_content
from annotools.errors import AnnotoolsError, OptionError, OutputError
from annotools.formats import pkl, tfrecord
from annotools.formats.example import tf_example, wire
from annotools.formats.example.features import read_features
from annotools.formats.example.framing import scan
from annotools.formats.example.framing_writer import Writer
from annotools.records import Example
from annotools.verification.faults import LISTED, Fault, Faults, Where
from annotools.verification.verify import VerifyResult

FORMATS = ["tfrecord", "tfds", "pickle", "ssd-pickle"]


@pytest.fixture
def out(shop: Any, tmp_path: Path) -> Path:
    """TFRecord shards of the whole shop."""
    annotools.convert(shop.root, tmp_path / "out", to="tfrecord", shards=3)
    return tmp_path / "out"


def rules(result: VerifyResult) -> dict[str, int]:
    return dict(result.counts)


def only(result: VerifyResult, rule: str) -> Fault:
    (fault,) = (fault for fault in result.faults if fault.rule == rule)
    return fault


def change_manifest(out: Path, change: Callable[[Any], None]) -> None:
    path = out / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))


def rewrite(out: Path, change: Callable[[list[bytes]], list[bytes]], *, honest: bool = False) -> Path:
    """The records of one shard written anew with checksums that are right, and an index that is right.

    honest   also correct what the manifest says about the file, as somebody would who wants to hide it
    """
    path = sorted(out.glob("*.tfrecord*"))[1]
    records = change([data for _, data in scan(path)])
    with Writer(path) as writer:
        offsets = [writer.write(data) for data in records]
    (out / "index" / f"{path.name}.u64").write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    if honest:

        def correct(manifest: Any) -> None:
            for split in manifest["splits"].values():
                for shard in split["shards"]:
                    if shard["file"] == path.name:
                        shard |= {"bytes": writer.size, "sha256": writer.sha256(), "records": writer.records}

        change_manifest(out, correct)
    return path


def edit(out: Path, number: int, change: Callable[[Example], Example]) -> Path:
    """One record changed, with everything around it made to fit."""

    def one(records: list[bytes]) -> list[bytes]:
        example = change(tf_example.decode(records[number]))
        head, tail = tf_example.encode(example)
        return [*records[:number], head + example.encoded + tail, *records[number + 1 :]]

    return rewrite(out, one, honest=True)


# Sound outputs


@pytest.mark.parametrize("split", [None, "train=0.9,val=0.09,test=0.01"])
@pytest.mark.parametrize("to", FORMATS)
def test_a_sound_output_has_no_faults(to: str, split: str | None, shop: Any, tmp_path: Path) -> None:
    shop.add("broken", image=b"not an image")
    shop.add("outside", [("shoes", 5, 6, 300, 35), ("watch", 1, 1, 9, 9)])
    out = tmp_path / "out"
    made = annotools.convert(shop.root, out, to=to, split=split, shards=4, on_error="skip")
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
    tree.add("a").add("b").lists(train=["a", "b"], val=["b"])
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


# Faults of files


def test_no_manifest_is_no_output(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "manifest.json").unlink()
    with pytest.raises(OutputError, match="did not finish"):
        annotools.verify(out)
    assert main(["verify", str(out)]) == 2
    assert "the same `annotools convert` command" in capsys.readouterr().err
    with pytest.raises(OutputError, match="does not exist"):
        annotools.verify(tmp_path / "none")
    with pytest.raises(OutputError, match="no output of annotools convert"):
        annotools.verify(tmp_path)


def test_a_shard_that_is_missing(out: Path) -> None:
    path = sorted(out.glob("*.tfrecord"))[0]
    path.unlink()
    result = annotools.verify(out)
    assert rules(result) == {"shard-missing": 1}
    assert result.faults[0].file == path.name


def test_a_shard_too_many(out: Path) -> None:
    shutil.copy(sorted(out.glob("*.tfrecord"))[0], out / "train-00003-of-00004.tfrecord")
    (out / "index" / "old.tfrecord.u64").write_bytes(b"")
    (out / "notes.txt").write_text("not a shard")
    result = annotools.verify(out)
    assert [fault.file for fault in result.faults] == [
        "train-00003-of-00004.tfrecord",
        "index/old.tfrecord.u64",
    ]
    assert rules(result) == {"shard-unlisted": 2}


def test_two_shards_exchanged(out: Path, shop: Any, tmp_path: Path) -> None:
    one, two, _ = sorted(out.glob("*.tfrecord"))
    for a, b in ((one, two), *[tuple(out / "index" / f"{path.name}.u64" for path in (one, two))]):
        a.rename(tmp_path / "aside")
        b.rename(a)
        (tmp_path / "aside").rename(b)
    result = annotools.verify(out)
    assert result.counts["shard-sha256"] == result.counts["shard-exchanged"] == 2
    assert repr(two.name) in next(f for f in result.faults if f.rule == "shard-exchanged").message
    counts = annotools.verify(out, against=shop.root).counts
    assert counts["missing"] == counts["extra"] > 20


def test_an_index_that_is_wrong(out: Path) -> None:
    path = sorted(out.glob("index/*.u64"))[0]
    offsets = list(struct.unpack(f"<{path.stat().st_size // 8}Q", path.read_bytes()))
    real, offsets[3] = offsets[3], offsets[3] + 1
    path.write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    fault = only(annotools.verify(out), "index")
    assert (fault.record, fault.offset) == (3, real)
    assert (fault.found, fault.expected) == (str(real + 1), str(real))
    path.write_bytes(path.read_bytes()[:-3])
    assert rules(annotools.verify(out)) == {"index": 1}
    path.unlink()
    assert rules(annotools.verify(out)) == {"index": 1}


def test_a_label_map_that_is_wrong(out: Path) -> None:
    ClassMap.from_names(["books", "watch", "shoes", "手机"]).save(out / "label_map.pbtxt")
    result = annotools.verify(out)
    assert rules(result) == {"label-map": 2}
    assert (result.faults[0].field, result.faults[0].found, result.faults[0].expected) == ("shoes", "3", "2")


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        ("dataset_info.json", '"13"', '"14"', "splits/0/shardLengths/"),
        ("objects-label.labels.txt", "watch", "clock", ""),
        ("features.json", "REL_YXYX", "XYXY", "featuresDict/features/objects"),
        ("labels.labels.txt", "", "", ""),
    ],
)
def test_tfds_metadata(file: str, old: str, new: str, field: str, tree: Any, tmp_path: Path) -> None:
    for number in range(13):
        tree.add(f"{number}", [("shoes", 1, 1, 9, 9), ("watch", 1, 1, 9, 9)])
    annotools.convert(tree.root, tmp_path / "out", to="tfds")
    path = tmp_path / "out" / file
    if old:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    else:
        path.unlink()
    result = annotools.verify(tmp_path / "out")
    assert rules(result) == {"tfds-metadata": 1}
    assert (result.faults[0].file, (result.faults[0].field or "").startswith(field)) == (file, True)


# Faults of the manifest


def set_number(place: str, value: Any) -> Callable[[Any], None]:
    def change(manifest: Any) -> None:
        *way, last = place.split("/")
        for step in way:
            manifest = manifest[int(step) if step.isdigit() else step]
        assert manifest[last] != value
        manifest[last] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        ("splits/train/records", 41, {"manifest-sum": 2, "count": 1} | {}),
        ("splits/train/objects", 61, {"manifest-sum": 2, "count": 1}),
        ("splits/train/max_boxes", 4, {"count": 1}),
        ("splits/train/classes/shoes", 16, {"manifest-sum": 1, "count": 1}),
        ("splits/train/shards/0/records", 99, {"manifest-sum": 1, "record-count": 1}),
        ("splits/train/shards/0/bytes", 99, {"shard-bytes": 1}),
        ("splits/train/shards/0/sha256", "0" * 64, {"shard-sha256": 1}),
        ("splits/train/shards/0/file", "..", {"shard-missing": 1, "shard-unlisted": 2}),
        ("splits/train/shards/0/file", "a\0b", {"shard-missing": 1, "shard-unlisted": 2}),
        ("ledger/images/found", 41, {"manifest-sum": 1}),
        ("ledger/images/written", 41, {"manifest-sum": 2}),
        ("ledger/objects/found", 0, {"manifest-sum": 1}),
        ("ledger/objects/dropped", {"box-outside-image": 1}, {"manifest-sum": 1}),
        ("splits/train/shards/0/sha256", "xyz", {"manifest-shape": 1, "shard-unlisted": 3}),
        ("options/seed", "0", {"manifest-shape": 1, "shard-unlisted": 3}),
        ("to", "coco", {"manifest-shape": 1, "shard-unlisted": 3}),
    ],
)
def test_wrong_numbers_in_the_manifest(place: str, value: Any, found: dict[str, int], out: Path) -> None:
    change_manifest(out, set_number(place, value))
    assert rules(annotools.verify(out)) == found


def test_a_shard_that_is_listed_twice(out: Path) -> None:
    change_manifest(out, set_number("splits/train/shards/1/file", "train-00000-of-00003.tfrecord"))
    result = annotools.verify(out)
    told = [fault.message for fault in result.faults if fault.rule == "manifest-sum"]
    assert told == ["'train-00000-of-00003.tfrecord' is listed more than once"]
    assert result.counts["shard-unlisted"] == 2  # the other one, and its offsets


def test_classes_that_the_map_has_not_are_told_in_the_order_of_their_names(out: Path) -> None:
    names = [f"class {number}" for number in range(9)]
    change_manifest(out, set_number("splits/train/classes", dict.fromkeys(reversed(names), 1)))
    faults = [fault for fault in annotools.verify(out).faults if "not in the class map" in fault.message]
    assert [fault.found for fault in faults] == [repr(name) for name in names]


def test_two_records_that_are_not_of_the_source(out: Path, shop: Any) -> None:
    stray = Example("x", "x.jpg", "x.jpg", 9, 9, "jpeg", encoded=b"\xff\xd8", sha256="0" * 64)
    head, tail = tf_example.encode(stray)
    record = head + stray.encoded + tail
    path = rewrite(out, lambda records: [record, *records, record], honest=True)
    result = annotools.verify(out, against=shop.root)
    extra = [(fault.field, fault.file, fault.record) for fault in result.faults if fault.rule == "extra"]
    last = len(list(scan(path))) - 1
    assert sorted(extra) == [("x.jpg", path.name, 0), ("x.jpg", path.name, last)]
    assert "missing" not in result.counts


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '"x"', "[" * 100_000, "[" * 900 + "]" * 900, "\xff", '{"format": "annotools"}'],
)
def test_a_manifest_that_is_none(text: str, out: Path) -> None:
    (out / "manifest.json").write_bytes(text.encode("latin-1"))
    result = annotools.verify(out)
    assert result.counts["manifest-shape"] >= 1
    assert result.records == 40  # the shards are looked at all the same


def test_the_shape_is_that_of_the_schema(out: Path) -> None:
    """The types of the manifest against python-jsonschema, on a few hundred broken manifests."""
    jsonschema = pytest.importorskip("jsonschema")
    rule = schema.load("manifest.schema.json")
    validator = jsonschema.Draft202012Validator(rule)
    sound = (out / "manifest.json").read_text()
    dice = random.Random(0)
    values = [
        None,
        True,
        1,
        0,
        -1,
        2.0,
        0.5,
        "",
        "x",
        "0" * 64,
        [],
        ["clip", "clip"],
        [1],
        {},
        {"a": 1},
        {"a": "b"},
    ]
    wrong = 0
    for _ in range(500):
        manifest = json.loads(sound)
        parent: Any = manifest
        while True:
            key: Any = dice.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
            if not isinstance(parent[key], (dict, list)) or not parent[key] or dice.random() < 0.3:
                break
            parent = parent[key]
        match dice.randrange(3):
            case 0:
                parent[key] = dice.choice(values)
            case 1:
                del parent[key]
            case _ if isinstance(parent, dict):
                parent["new"] = dice.choice(values)
        fits = validator.is_valid(manifest)
        assert fits == (not from_content(manifest)[1]), manifest
        wrong += not fits
    assert 100 < wrong < 480


# Faults of records with checksums that are right


def test_a_record_removed_or_doubled_or_moved(out: Path, shop: Any) -> None:
    backup = out.with_name("backup")
    shutil.copytree(out, backup)
    path = rewrite(out, lambda records: records[:2] + records[3:])
    result = annotools.verify(out, against=shop.root)
    assert {"shard-sha256", "shard-bytes", "record-count", "missing"} <= result.counts.keys()
    lost = only(result, "missing")
    assert lost.field == list(tfrecord.read(backup / path.name))[2].filename
    assert "order" not in result.counts

    shutil.rmtree(out)
    shutil.copytree(backup, out)
    rewrite(out, lambda records: [*records[:2], records[0], *records[2:]], honest=True)
    result = annotools.verify(out, against=shop.root)
    repeated, extra = only(result, "id-repeated"), only(result, "extra")
    assert (repeated.file, repeated.record) == (path.name, 2)
    assert repeated.message == f"the same image is record 0 of {path.name}"
    assert (extra.file, extra.record) == (path.name, 2)

    shutil.rmtree(out)
    shutil.copytree(backup, out)
    rewrite(out, lambda records: [*records[1:], records[0]], honest=True)
    assert annotools.verify(out).ok
    result = annotools.verify(out, against=shop.root)
    assert rules(result) == {"order": 1}
    assert result.faults[0].record == len(list(scan(path))) - 1


def test_an_image_exchanged_behind_the_back_of_its_sha256(out: Path, shop: Any, make_picture: Any) -> None:
    other = make_picture(quality=30)
    path = edit(out, 4, lambda example: dataclasses.replace(example, encoded=other))
    offset = [offset for offset, _ in scan(path)][4]
    fault = only(annotools.verify(out), "image-sha256")
    assert (fault.file, fault.record, fault.offset) == (path.name, 4, offset)
    assert fault.expected == hashlib.sha256(other).hexdigest()
    # and with a field that fits, only the source can tell
    edit(out, 4, lambda example: dataclasses.replace(example, sha256=hashlib.sha256(other).hexdigest()))
    assert annotools.verify(out).ok
    result = annotools.verify(out, against=shop.root)
    assert {(fault.rule, fault.field) for fault in result.faults} == {
        ("different", "image/encoded"),
        ("different", "image/key/sha256"),
    }
    assert {(fault.file, fault.record, fault.offset) for fault in result.faults} == {(path.name, 4, offset)}


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ({"boxes": ((-3.0, 2.0, 20.0, 30.0),)}, "box", "image/object/bbox/xmin"),
        ({"boxes": ((1.0, 2.0, 20.0, 41.0),)}, "box", "image/object/bbox/ymin"),
        ({"boxes": ((20.0, 2.0, 1.0, 30.0),)}, "box", "image/object/bbox/xmin"),
        ({"boxes": ((float("nan"), 2.0, 1.0, 30.0),)}, "box", "image/object/bbox/xmin"),
        ({"labels": (9,)}, "label", "image/object/class/label"),
        ({"labels": (0,)}, "label", "image/object/class/label"),
        ({"names": ("book",)}, "label-text", "image/object/class/text"),
        ({"difficult": (2,)}, "flag", "image/object/difficult"),
        ({"source_id": "other"}, "source-id", "image/source_id"),
        ({"width": 61}, "image-size", "image/width"),
        ({"height": 39}, "image-size", "image/height"),
        ({"format": "png"}, "image-format", "image/format"),
        ({"sha256": "0" * 64}, "image-sha256", "image/key/sha256"),
        ({"encoded": b"GIF"}, "image-unreadable", "image/encoded"),
    ],
)
def test_a_record_that_says_what_it_cannot(
    change: dict[str, Any], rule: str, field: str, out: Path, shop: Any
) -> None:
    shard = sorted(out.glob("*.tfrecord"))[1]
    number, example = next(
        (number, example) for number, example in enumerate(tfrecord.read(shard)) if len(example.boxes) == 1
    )
    if "encoded" in change:
        change["sha256"] = hashlib.sha256(change["encoded"]).hexdigest()
    edit(out, number, lambda example: dataclasses.replace(example, **change))
    fault = only(annotools.verify(out), rule)
    assert (fault.file, fault.record, fault.field) == (shard.name, number, field)
    result = annotools.verify(out, against=shop.root)
    told = [one for one in result.faults if one.rule == "different"]
    assert told
    assert all((one.file, one.record) == (shard.name, number) for one in told)
    assert all(repr(example.filename) in one.message for one in told)


def test_keys_that_are_missing_or_too_many_or_of_another_kind(out: Path) -> None:
    def without(key: str, records: list[bytes]) -> list[bytes]:
        entries = {name: values for name, (_, values) in read_features(records[0]).items() if name != key}
        rows = schema.load("tf_example.json")["keys"]
        parts = []
        for name, values in sorted(entries.items()):
            if name == "image/encoded":
                continue
            row = rows[name]
            texts = row["kind"] == "bytes"
            plain = tuple(value.decode() if texts else value for value in values)
            content = plain[0] if row["length"] == 1 else plain
            parts.append(wire.entry_writer(name, row["kind"], row["length"])(content))
        image = entries["image/encoded"][0]
        head, tail = wire.blob_writer("image/encoded")(len(image), b"", b"".join(parts))
        return [head + image + tail, *records[1:]]

    rewrite(out, lambda records: without("image/object/difficult", records), honest=True)
    fault = only(annotools.verify(out), "key")
    assert (fault.record, fault.field, fault.message) == (0, "image/object/difficult", "the key is missing")


def test_what_is_no_example_at_all(out: Path) -> None:
    rewrite(out, lambda records: [b"\xff\xff", *records[1:]], honest=True)
    result = annotools.verify(out)
    assert rules(result) == {"undecodable": 1}
    assert (result.faults[0].record, result.faults[0].offset) == (0, 0)


def test_an_image_that_cannot_be_decoded(out: Path, make_picture: Any) -> None:
    encoded = bytearray(make_picture(fmt="PNG"))
    encoded[80:84] = b"\xff" * 4  # in the compressed pixels: the header is as before

    def damaged(example: Example) -> Example:
        digest = hashlib.sha256(encoded).hexdigest()
        return dataclasses.replace(example, encoded=bytes(encoded), sha256=digest, format="png")

    edit(out, 1, damaged)
    assert annotools.verify(out).ok
    result = annotools.verify(out, images="decode")
    assert rules(result) == {"image-undecodable": 1}
    assert result.faults[0].record == 1


def test_the_same_image_in_two_splits_of_a_ratio_split(shop: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    annotools.convert(shop.root, out, to="tfrecord", split="train=0.5,val=0.5")
    train, _ = sorted(out.glob("*.tfrecord"))
    moved = next(data for _, data in scan(train))
    path = rewrite(out, lambda records: [moved, *records], honest=True)  # the second file, which is val's
    fault = only(annotools.verify(out), "id-repeated")
    assert (fault.file, fault.record) == (path.name, 0)
    assert fault.message == f"the same image is record 0 of {train.name}"


# Pickles


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


# The source


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


# The report


def test_json_fits_its_schema(
    out: Path, shop: Any, make_xml: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    call = ["verify", str(out), "--format", "json", "--workers", "1", "--against", str(shop.root)]
    assert main(call) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema.load("verification.schema.json"))
    assert report["summary"] == {
        "shards": 3,
        "records": 40,
        "objects": 60,
        "bytes": sum(path.stat().st_size for path in out.glob("*.tfrecord")),
        "faults": 0,
        "rules": {},
    }
    path = sorted(out.glob("*.tfrecord"))[0]
    path.write_bytes(path.read_bytes()[:-1])
    shop.add("img999\udc80", xml=make_xml("img999.jpg", [("shoes", 5, 6, 30, 35)]))
    assert main([*call, "--salvage", str(tmp_path / "saved")]) == 1
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema.load("verification.schema.json"))
    assert report["summary"]["rules"]["record-cut"] == 1
    assert report["salvaged"][0]["file"] == path.name


def test_every_rule_is_in_the_schema() -> None:
    import re

    known = schema.load("verification.schema.json")["$defs"]["fault"]["properties"]["rule"]["enum"]
    folder = Path(annotools.__file__).parent / "verification"
    named = {
        rule
        for file in folder.rglob("*.py")
        for rule in re.findall(
            r'(?:faults\.add\(|Finding\(|_of_error\(|Piece\([^"]*None, )\s*"([a-z0-9-]+)"', file.read_text()
        )
    }
    assert len(named) > 25
    assert named <= set(known)
    listed = (folder / "verify.py").read_text().partition('"""\n')[0]
    assert all(re.search(rf"\b{rule}\b", listed) for rule in known)


def test_a_fault_is_one_line_whatever_the_file_is_called() -> None:
    fault = Fault("box", "odd", "a\n\udc80\x1b[31m", 3, 99, "k", "1", "2")
    assert str(fault) == "a\\n\\udc80\\x1b[31m: record 3 at byte 99: box: k: odd (found 1, expected 2)"


def test_of_many_faults_the_first_are_listed_and_all_counted() -> None:
    faults = Faults()
    for number in range(LISTED + 5):
        faults.add("box", "odd", Where("a", number))
    faults.add("box", "odd", Where("b"))
    assert len(faults.listed) == LISTED + 1
    assert faults.counts["box"] == LISTED + 6


def test_options_that_make_no_sense(out: Path) -> None:
    for arguments in ({"images": "header"}, {"workers": 0}):
        with pytest.raises(OptionError):
            annotools.verify(out, **arguments)
    with pytest.raises(OptionError):
        annotools.verify("s3://bucket/out")


@pytest.mark.parametrize("to", FORMATS)
def test_only_annotools_errors_come_out_of_damaged_outputs(to: str, shop: Any, tmp_path: Path) -> None:
    """A few bytes anywhere, in any of the files."""
    out = tmp_path / "out"
    annotools.convert(shop.root, out, to=to, shards=2, split="train=0.8,val=0.2")
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and ".annotools" not in path.parts]
    dice = random.Random(9)
    silent = 0
    for _ in range(60):
        path = dice.choice(files)
        sound = path.read_bytes()
        damaged = bytearray(sound)
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(damaged) + 1)
            damaged[place : place + dice.randrange(9)] = dice.randbytes(dice.randrange(9))
        path.write_bytes(damaged)
        try:
            result = annotools.verify(out, against=shop.root if dice.random() < 0.2 else None)
            silent += result.ok and damaged != sound
            assert all(str(fault) for fault in result.faults)
        except AnnotoolsError:
            pass
        path.write_bytes(sound)
    assert silent <= 3, "blanks in JSON and in a label map mean nothing; anything else must be found"


def _killed(job: int) -> int:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return job


def _refused(job: int) -> int:
    raise OptionError("no", field="job", found=job)


def test_a_process_that_is_killed_is_noticed() -> None:
    from annotools.errors import WorkerError
    from annotools.parallel import in_order

    with pytest.raises(WorkerError, match="killed"):
        list(in_order(_killed, [1, 2, 3], 2))
    with pytest.raises(OptionError, match="no"):
        list(in_order(_refused, [1, 2, 3], 2))
    assert list(in_order(abs, [-3, -2, -1], 2)) == [3, 2, 1]


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_at_once_and_quietly(out: Path, tmp_path: Path) -> None:
    """The decoding of many images by two processes, interrupted as a terminal does it: the whole group."""
    ready = tmp_path / "ready"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from annotools import cli\n"
        "from annotools.verification.shard import ShardCheck\n"
        "def slow(*arguments):\n"
        f"    Path({str(ready)!r}).touch()\n"
        "    time.sleep(600)\n"
        "ShardCheck.check = slow\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(cli.main(['verify', sys.argv[1], '--workers', '2']))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    run = subprocess.Popen(
        [sys.executable, str(script), str(out)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert (run.returncode, errors) == (130, "annotools: interrupted\n")
