"""The writer: errors come back to the caller, the digest is of the file, pieces of any number and size."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from annotools.errors import OutputError
from annotools.formats.example.framing import read_records
from annotools.formats.example.framing_writer import Writer


def test_a_full_disk_is_an_error_of_the_caller() -> None:
    def write_much() -> None:
        with Writer("/dev/full") as writer:
            for _ in range(64):
                writer.write(bytes(100_000))

    with pytest.raises(OutputError, match=r"/dev/full: .*No space left"):
        write_much()


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


@pytest.mark.parametrize("pieces", [0, 1, 332, 333, 334, 1021, 1022, 1023, 5000])
def test_a_record_of_any_number_of_pieces(pieces: int, tmp_path: Path) -> None:
    """A system takes 1024 in one call."""
    record = [b"%d " % number for number in range(pieces)]
    with Writer(tmp_path / "x") as writer:
        for _ in range(3):
            writer.write(*record)
    assert list(read_records(tmp_path / "x")) == [b"".join(record)] * 3


def test_records_are_written_without_the_end_of_the_writer(tmp_path: Path) -> None:
    """Memory stays within 1 MiB and a record, and a thousand small records do not wait either."""
    with Writer(tmp_path / "large") as large, Writer(tmp_path / "small") as small:
        large.write(bytes(1 << 20))
        for _ in range(400):
            small.write(b"x")
        assert (tmp_path / "large").stat().st_size == large.size
        assert 0 < (tmp_path / "small").stat().st_size < small.size


def test_after_an_error_nothing_more_is_written(tmp_path: Path) -> None:
    """What is behind a gap would be no TFRecord."""
    pytest.importorskip("resource")
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))\n"
    code = limit + (
        "import sys\n"
        "from annotools.errors import OutputError\n"
        "from annotools.formats.example.framing_writer import Writer\n"
        "writer = Writer(sys.argv[1])\n"
        "failures = 0\n"
        "for _ in range(40):\n"
        "    try: writer.write(bytes(700_000))\n"
        "    except OutputError: failures += 1\n"
        "try: writer.close()\n"
        "except OutputError: failures += 1\n"
        "print(failures)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 10
    data = (tmp_path / "x").read_bytes()
    whole = b"".join([tfrecord_of(bytes(700_000))] * 5)
    assert len(data) == 3_000_000
    assert whole.startswith(data)


def tfrecord_of(record: bytes) -> bytes:
    target = BytesIO()
    with Writer(target) as writer:
        writer.write(record)
    return target.getvalue()
