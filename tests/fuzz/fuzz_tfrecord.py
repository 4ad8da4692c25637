"""Anything as a TFRecord file, and as a tf.Example."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from annotools.errors import RecordError
from annotools.formats.example import framing, tf_example
from annotools.formats.example.framing_writer import Writer
from annotools.records import Example
from annotools.verification.pieces import pieces

MEMORY = Path("/dev/shm")  # a file on a disk takes ten times as long as all that is tried here
FILE = (
    Path(tempfile.mkdtemp(prefix="annotools-fuzz-", dir=MEMORY if MEMORY.is_dir() else None)) / "x.tfrecord"
)


def check(data: bytes) -> None:
    """Records, then perhaps damage; the salvager finds the same records, and never more than fit."""
    FILE.write_bytes(data)
    records: list[tuple[int, bytes]] = []
    damaged = False
    try:
        for offset, record in framing.scan(FILE):
            records.append((offset, record))
    except RecordError as error:
        damaged = True
        assert error.path == str(FILE)
        assert error.offset is not None
        assert error.offset >= 0
    plain = all(data[offset + 12 : offset + 12 + len(record)] == record for offset, record in records)
    if plain and not damaged:
        rewritten = io.BytesIO()
        with Writer(rewritten, digest=False) as writer:
            for offset, record in records:
                assert writer.write(record) == offset
        assert rewritten.getvalue() == data
    if plain:
        check_salvage(data, records)
    for record in (data, *(record for _, record in records)):
        check_example(record)


def check_salvage(data: bytes, records: list[tuple[int, bytes]]) -> None:
    saved = [
        (piece.offset, piece.data) for piece in pieces(io.BytesIO(data), len(data)) if piece.data is not None
    ]
    assert saved[: len(records)] == records or not records
    end = 0
    for offset, record in saved:
        assert offset >= end
        assert record is not None
        end = offset + len(record) + 16
    assert end <= len(data)


def check_example(data: bytes) -> None:
    try:
        features = tf_example.features(data)
    except RecordError:
        features = {}
    for values in features.values():
        assert len(values) <= len(data)
    try:
        example = tf_example.decode(data)
    except RecordError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(example, Example)
    count = len(example.boxes)
    for column in (example.labels, example.names, example.truncated, example.difficult, example.occluded):
        assert len(column) == count
    assert all(label >= 0 for label in example.labels)
