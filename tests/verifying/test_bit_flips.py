"""No bit of a shard can turn over without `verify` saying where.

The long form is benchmarks/faults/bit_flips.py.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import annotools
from annotools.conversion.manifest import ShardEntry
from annotools.formats.example.framing import scan
from annotools.verification.pieces import pieces
from annotools.verification.records import Terms
from annotools.verification.report import ShardReport, compare_with_manifest
from annotools.verification.shard import OpenShard, check_file

FRAMING = {"length": "length-crc", "crc of the length": "length-crc", "crc of the data": "data-crc"}


@dataclass
class Shard:
    """One shard in memory, with all that `verify` knows about it."""

    data: bytes
    listed: ShardEntry
    terms: Terms
    offsets: list[int]

    def check(self, data: bytes) -> ShardReport:
        opened = OpenShard("train", io.BytesIO(data), len(data), array("Q", self.offsets))
        report = check_file(opened, self.terms)
        compare_with_manifest(report, self.listed)
        return report


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Shard:
    """A few images of the sample data."""
    sample = Path(__file__).parents[2] / "sample_data"
    out = tmp_path_factory.mktemp("flips") / "out"
    result = annotools.convert(sample, out, to="tfrecord", split="train=0.99,val=0.01", shards=4)
    listed = min(
        result.manifest["splits"]["train"]["shards"],
        key=lambda one: (one["records"] < 3, one["bytes"]),
    )
    path = out / listed["file"]
    names = {number: name for name, number in result.manifest["classes"].items()}
    return Shard(
        path.read_bytes(),
        ShardEntry(**listed),
        Terms("tfod", names),
        [offset for offset, _ in scan(path)],
    )


def test_the_shard_is_sound_and_has_several_records(shard: Shard) -> None:
    assert len(shard.offsets) >= 3
    assert not shard.check(shard.data).faults


def test_every_bit_of_the_framing(shard: Shard) -> None:
    ends = [*shard.offsets[1:], len(shard.data)]
    flips = 0
    for number, (start, end) in enumerate(zip(shard.offsets, ends, strict=True)):
        parts = {
            "length": range(start, start + 8),
            "crc of the length": range(start + 8, start + 12),
            "crc of the data": range(end - 4, end),
        }
        for part, places in parts.items():
            for bit in range(8 * places.start, 8 * places.stop):
                report = shard.check(flipped(shard.data, bit))
                found = [
                    (fault.rule, fault.record, fault.offset)
                    for fault in report.faults.listed
                    if fault.rule in FRAMING.values()
                ]
                assert found == [(FRAMING[part], number, start)], (part, bit)
                assert "shard-sha256" in report.faults.counts
                flips += 1
    assert flips == 128 * len(shard.offsets)


def test_bits_of_the_data(shard: Shard) -> None:
    dice = random.Random(0)
    ends = [*shard.offsets[1:], len(shard.data)]
    for _ in range(300):
        number = dice.randrange(len(shard.offsets))
        byte = dice.randrange(shard.offsets[number] + 12, ends[number] - 4)
        report = shard.check(flipped(shard.data, 8 * byte + dice.randrange(8)))
        assert report.faults.counts.keys() == {"data-crc", "shard-sha256", "record-count"}
        (fault,) = (fault for fault in report.faults.listed if fault.rule == "data-crc")
        assert (fault.record, fault.offset) == (number, shard.offsets[number])


def small_file() -> tuple[bytes, list[bytes], list[int]]:
    from annotools.formats.example.framing_writer import Writer

    dice = random.Random(1)
    records = [dice.randbytes(size) for size in (40, 0, 7, 120, 1)]
    buffer = io.BytesIO()
    with Writer(buffer) as writer:
        offsets = [writer.write(record) for record in records]
    return buffer.getvalue(), records, offsets


def test_every_bit_of_a_small_file_costs_one_record_at_most() -> None:
    data, records, offsets = small_file()
    for bit in range(8 * len(data)):
        found = list(pieces(io.BytesIO(flipped(data, bit)), len(data)))
        damaged = [piece for piece in found if piece.data is None]
        assert [piece.offset for piece in damaged] == [max(o for o in offsets if o <= bit // 8)]
        readable = [piece.data for piece in found if piece.data is not None]
        assert len(readable) >= len(records) - 1
        assert all(data in records for data in readable)


def test_a_file_cut_at_every_byte_keeps_what_is_whole() -> None:
    data, records, offsets = small_file()
    ends = [*offsets[1:], len(data)]
    for size in range(len(data)):
        found = list(pieces(io.BytesIO(data[:size]), size))
        whole = [record for record, end in zip(records, ends, strict=True) if end <= size]
        assert [piece.data for piece in found if piece.data is not None] == whole
        cut = [piece.offset for piece in found if piece.data is None]
        begun = [offset for offset, end in zip(offsets, ends, strict=True) if offset < size < end]
        assert cut == begun


@pytest.mark.parametrize("change", ["missing", "added"])
def test_a_byte_that_is_missing_or_added_anywhere_costs_one_record_at_most(change: str) -> None:
    data, records, _ = small_file()
    for place in range(len(data)):
        changed = data[:place] + (data[place + 1 :] if change == "missing" else b"\x5a" + data[place:])
        found = [piece.data for piece in pieces(io.BytesIO(changed), len(changed))]
        readable = [record for record in found if record is not None]
        assert len(readable) >= len(records) - 1
        assert all(record in records for record in readable)


def test_tensorflow_agrees_about_what_is_damaged(shard: Shard, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    second, last = shard.offsets[1], shard.offsets[-1]
    cases: dict[str, Callable[[bytes], bytes]] = {
        "sound": lambda data: data,
        "length": lambda data: flipped(data, 8 * second + 3),
        "crc of the length": lambda data: flipped(data, 8 * second + 70),
        "data": lambda data: flipped(data, 8 * (last + 500)),
        "crc of the data": lambda data: flipped(data, 8 * len(data) - 1),
        "cut": lambda data: data[:-1],
        "cut in a header": lambda data: data[: second + 5],
    }
    for case, damage in cases.items():
        data = damage(shard.data)
        path = tmp_path / "case.tfrecord"
        path.write_bytes(data)
        read = []
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                read.append(record.numpy())
            failed = False
        except tf.errors.DataLossError:
            failed = True
        before = []  # TensorFlow stops at the first damage
        for piece in pieces(io.BytesIO(data), len(data)):
            if piece.data is None:
                break
            before.append(piece.data)
        assert read == before, case
        # A file that ends within a header has simply ended, as TensorFlow sees it. Here that is damage.
        assert failed == (bool(shard.check(data).faults) and case != "cut in a header"), case


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_long_form_runs() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "faults" / "bit_flips.py"
    run = subprocess.run([sys.executable, str(script), "--flips", "50"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "data: 50 bits turned over, 0 missed" in run.stdout
