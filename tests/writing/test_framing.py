"""The writer's thread: errors come back to the caller, nothing is left running, the digest is of the file."""

from __future__ import annotations

import hashlib
import threading
from io import BytesIO
from pathlib import Path

import pytest

from annotools.errors import OutputError
from annotools.formats.example.framing import Writer, read_records


def test_a_full_disk_is_an_error_of_the_caller() -> None:
    def write_much() -> None:
        with Writer("/dev/full") as writer:
            for _ in range(64):
                writer.write(bytes(100_000))

    with pytest.raises(OutputError, match=r"/dev/full: .*No space left"):
        write_much()
    assert not [t for t in threading.enumerate() if t.name == "tfrecord-writer"]


def test_a_full_disk_is_noticed_for_a_single_small_record_too() -> None:
    writer = Writer("/dev/full")
    writer.write(b"small")
    with pytest.raises(OutputError):
        writer.close()
    writer.close()  # a second time it has nothing to say


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    records = [bytes([n]) * (n * 9000) for n in range(60)]
    with Writer(tmp_path / "x") as writer:
        offsets = [writer.write(r[: len(r) // 2], r[len(r) // 2 :]) for r in records]
        halfway = writer.sha256()
        assert halfway == hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest()
        offsets.append(writer.write(b"one more"))
    data = (tmp_path / "x").read_bytes()
    assert writer.sha256() == hashlib.sha256(data).hexdigest() != halfway
    assert writer.size == len(data)
    assert list(read_records(tmp_path / "x")) == [*records, b"one more"]
    assert data[offsets[-1] + 12 :][:8] == b"one more"


def test_a_file_object_gets_the_same_bytes_and_stays_open(tmp_path: Path) -> None:
    target = BytesIO()
    with Writer(target, digest=False) as writer, Writer(tmp_path / "x") as other:
        for record in (b"", b"abc", bytes(3_000_000)):
            writer.write(record)
            other.write(record)
    assert target.getvalue() == (tmp_path / "x").read_bytes()
    assert writer.sha256() == ""
