"""What is wrong with the files of an output: missing, exchanged, too many, or described wrongly."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tampering import change_manifest, only, rewrite, rules

import annotools
from annotools import schema
from annotools.classes.class_map import ClassMap
from annotools.cli import main
from annotools.conversion.manifest import from_content
from annotools.errors import OutputError
from annotools.formats.example import tf_example
from annotools.formats.example.framing import scan
from annotools.records import Example


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
        ("to", "csv", {"manifest-shape": 1, "shard-unlisted": 3}),
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
