"""Peak memory of `annotools convert` at growing numbers of images.

    python benchmarks/memory.py [--files 1000,10000,50000] [--to tfrecord,pickle,ssd-pickle] [--folder DIR]

The peak is the resident set that the operating system reports for the process (ru_maxrss). The last column is
what one more image adds to it, in bytes, from the smallest to the largest set. Target: flat, that is at most
1.1 times from the smallest to the largest. 50,000 images make a TFRecord of 2.2 GB; it is deleted at once.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import dataset
from convert_tfrecord import annotools, remove
from measure import Run, process, table, verdict


def peak(source: Path, output: Path, to: str) -> Run:
    """One conversion in one process, the output removed before and after."""
    remove(output)
    command = annotools("convert", str(source), str(output), "--to", to, "--workers", "1", "--quiet")
    run = process([*command, "--classes", str(source / "classes.txt")])
    remove(output)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", default="1000,10000,50000", help="sizes, with commas between them")
    parser.add_argument(
        "--to", default="tfrecord,pickle,ssd-pickle", help="formats, with commas between them"
    )
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data sets")
    args = parser.parse_args()
    sizes = [int(size) for size in args.files.split(",")]
    formats: list[str] = args.to.split(",")
    peaks: dict[str, list[int]] = {to: [] for to in formats}
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        for size in sizes:
            source = dataset.make(work / f"voc-{size}", size)
            for to in formats:
                peaks[to].append(peak(source, work / "output", to).peak)
    rows = []
    for to, found in peaks.items():
        each = (found[-1] - found[0]) / max(1, sizes[-1] - sizes[0])
        megabytes = [f"{value / 1e6:.0f}" for value in found]
        rows.append([to, *megabytes, f"{each:.0f}", verdict(found[-1] / found[0], most=1.1)])
    print("peak resident memory in MB")
    print(table(["--to", *(f"{size:,} images" for size in sizes), "bytes/image", "target"], rows))


if __name__ == "__main__":
    main()
