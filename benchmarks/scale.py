"""What a conversion costs as it grows: time and memory of planning, converting, repeating and verifying.

    python benchmarks/scale.py [--sizes 1000,10000,100000] [--folder DIR] [--workers 2] [--runs 3]

The annotations are those of dataset.py, all different; the images are small (4 kB) and shared, so that a
million of them fit on a disk. For each step the table shows seconds, microseconds for an image, and the peak
memory of the largest process; below it the line a + b * n that fits the seconds best (least squares of the
relative errors). `--sizes 1000,10000,100000,1000000` takes about an hour and 12 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dataset
from convert_tfrecord import annotools
from measure import Run, median, process, table

PLAN = """
import sys, tempfile
from pathlib import Path
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, make_options
from annotools.conversion.plan import make_plan
from annotools.sources.source import open_source
source, classes = sys.argv[1:]
options = make_options(ConvertOptions(to="tfrecord"), ClassMap.from_file(classes))
with tempfile.TemporaryDirectory() as folder:
    make_plan(open_source(source), options, Path(folder))
"""


def steps(source: Path, output: Path, workers: int) -> dict[str, list[str]]:
    convert = annotools("convert", str(source), str(output), "--to", "tfrecord", "--quiet")
    convert += ["--workers", str(workers), "--classes", str(source / "classes.txt")]
    return {
        "plan": [sys.executable, "-c", PLAN, str(source), str(source / "classes.txt")],
        "convert": convert,
        "the same again": convert,
        "verify": annotools("verify", str(output)),
    }


def fit(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """(a, b) of seconds = a + b * n with the smallest sum of squared relative errors."""
    weights = [1 / s**2 for s in seconds]
    total = sum(weights)
    mean_n = sum(w * n for w, n in zip(weights, sizes, strict=True)) / total
    mean_s = sum(w * s for w, s in zip(weights, seconds, strict=True)) / total
    rows = list(zip(weights, sizes, seconds, strict=True))
    slope = sum(w * (n - mean_n) * (s - mean_s) for w, n, s in rows) / sum(
        w * (n - mean_n) ** 2 for w, n, _ in rows
    )
    return mean_s - slope * mean_n, slope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="of each step up to 100,000 images, else 1")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data; default: a new one")
    args = parser.parse_args()
    sizes = [int(size) for size in args.sizes.split(",")]
    found: dict[str, list[float]] = {}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        for size in sizes:
            # a file has at most some 65,000 hard links
            source = dataset.make(work / f"scale-{size}", size, distinct=max(32, size // 30_000), kilobytes=4)
            output = work / "output"
            runs: dict[str, list[Run]] = {}
            for _ in range(args.runs if size <= 100_000 else 1):
                shutil.rmtree(output, ignore_errors=True)
                for name, command in steps(source, output, args.workers).items():
                    runs.setdefault(name, []).append(process(command))
            shards = json.loads((output / "manifest.json").read_bytes())["splits"]["train"]["shards"]
            for name, done in runs.items():
                wall, peak = median(done, "wall"), median(done, "peak")
                found.setdefault(name, []).append(wall)
                rows.append(
                    [
                        *(name, f"{size:,}", f"{len(shards)}", f"{wall:.2f}", f"{wall / size * 1e6:.0f}"),
                        *(f"{median(done, 'cpu') / size * 1e6:.0f}", f"{peak / 1e6:.0f}"),
                    ]
                )
            shutil.rmtree(output)
    rows.sort(key=lambda row: list(found).index(row[0]))
    print(f"{args.workers} workers, medians")
    print(table(["step", "images", "shards", "wall s", "us/image", "cpu us/image", "peak MB"], rows))
    if len(sizes) > 1:
        for name, seconds in found.items():
            start, slope = fit(sizes, seconds)
            print(f"{name}: {start:.2f} s + {slope * 1e6:.1f} us * images")


if __name__ == "__main__":
    main()
