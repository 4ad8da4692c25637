"""What `annotools verify` costs beside reading the shards and computing the checksums that cannot be avoided.

    python benchmarks/verify.py [--files 2000] [--runs 5]

The floor reads each shard once, 1 MiB at a time, and computes the SHA-256 of the file and the CRC32C of all
of it. `verify` computes besides the SHA-256 of each image and takes every record apart.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from functools import partial
from pathlib import Path

import dataset
import google_crc32c
import measure

import annotools


def checksums(folder: Path) -> None:
    """SHA-256 and CRC32C of every shard, and nothing else."""
    for path in sorted(folder.glob("*.tfrecord")):
        digest, crc = hashlib.sha256(), 0
        with open(path, "rb", buffering=0) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                crc = google_crc32c.extend(crc, block)


def verify(folder: Path, **options: object) -> None:
    assert annotools.verify(folder, **options).ok  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source, output = Path(scratch, "voc"), Path(scratch, "out")
        dataset.make(source, arguments.files)
        annotools.convert(source, output, to="tfrecord", shards=4)
        size = sum(path.stat().st_size for path in output.glob("*.tfrecord"))
        competitors = {
            "SHA-256 and CRC32C of the files": partial(measure.function, partial(checksums, output)),
            "verify": partial(measure.function, partial(verify, output)),
            "verify --images decode": partial(measure.function, partial(verify, output, images="decode")),
            "verify --against": partial(measure.function, partial(verify, output, against=source)),
        }
        runs = measure.alternate(competitors, arguments.runs)
    floor = next(iter(runs.values()))
    rows = [
        [
            name,
            f"{size / 1e6 / measure.median(those, 'cpu'):.0f}",
            f"{1e6 * measure.median(those, 'cpu') / arguments.files:.0f}",
            f"{measure.median_ratio(those, floor):.2f}",
        ]
        for name, those in runs.items()
    ]
    print(f"{arguments.files} images, {size / 1e6:.0f} MB, one process\n")
    print(measure.table(["", "MB/s of CPU time", "us an image", "x the checksums"], rows))


if __name__ == "__main__":
    main()
