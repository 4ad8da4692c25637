"""`Records`: the examples of shards by number, as data loaders ask for them."""

from __future__ import annotations

import gzip
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools.classes.class_map import ClassMap
from annotools.errors import RecordError, SourceError
from annotools.formats import tfrecord
from annotools.formats.tfrecord import Records


@pytest.fixture
def out(shop: Any, tmp_path: Path) -> Path:
    """32 records of train in 3 shards, and 8 of val in 3."""
    options: dict[str, Any] = {"split": "train=0.8,val=0.2", "seed": 1, "shards": 3}
    annotools.convert(shop.root, tmp_path / "out", to="tfrecord", **options)
    return tmp_path / "out"


@pytest.mark.parametrize("to", ["tfrecord", "tfds"])
def test_records_are_those_that_are_read_in_order(to: str, shop: Any, tmp_path: Path) -> None:
    annotools.convert(shop.root, tmp_path / "out", to=to, shards=4)
    expected = list(tfrecord.read(tmp_path / "out"))
    records = Records(tmp_path / "out")
    assert len(records) == len(expected) == 40
    assert [records[number] for number in range(40)] == expected
    assert list(records) == expected
    assert all(example.names == () or all(example.names) for example in records)


def test_a_split(out: Path) -> None:
    train, val = Records(out, "train"), Records(out, split="val")
    assert list(train) == list(tfrecord.read(out, split="train"))
    assert list(val) == list(tfrecord.read(out, split="val"))
    assert len(train) + len(val) == len(Records(out)) == 40
    with pytest.raises(SourceError, match="no such split"):
        Records(out, "test")


def test_numbers_as_a_sequence_takes_them(out: Path) -> None:
    records = Records(out)
    expected = list(records)
    assert records[-1] == expected[-1]
    assert records[np.int64(3)] == expected[3]
    assert list(reversed(records)) == expected[::-1]
    for number in (40, -41):
        with pytest.raises(IndexError, match=f"no record {number}, there are 40"):
            records[number]
    with pytest.raises(TypeError):
        records["train"]  # type: ignore[call-overload]


def test_slices_are_records_again(out: Path) -> None:
    records = Records(out)
    expected = list(records)
    for some in (slice(5, 9), slice(None, None, 7), slice(None, None, -1), slice(-3, None), slice(9, 5)):
        part = records[some]
        assert isinstance(part, Records)
        assert list(part) == expected[some]
    assert records[4:30:3][2:6][1] == expected[4:30:3][2:6][1]
    with pytest.raises(IndexError):
        records[5:9][4]


@pytest.mark.parametrize("index", ["none", "of another file", "cut", "no numbers"])
def test_without_an_index_that_fits_the_shards_are_looked_through(index: str, out: Path) -> None:
    expected = list(tfrecord.read(out))
    if index == "none":
        shutil.rmtree(out / "index")
    else:
        for file in (out / "index").iterdir():
            whole = file.read_bytes()
            changed = {"of another file": whole + whole[-8:], "cut": whole[:-8], "no numbers": whole[:-3]}
            file.write_bytes(changed[index])
    assert list(Records(out)) == expected


def test_records_of_others(tmp_path: Path) -> None:
    """One file by itself, without a class map: names come from `classes`."""
    tf = pytest.importorskip("tensorflow")
    features = {
        "image/width": tf.train.Feature(int64_list=tf.train.Int64List(value=[5])),
        "image/height": tf.train.Feature(int64_list=tf.train.Int64List(value=[4])),
        "image/object/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[2])),
    }
    for edge, value in (("xmin", 0.2), ("xmax", 0.8), ("ymin", 0.25), ("ymax", 0.5)):
        features[f"image/object/bbox/{edge}"] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    with tf.io.TFRecordWriter(str(tmp_path / "mine.record")) as writer:
        writer.write(record)
        writer.write(record)
    records = Records(tmp_path / "mine.record", classes=ClassMap({"cup": 1, "box": 2}))
    assert len(records) == 2
    assert records[1].names == ("box",)
    assert records[1].boxes == ((1.0, 1.0, 4.0, 2.0),)


def test_shards_without_records_are_stepped_over(tree: Any, tmp_path: Path) -> None:
    for number in range(3):
        tree.add(f"img{number}", [("shoes", 1, 2, 20, 30)])
    annotools.convert(tree.root, tmp_path / "out", to="tfrecord", shards=16)
    assert list(Records(tmp_path / "out")) == list(tfrecord.read(tmp_path / "out"))
    assert len(Records(tmp_path / "out")[:0]) == 0


def test_pickled_records_are_small_and_the_same(out: Path) -> None:
    records = Records(out)[3:20]
    data = pickle.dumps(records)
    assert len(data) < 8 * 40 + 2500
    assert list(pickle.loads(data)) == list(records)  # noqa: S301
    assert repr(records) == "Records(17 records in 6 files)"


def read_in_worker(records: Records, numbers: range, results: Any) -> None:
    results.put([records[number].filename for number in numbers])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_at_the_same_time(method: str, out: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    records = Records(out)
    expected = [example.filename for example in records]
    context: Any = multiprocessing.get_context(method)
    results = context.SimpleQueue()
    halves = [range(start, 40, 2) for start in (0, 1)]
    jobs = [context.Process(target=read_in_worker, args=(records, half, results)) for half in halves]
    for job in jobs:
        job.start()
    found = [results.get() for _ in jobs]
    for job in jobs:
        job.join()
    assert sorted(found) == sorted([expected[0::2], expected[1::2]])


def test_threads_read_at_the_same_time(out: Path) -> None:
    records = Records(out)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(records.__getitem__, [number % 40 for number in range(400)]))
    assert found == list(records) * 10


def test_damage_is_told_with_its_place_when_it_is_read(out: Path) -> None:
    records = Records(out)
    file, offset = next(
        (file, offset)
        for file in sorted(out.glob("*.tfrecord"))
        for number, (offset, _) in enumerate(tfrecord.scan(file))
        if number == 1
    )
    content = bytearray(file.read_bytes())
    content[offset + 40] ^= 1
    file.write_bytes(content)
    with pytest.raises(RecordError, match="checksum of the data") as caught:
        records[1]
    assert (caught.value.path, caught.value.offset) == (str(file), offset)
    assert records[0].filename
    assert records[2].filename
    file.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        records[0]


def test_a_compressed_shard_has_no_numbers(out: Path) -> None:
    shard = sorted(out.glob("val*.tfrecord"))[0]
    (out / "alone.tfrecord.gz").write_bytes(gzip.compress(shard.read_bytes()))
    with pytest.raises(RecordError, match="random order"):
        Records(out / "alone.tfrecord.gz")


def test_missing_shards_and_folders(out: Path, tmp_path: Path) -> None:
    sorted(out.glob("train*.tfrecord"))[1].unlink()
    with pytest.raises(RecordError, match="shards are missing"):
        Records(out)
    with pytest.raises(SourceError):
        Records(tmp_path / "nothing")


@pytest.mark.parametrize("has_index", [True, False])
def test_records_of_an_object_store(has_index: bool, out: Path, bucket: Any) -> None:
    expected = list(tfrecord.read(out, split="train"))
    if not has_index:
        shutil.rmtree(out / "index")
    url = bucket.put(out, "a b/out")
    records = Records(url, "train")
    bucket.gate.requests.clear()
    assert [records[number] for number in (0, 17, -1)] == [expected[0], expected[17], expected[-1]]
    assert [method for method, *_ in bucket.gate.requests] == ["GET"] * 3
    assert all(asked.startswith("bytes=") for _, _, asked in bucket.gate.requests)
    assert list(pickle.loads(pickle.dumps(records))[30:]) == expected[30:]  # noqa: S301
    shard = sorted(out.glob("train*.tfrecord"))[0].name
    assert list(Records(f"{url}/{shard}")) == list(tfrecord.read(out / shard))
    assert list(tfrecord.read(url, split="train")) == expected


def test_what_is_not_in_an_object_store(out: Path, bucket: Any) -> None:
    url = bucket.put(out, "out")
    records = Records(url)
    bucket.fs.rm_file(f"{url}/{sorted(out.glob('*.tfrecord'))[0].name}")
    with pytest.raises(SourceError, match=r"s3://.*does not exist"):
        records[0]
    with pytest.raises(SourceError, match="no TFRecord file"):
        Records(f"{bucket.url}/elsewhere")


def test_an_object_store_after_a_fork(out: Path, bucket: Any) -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    records = Records(bucket.put(out, "out"))
    expected = records[7].filename  # the connection is there already
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    job = context.Process(target=read_in_worker, args=(records, range(7, 8), results))
    job.start()
    job.join(60)
    assert results.get() == [expected]


def test_tensorflow_is_not_imported(out: Path) -> None:
    code = (
        "import sys; from annotools.formats.tfrecord import Records\n"
        "assert Records(sys.argv[1])[3].boxes is not None\n"
        "assert not {'tensorflow', 'keras', 'fsspec'} & sys.modules.keys()"
    )
    run = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
