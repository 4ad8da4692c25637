"""`annotools stats` as a whole process, with and without image headers, with anchors.

python benchmarks/stats.py [--files 5000] [--runs 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dataset
from measure import Run, alternate, median, process, table, verdict

FLAGS = {
    "annotools stats": (),
    "annotools stats --images none": ("--images", "none"),
    "annotools stats --format json": ("--format", "json"),
    "annotools stats --anchors 9": ("--anchors", "9"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to keep the data set; default: a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = dataset.make((args.folder or Path(temporary)) / f"voc-{args.files}", args.files)
        command = [sys.executable, "-m", "annotools.cli", "stats", str(source)]

        def run(flags: tuple[str, ...]) -> Callable[[], Run]:
            return lambda: process([*command, *flags])

        runs = alternate({name: run(flags) for name, flags in FLAGS.items()}, args.runs)
    print(f"{args.files} files, {args.runs} runs each, medians")
    rows = []
    for name, own in runs.items():
        wall, cpu = median(own, "wall"), median(own, "cpu")
        peak = f"{median(own, 'peak') / 1e6:.0f}"
        rows.append([name, f"{wall:.2f}", f"{cpu:.2f}", peak, verdict(cpu, most=3.0)])
    print(table(["command", "wall s", "cpu s", "peak MB", "target, cpu s"], rows))


if __name__ == "__main__":
    main()
