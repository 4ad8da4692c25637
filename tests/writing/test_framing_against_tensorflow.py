"""TFRecord framing against TensorFlow's writer and reader, and against every kind of damage."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import OutputError, RecordError, SourceError
from annotools.formats.example.framing import masked_crc, read_records, scan
from annotools.formats.example.framing_writer import Writer

RECORDS = [b"first", b"", b"x" * 3000, bytes(range(256))]


def by_tensorflow(path: Path, records: Sequence[bytes], compression: str = "") -> bytes:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path.read_bytes()


def read_by_tensorflow(path: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.tfrecord"
    by_tensorflow(path, RECORDS)
    return path


@given(st.lists(st.lists(st.binary(max_size=200), max_size=4), max_size=5))
@settings(max_examples=40, deadline=None)
def test_the_file_is_the_one_tensorflow_writes(records: list[list[bytes]]) -> None:
    file = io.BytesIO()
    with Writer(file) as writer:
        offsets = [writer.write(*pieces) for pieces in records]
    data = file.getvalue()
    expected = b""
    for pieces, offset in zip(records, offsets, strict=True):
        assert offset == len(expected)
        record = b"".join(pieces)
        length = struct.pack("<Q", len(record))
        expected += length + crc_by_bits(length) + record + crc_by_bits(record)
    assert data == expected
    assert writer.sha256() == hashlib.sha256(data).hexdigest()
    assert (writer.size, writer.records) == (len(data), len(records))


def crc_by_bits(data: bytes) -> bytes:
    """The masked CRC32C from the definition: the reflected Castagnoli polynomial, one bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32)


def test_tensorflow_reads_what_is_written(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with Writer(ours) as writer:
        for record in RECORDS:
            writer.write(record[:2], record[2:])
    assert read_by_tensorflow(ours) == RECORDS
    assert ours.read_bytes() == by_tensorflow(theirs, RECORDS)
    assert writer.sha256() == hashlib.sha256(ours.read_bytes()).hexdigest()


def test_offsets_are_where_the_records_are(file: Path) -> None:
    data = file.read_bytes()
    found = list(scan(file))
    assert [record for _, record in found] == RECORDS == list(read_records(file))
    for offset, record in found:
        assert struct.unpack_from("<Q", data, offset) == (len(record),)


def test_a_larger_file_than_the_buffer(tmp_path: Path) -> None:
    records = [os.urandom(700_000) for _ in range(4)]
    with Writer(tmp_path / "x", digest=False) as writer:
        for record in records:
            writer.write(record)
    assert writer.sha256() == ""
    assert list(read_records(tmp_path / "x")) == records == read_by_tensorflow(tmp_path / "x")


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    with Writer(tmp_path / "x"):
        pass
    assert list(read_records(tmp_path / "x")) == []


def test_a_given_file_stays_open() -> None:
    file = io.BytesIO()
    with Writer(file) as writer:
        writer.write(b"a")
    assert not file.closed


@pytest.mark.parametrize("cut", [1, 4, 5, 8, 11, 12, 16, 17, 21, 30, 3000])
def test_a_cut_file(file: Path, cut: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:-cut])
    start = max(offset for offset in (0, 21, 37, 3053) if offset < len(data) - cut)
    with pytest.raises(RecordError, match="the file ends inside a record") as caught:
        list(read_records(file))
    assert (caught.value.path, caught.value.offset) == (str(file), start)
    assert caught.value.found
    assert caught.value.expected


def test_each_flipped_byte_is_noticed_at_its_record(tmp_path: Path) -> None:
    file = tmp_path / "x"
    data = by_tensorflow(file, [b"abc", b"defg"])
    for position in range(len(data)):
        file.write_bytes(data[:position] + bytes((data[position] ^ 4,)) + data[position + 1 :])
        with pytest.raises(RecordError, match="checksum") as caught:
            list(read_records(file))
        assert caught.value.offset == (0 if position < 19 else 19)
        in_length = (position - (caught.value.offset or 0)) < 12
        assert ("of the length" if in_length else "of the data") in str(caught.value)
        assert str(caught.value).startswith(f"{file}: ")


def frame_length(length: int) -> bytes:
    head = struct.pack("<Q", length)
    return head + crc_by_bits(head)


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 100])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_a_length_that_the_file_does_not_have(
    length: int, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "x"
    file.write_bytes(pack(frame_length(length) + bytes(50)))
    tracemalloc.start()
    with pytest.raises(RecordError, match="the file ends inside a record") as caught:
        list(read_records(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20
    assert caught.value.expected == f"{length + 16} bytes"


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
def test_compressed_by_tensorflow(compression: str, tmp_path: Path) -> None:
    data = by_tensorflow(tmp_path / "x", RECORDS, compression)
    assert list(read_records(tmp_path / "x")) == RECORDS
    for cut in (1, 20, len(data) // 2):
        (tmp_path / "x").write_bytes(data[:-cut])
        with pytest.raises(RecordError, match="compressed file is damaged") as caught:
            list(read_records(tmp_path / "x"))
        assert caught.value.path == str(tmp_path / "x")


def test_gzip_members_in_a_row_and_a_damaged_one(file: Path) -> None:
    once = gzip.compress(file.read_bytes())
    file.write_bytes(once + once)
    assert list(read_records(file)) == RECORDS * 2
    file.write_bytes(once[:40] + bytes(20) + once[60:])
    with pytest.raises(RecordError, match="compressed file is damaged"):
        list(read_records(file))


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\x78\x9c"])
def test_a_length_that_looks_like_a_magic_number_is_a_length(magic: bytes, tmp_path: Path) -> None:
    record = bytes(int.from_bytes(magic, "little"))
    with Writer(tmp_path / "x") as writer:
        writer.write(record)
    assert (tmp_path / "x").read_bytes()[:2] == magic
    assert list(read_records(tmp_path / "x")) == [record]


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file") as source:
        list(read_records(tmp_path / "none"))
    assert source.value.path == str(tmp_path / "none")
    with pytest.raises(OutputError, match="No such file") as output:
        Writer(tmp_path / "none" / "x")
    assert output.value.path == str(tmp_path / "none" / "x")


def test_the_mask_is_that_of_the_format() -> None:
    # The masked CRC32C of eight zero bytes, as in every TFRecord file that holds an empty record.
    assert masked_crc(0x8C28B28A) == struct.unpack("<I", crc_by_bits(bytes(8)))[0]
