from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from annotools.errors import RecordError, SourceError
from annotools.formats.example.offsets import index_path
from annotools.formats.example.record_index import RecordIndex, offsets_of, scan_offsets

LENGTHS = (5, 0, 300, 70_000, 1)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for length in LENGTHS:
            writer.write(b"x" * length)
    return path


def expected_offsets() -> list[int]:
    return [0, *np.cumsum([length + 16 for length in LENGTHS])[:-1].tolist()]


def test_offsets_of_a_file_that_tensorflow_wrote(shard: Path) -> None:
    assert scan_offsets(str(shard)).tolist() == expected_offsets()
    assert offsets_of(str(shard)).dtype == np.int64


def test_the_index_written_at_conversion_is_what_a_scan_finds(converted: Path) -> None:
    for file in sorted(converted.glob("*.tfrecord")):
        assert np.fromfile(index_path(file), "<u8").tolist() == scan_offsets(str(file)).tolist()


def test_an_index_that_fits_is_believed_and_nothing_is_scanned(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_path(shard).parent.mkdir()
    np.array(expected_offsets(), "<u8").tofile(index_path(shard))
    monkeypatch.setattr(
        "annotools.formats.example.record_index.scan_offsets", lambda file: pytest.fail("scanned")
    )
    assert offsets_of(str(shard)).tolist() == expected_offsets()


@pytest.mark.parametrize(
    "stale",
    [
        lambda offsets: offsets[:-1],
        lambda offsets: [*offsets, offsets[-1] + 17],
        lambda offsets: [],
        lambda offsets: offsets[1:],
        lambda offsets: [offsets[0], offsets[2], offsets[1], *offsets[3:]],
    ],
)
def test_an_index_of_other_contents_is_not_believed(
    shard: Path, stale: Callable[[list[int]], list[int]]
) -> None:
    index_path(shard).parent.mkdir()
    np.array(stale(expected_offsets()), "<u8").tofile(index_path(shard))
    assert offsets_of(str(shard)).tolist() == expected_offsets()


def test_an_empty_file_is_a_shard_without_records(tmp_path: Path, shard: Path) -> None:
    empty = tmp_path / "empty.tfrecord"
    empty.touch()
    index = RecordIndex.of([str(shard), str(empty), str(shard)])
    assert len(index) == 10
    assert index.starts.tolist() == [0, 5, 5, 10]


def test_damage_is_named_with_file_and_offset(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[expected_offsets()[2]] ^= 1
    shard.write_bytes(data)
    with pytest.raises(RecordError, match="no record starts here") as caught:
        scan_offsets(str(shard))
    assert (caught.value.path, caught.value.offset) == (str(shard), expected_offsets()[2])


def test_a_file_that_stops_early_is_refused(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(RecordError, match="ends inside a record") as caught:
        scan_offsets(str(shard))
    assert caught.value.offset == expected_offsets()[3]


def test_a_compressed_file_is_refused_by_name(shard: Path) -> None:
    shard.write_bytes(gzip.compress(shard.read_bytes()))
    with pytest.raises(RecordError, match="compressed"):
        scan_offsets(str(shard))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        offsets_of(str(tmp_path / "none.tfrecord"))
