"""What is wrong with the records of a shard."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from tampering import edit, only, rewrite, rules

import annotools
from annotools import schema
from annotools.formats import tfrecord
from annotools.formats.example import wire
from annotools.formats.example.features import read_features
from annotools.formats.example.framing import scan
from annotools.records import Example


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
