"""Every bit of the framing of a shard, and random bits of its data, turned over one at a time.

    python benchmarks/faults/bit_flips.py [--flips 10000] [--seed 0]

The shard is made of the sample data. Each flip must be found by its checksum, at its record and offset, and
the SHA-256 of the file must tell it too. Exit 1, and a line for each, where one is not. The short form, in
the test suite, is tests/verifying/test_bit_flips.py.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import annotools
from annotools.conversion.manifest import ShardEntry
from annotools.formats.example.framing import scan
from annotools.verification.records import Terms
from annotools.verification.report import compare_with_manifest
from annotools.verification.shard import OpenShard, check_file

SAMPLE = Path(__file__).parents[2] / "sample_data"


def framing(offsets: list[int], size: int) -> Iterator[int]:
    """The number of each bit of lengths and checksums."""
    for start, end in zip(offsets, [*offsets[1:], size], strict=True):
        for byte in (*range(start, start + 12), *range(end - 4, end)):
            yield from range(8 * byte, 8 * byte + 8)


def payload(offsets: list[int], size: int, flips: int, seed: int) -> Iterator[int]:
    """Random bits of the data; every byte of it is equally likely."""
    dice = random.Random(seed)
    inside = [range(start + 12, end - 4) for start, end in zip(offsets, [*offsets[1:], size], strict=True)]
    for part in dice.choices(inside, weights=[len(part) for part in inside], k=flips):
        yield 8 * dice.choice(part) + dice.randrange(8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=10_000, help="of the data")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "out")
        manifest = annotools.convert(
            SAMPLE, output, to="tfrecord", split="train=0.99,val=0.01", shards=4
        ).manifest
        largest = max(manifest["splits"]["train"]["shards"], key=lambda shard: shard["records"])
        listed = ShardEntry(**largest)
        data = bytearray((output / listed.file).read_bytes())
        offsets = [offset for offset, _ in scan(output / listed.file)]
    index = array("Q", offsets)
    terms = Terms("tfod", {number: name for name, number in manifest["classes"].items()})
    kinds = {
        "framing": list(framing(offsets, len(data))),
        "data": list(payload(offsets, len(data), arguments.flips, arguments.seed)),
    }
    missed = 0
    for kind, bits in kinds.items():
        start = time.perf_counter()
        for bit in bits:
            data[bit // 8] ^= 1 << bit % 8
            report = check_file(OpenShard("shard", io.BytesIO(data), len(data), index), terms)
            compare_with_manifest(report, listed)
            data[bit // 8] ^= 1 << bit % 8
            record = max(number for number, offset in enumerate(offsets) if offset <= bit // 8)
            found = {
                (fault.record, fault.offset) for fault in report.faults.listed if fault.rule.endswith("-crc")
            }
            if found != {(record, offsets[record])} or "shard-sha256" not in report.faults.counts:
                missed += 1
                print(f"bit {bit % 8} of byte {bit // 8}, record {record}: found {sorted(found)}")
        seconds = time.perf_counter() - start
        print(f"{kind}: {len(bits)} bits turned over, {missed} missed, {seconds:.1f} s")
    assert not check_file(OpenShard("shard", io.BytesIO(data), len(data), index), terms).faults
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
