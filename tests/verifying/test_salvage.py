"""What is saved of damaged shards, and that nothing is written anywhere else."""

from __future__ import annotations

import io
import random
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

import annotools
from annotools.cli import main
from annotools.errors import OptionError, OutputError, SourceError
from annotools.formats.example.framing import masked_crc, scan
from annotools.formats.example.framing_writer import Writer
from annotools.verification.pieces import Piece, pieces
from annotools.verification.salvage import salvage


@pytest.fixture
def out(shop: Any, tmp_path: Path) -> Path:
    annotools.convert(shop.root, tmp_path / "out", to="tfrecord", shards=3)
    return tmp_path / "out"


def shard_of(out: Path) -> tuple[Path, list[int], list[bytes]]:
    path = sorted(out.glob("*.tfrecord"))[1]
    found = list(scan(path))
    return path, [offset for offset, _ in found], [data for _, data in found]


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_records_around_damage_are_saved_and_the_ranges_are_told(
    out: Path, tmp_path: Path, snapshot: Any
) -> None:
    path, offsets, records = shard_of(out)
    assert len(records) >= 8
    overwrite(path, offsets[2] + 100, b"\xff" * 8)  # the data of one record
    overwrite(path, offsets[4], b"\xff" * 12)  # the whole header of another one
    before = snapshot(out)
    result = annotools.verify(out, salvage=tmp_path / "saved")
    assert snapshot(out) == before
    (saved,) = result.salvaged
    assert saved.lost == ((offsets[2], offsets[3]), (offsets[4], offsets[5]))
    assert (saved.file, saved.records) == (path.name, len(records) - 2)
    assert sorted(file.name for file in (tmp_path / "saved").iterdir()) == [path.name]
    kept = [data for _, data in scan(tmp_path / "saved" / path.name)]
    assert kept == records[:2] + records[3:4] + records[5:]


def test_a_record_whose_length_is_damaged_is_lost_and_no_other(out: Path, tmp_path: Path) -> None:
    path, offsets, records = shard_of(out)
    content = bytearray(path.read_bytes())
    content[offsets[1] + 2] ^= 0x40
    content[offsets[3] + 9] ^= 0x01
    path.write_bytes(content)
    result = annotools.verify(out, salvage=tmp_path / "saved")
    assert result.counts == {"length-crc": 2, "record-count": 1, "shard-sha256": 1}
    assert result.salvaged[0].lost == ((offsets[1], offsets[2]), (offsets[3], offsets[4]))
    saved = [data for _, data in scan(tmp_path / "saved" / path.name)]
    assert saved == [records[0], records[2], *records[4:]]


def test_records_are_numbered_by_the_index_behind_damage_of_several(out: Path) -> None:
    path, offsets, _ = shard_of(out)
    overwrite(path, offsets[2], random.Random(3).randbytes(offsets[5] - offsets[2]))
    overwrite(path, offsets[6] + 50, b"\xff" * 8)
    found = [fault for fault in annotools.verify(out).faults if fault.rule in ("length-crc", "data-crc")]
    assert [(fault.rule, fault.record, fault.offset) for fault in found] == [
        ("length-crc", 2, offsets[2]),
        ("data-crc", 6, offsets[6]),
    ]


def test_a_sound_output_leaves_no_folder(out: Path, tmp_path: Path) -> None:
    result = annotools.verify(out, salvage=tmp_path / "saved")
    assert result.ok
    assert result.salvaged == ()
    assert not (tmp_path / "saved").exists()


def test_a_folder_that_is_not_empty_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not an empty folder"):
        annotools.verify(out, salvage=tmp_path / "saved")
    with pytest.raises(OutputError, match="not an empty folder"):
        annotools.verify(out, salvage=tmp_path / "saved" / "mine.txt")


@pytest.mark.parametrize("inside", ["", "saved", "index/saved"])
def test_nothing_is_written_into_the_output(inside: str, out: Path, tmp_path: Path) -> None:
    path, offsets, _ = shard_of(out)
    overwrite(path, offsets[0], b"\xff")
    with pytest.raises(OptionError, match="in the output"):
        annotools.verify(out, salvage=out / inside)
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(OptionError, match="in the output"):
        annotools.verify(out, salvage=tmp_path / "link" / inside)


def test_without_a_manifest_that_can_be_read_shards_are_saved_still(out: Path, tmp_path: Path) -> None:
    path, offsets, records = shard_of(out)
    overwrite(path, offsets[0] + 40, b"\xff" * 9)
    (out / "manifest.json").write_text("{")
    result = annotools.verify(out, salvage=tmp_path / "saved")
    assert result.counts["manifest-shape"] == 1
    assert [data for _, data in scan(tmp_path / "saved" / path.name)] == records[1:]


def test_the_command_says_what_was_saved(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, offsets, records = shard_of(out)
    overwrite(path, offsets[0] + 40, b"\xff" * 9)
    assert main(["verify", str(out), "--salvage", str(tmp_path / "saved"), "--workers", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    size = offsets[1]
    assert f"salvaged: {path.name}: {len(records) - 1} records saved, {size} bytes lost: 0-{size}" in lines


def test_salvage_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        salvage(tmp_path / "none", tmp_path / "target")


def test_salvage_into_a_folder_that_is_not_there(out: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        salvage(shard_of(out)[0], tmp_path / "none" / "target")


def header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc(google_crc32c.value(packed)))


def record(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with Writer(buffer, digest=False) as writer:
        writer.write(data)
    return buffer.getvalue()


def test_records_behind_a_part_that_was_never_written() -> None:
    """A crash leaves zeros, which are searched in leaps; also where they end anywhere in a length."""
    for gap in (11, 12, 13, 100, 4096, 2_000_003):
        for last in (b"", b"x", bytes(300), bytes(70_000)):
            data = record(b"first") + bytes(gap) + record(last) + record(b"end")
            found = [piece.data for piece in pieces(io.BytesIO(data), len(data)) if piece.data is not None]
            assert found == [b"first", last, b"end"], (gap, last)


def far_pointers(size: int) -> bytes:
    """Headers that are right, each of data nearly to the end of the file, whose checksum is wrong."""
    return b"".join(header(max(0, size - place - 29)) for place in range(0, size - 16, 12)).ljust(size, b"\0")


def pointers_and_records(size: int) -> bytes:
    """The same with a sound record behind each, so that the search begins anew after each."""
    step = 12 + len(record(b"a"))
    return b"".join(
        header(max(0, size - place - 60)) + record(b"a") for place in range(0, size - 16 - step, step)
    )


def scattered(size: int) -> bytes:
    """Garbage and tiny records in turn."""
    dice = random.Random(0)
    return b"".join(dice.randbytes(12) + record(b"a") for _ in range(size // 29))


@pytest.mark.parametrize("make", [far_pointers, pointers_and_records, scattered, bytes])
def test_the_time_does_not_grow_with_the_square(make: Any) -> None:
    """Counted in bytes that are read, for seconds would depend on the machine."""

    class Counting(io.BytesIO):
        total = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.total += len(data)
            return data

    for size in (1 << 13, 1 << 16):
        data = make(size)
        file = Counting(data)
        list(pieces(file, len(data)))
        # a search reads 4 KiB at least, and in the worst case there is one for each 29 bytes
        assert file.total < (1 << 20) + 160 * size, size


def test_every_byte_is_in_one_piece() -> None:
    dice = random.Random(5)
    sound = b"".join(record(dice.randbytes(dice.randrange(200))) for _ in range(30))
    for _ in range(200):
        data = bytearray(sound)
        for _ in range(dice.randrange(1, 6)):
            start = dice.randrange(len(data))
            data[start : start + dice.randrange(30)] = dice.randbytes(dice.randrange(30))
        found: list[Piece] = list(pieces(io.BytesIO(data), len(data)))
        assert found[0].offset == 0
        assert found[-1].end == len(data)
        assert all(one.end == other.offset for one, other in pairwise(found))


def test_a_long_search_finds_the_record_behind_it() -> None:
    """Over the blocks in which the search goes, wherever the record lies in them."""
    last = record(b"here")
    for gap in (4095, 4096, 12287, 100_000, 3_000_001):
        data = record(b"first") + b"\xff" * gap + last
        found = [piece.data for piece in pieces(io.BytesIO(data), len(data)) if piece.data is not None]
        assert found == [b"first", b"here"], gap
