"""Shards: every style of names, what is missing, reading and writing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from annotools.classes.class_map import ClassMap
from annotools.errors import OptionError, OutputError, RecordError, SourceError
from annotools.formats import tfds, tfrecord
from annotools.formats.example import tf_example
from annotools.records import Example

BASE = Example(
    id="",
    filename="",
    source_id="",
    width=50,
    height=40,
    format="jpeg",
    encoded=b"?",
    sha256="8a8de823d5ed3e12746a62ef169bcf372be0ca44f0a1236abc35df05d96928e1",
    boxes=((1.0, 2.0, 30.0, 40.0),),
    labels=(1,),
    names=("cup",),
    poses=("",),
    truncated=(0,),
    difficult=(1,),
    occluded=(0,),
)
TEN = [dataclasses.replace(BASE, id=f"{i}", filename=f"{i}.jpg", source_id=f"{i}.jpg") for i in range(10)]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def names(sets: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    return [(split, [Path(file).name for file in files]) for split, files in sets]


@pytest.mark.parametrize(
    ("split", "files"),
    [
        ("train", [tfrecord.shard_name("train", i, 12) for i in range(12)]),
        ("my-val", ["my-val-00000-of-00002.tfrecord", "my-val-00001-of-00002.tfrecord"]),
        ("coco_train", ["coco_train.record-00000-of-00002", "coco_train.record-00001-of-00002"]),
        ("pets", ["pets-00000-of-00001"]),
        ("train", ["voc-train.tfrecord-00000-of-00002", "voc-train.tfrecord-00001-of-00002"]),
        ("voc_2007_train", [f"voc_2007_train_{i:03}.tfrecord" for i in range(11)]),
        ("voc_2007", ["voc_2007.tfrecord"]),
        ("images_640", ["images_640.tfrecord"]),
        ("val", ["val.tfrecords"]),
        ("val", ["val.record"]),
        ("val", ["val.tfrecord.gz"]),
        ("裤子", ["裤子.tfrecord"]),
    ],
)
def test_styles_of_names(split: str, files: list[str], tmp_path: Path) -> None:
    touch(tmp_path, *reversed(files))
    touch(tmp_path, "label_map.pbtxt", "manifest.json", "train.pkl", "._train-00000-of-00001.tfrecord")
    (tmp_path / "old.tfrecord").mkdir()
    assert names(tfrecord.shards(tmp_path)) == [(split, files)]
    assert all(tfrecord.is_shard_name(name) for name in files)
    assert names(tfrecord.shards(f"{tmp_path}/*{Path(files[0]).name[3:8]}*")) == [(split, files)]
    single = tfrecord.shards(tmp_path / files[-1])
    assert [file for _, one in names(single) for file in one] == [files[-1]]


@pytest.mark.parametrize(
    "name", ["label_map.pbtxt", "a.tfrecord.index", "train.pkl", "a-1-of-2", "x.jpg", "._x.tfrecord"]
)
def test_other_names(name: str) -> None:
    assert not tfrecord.is_shard_name(name)


def test_the_name_that_is_written() -> None:
    assert tfrecord.shard_name("train", 0, 4) == "train-00000-of-00004.tfrecord"


def test_several_splits_and_a_list(tmp_path: Path) -> None:
    files = ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord", "val-00000-of-00001.tfrecord"]
    touch(tmp_path, *files)
    assert names(tfrecord.shards(tmp_path)) == [("train", files[:2]), ("val", files[2:])]
    chosen = [tmp_path / files[2], tmp_path / files[1]]
    assert names(tfrecord.shards(chosen)) == [("train", [files[1]]), ("val", [files[2]])]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([f"t-{i:05}-of-00010.tfrecord" for i in range(10) if i != 3], "missing: t-00003-of-00010.tfrecord"),
        (
            ["d-t.tfrecord-00001-of-00003"],
            "missing: d-t.tfrecord-00000-of-00003, d-t.tfrecord-00002-of-00003",
        ),
        (["t_000.tfrecord", "t_002.tfrecord"], "missing: t_001.tfrecord"),
        (["t-00000-of-99999"], "t-00005-of-99999 and 99993 more"),
        (["t-00003-of-00002", "t-00000-of-00002"], "no set"),
        (["t-00000-of-00001", "t-00000-of-00001.tfrecord"], "no set"),
        (["t-00000-of-00001.tfrecord", "t-00000-of-00002.tfrecord", "t-00001-of-00002.tfrecord"], "two sets"),
        (["t.tfrecord", "t-00000-of-00001.tfrecord"], "two sets"),
    ],
)
def test_sets_that_are_none(files: list[str], message: str, tmp_path: Path) -> None:
    touch(tmp_path, *files)
    for path in (tmp_path, tmp_path / "*"):
        with pytest.raises(RecordError, match=message) as caught:
            tfrecord.shards(path)
        assert caught.value.path == str(path)
        assert caught.value.found
        assert caught.value.expected


@pytest.mark.parametrize("path", ["", "none", "none*", "none.tfrecord"])
def test_no_file_at_all(path: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    with pytest.raises(SourceError, match="no TFRecord file"):
        tfrecord.shards(tmp_path / path)


@pytest.mark.parametrize("shards", [1, 3, 10, 12])
def test_what_is_written_is_read_in_the_same_order(shards: int, tmp_path: Path) -> None:
    assert tfrecord.write(TEN, tmp_path / "new" / "folder", split="val", shards=shards) == 10
    [(split, files)] = tfrecord.shards(tmp_path / "new" / "folder")
    assert (split, len(files)) == ("val", shards)
    assert list(tfrecord.read(tmp_path / "new" / "folder")) == TEN
    counts = [sum(1 for _ in tf.data.TFRecordDataset(file)) for file in files]
    assert sum(counts) == 10
    assert max(counts) - min(counts) <= 1
    assert sorted(Path(file).name for file in files) == sorted(
        entry.name for entry in (tmp_path / "new" / "folder").iterdir()
    )


def test_tensorflow_reads_it_and_is_read(tmp_path: Path) -> None:
    tfrecord.write(TEN, tmp_path)
    [(_, [file])] = tfrecord.shards(tmp_path)
    records = [record.numpy() for record in tf.data.TFRecordDataset(file)]
    assert [tf_example.decode(record) for record in records] == TEN
    with tf.io.TFRecordWriter(str(tmp_path / "theirs.record"), "GZIP") as writer:
        for record in records:
            writer.write(record)
    assert list(tfrecord.read(tmp_path / "theirs.record")) == TEN


def test_splits(tmp_path: Path) -> None:
    tfrecord.write(TEN[:3], tmp_path, split="voc_2007_train")
    tfrecord.write(TEN[3:5], tmp_path, split="voc_2012_train")
    tfrecord.write(TEN[5:], tmp_path, split="val")
    assert list(tfrecord.read(tmp_path, split="val")) == TEN[5:]
    assert list(tfrecord.read(tmp_path, split="voc_2012_train")) == TEN[3:5]
    assert list(tfrecord.read(tmp_path, split="train")) == TEN[:5]
    with pytest.raises(SourceError, match="no such split") as caught:
        next(tfrecord.read(tmp_path, split="test"))
    assert (caught.value.found, caught.value.expected) == ("test", "val, voc_2007_train, voc_2012_train")


def test_errors_of_a_record_name_its_file_and_offset(tmp_path: Path) -> None:
    file = tmp_path / "x.tfrecord"
    with tfrecord.Writer(file) as writer:
        head, tail = tf_example.encode(BASE)
        writer.write(head, BASE.encoded, tail)
        offset = writer.write(b"\x0a\x05no")
    examples = tfrecord.read(file)
    assert next(examples).boxes == BASE.boxes
    with pytest.raises(RecordError, match="cut") as caught:
        next(examples)
    assert (caught.value.path, caught.value.offset) == (str(file), offset)


@pytest.mark.parametrize("ours", [True, False], ids=["with label map", "by tensorflow_datasets"])
def test_the_classes_of_a_tensorflow_datasets_folder(
    ours: bool, tmp_path: Path, make_picture: Callable[..., bytes]
) -> None:
    classes = ClassMap({"裤子": 2, "cup": 7})
    image = make_picture(50, 40)
    example = dataclasses.replace(BASE, encoded=image, labels=(7,))
    file = tmp_path / tfds.shard_name("train", 0, 1)
    with tfrecord.Writer(file) as writer:
        head, tail = tfds.encode(example, classes)
        writer.write(head, image, tail)
    tfds.write_metadata(tmp_path, classes=classes, splits={"train": [(1, writer.size)]})
    if ours:
        classes.save(tmp_path / "label_map.pbtxt")
    [read] = tfrecord.read(tmp_path, split="train")
    assert read.names == ("cup",)
    assert read.labels == ((7,) if ours else (2,))


def test_an_iterator_fills_one_shard_only(tmp_path: Path) -> None:
    assert tfrecord.write(iter(TEN), tmp_path) == 10
    with pytest.raises(OptionError) as caught:
        tfrecord.write(iter(TEN), tmp_path, shards=2)
    assert caught.value.field == "shards"
    with pytest.raises(OptionError):
        tfrecord.write(TEN, tmp_path, shards=0)


def test_a_failure_leaves_the_earlier_file(tmp_path: Path) -> None:
    tfrecord.write(TEN, tmp_path)

    def failing() -> Iterator[Example]:
        yield TEN[0]
        raise KeyError("the source failed")

    with pytest.raises(KeyError, match="the source failed"):
        tfrecord.write(failing(), tmp_path)
    assert list(tfrecord.read(tmp_path)) == TEN
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(OutputError) as caught:
        tfrecord.write(TEN, tmp_path / "file" / "out")
    assert caught.value.path == str(tmp_path / "file" / "out")
