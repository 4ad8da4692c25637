"""What it costs to write a TFRecord file.

    python benchmarks/framing.py [--records 2000] [--kilobytes 44] [--runs 9]

The checksums and the SHA-256 of the file alone; then the same with one `write` for each record, whose pieces
are joined; then annotools' writer, which hands the pieces to the system as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import struct
import tempfile
from functools import partial
from pathlib import Path

import google_crc32c
import measure

from annotools.formats.example.framing import masked_crc
from annotools.formats.example.framing_writer import Writer

Pieces = tuple[bytes, bytes, bytes]


def make_records(count: int, size: int) -> list[Pieces]:
    """What stands before each image, the image, and what stands behind it."""
    dice = random.Random(0)
    images = [dice.randbytes(size) for _ in range(32)]
    return [(dice.randbytes(40), images[number % 32], dice.randbytes(800)) for number in range(count)]


def checksums(records: list[Pieces]) -> None:
    digest = hashlib.sha256()
    for record in records:
        crc = 0
        for piece in record:
            crc = google_crc32c.extend(crc, piece)
            digest.update(piece)


def joined(records: list[Pieces], path: Path) -> None:
    digest = hashlib.sha256()
    with open(path, "wb", buffering=0) as file:
        for pieces in records:
            data = b"".join(pieces)
            length = struct.pack("<Q", len(data))
            length += struct.pack("<I", masked_crc(google_crc32c.value(length)))
            record = length + data + struct.pack("<I", masked_crc(google_crc32c.value(data)))
            digest.update(record)
            file.write(record)


def written(records: list[Pieces], path: Path) -> None:
    with Writer(path) as writer:
        for pieces in records:
            writer.write(*pieces)
    writer.sha256()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--kilobytes", type=int, default=44, help="size of an image")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    records = make_records(args.records, 1000 * args.kilobytes)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "x.tfrecord")
        ways = {
            "checksums alone": partial(measure.function, partial(checksums, records)),
            "pieces joined, one write a record": partial(measure.function, partial(joined, records, path)),
            "Writer": partial(measure.function, partial(written, records, path)),
        }
        runs = measure.alternate(ways, args.runs)
    floor = runs["checksums alone"]
    rows = [
        [
            name,
            f"{measure.median(own, 'cpu') / args.records * 1e6:.1f}",
            f"{measure.median_ratio(own, floor):.2f}",
        ]
        for name, own in runs.items()
    ]
    print(f"{args.records} records of {args.kilobytes} kB, {args.runs} runs each, medians\n")
    print(measure.table(["", "cpu us a record", "x the checksums"], rows))


if __name__ == "__main__":
    main()
