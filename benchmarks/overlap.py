"""`annotools validate` and `convert` of one image with very many boxes of one class; CPU time.

    python benchmarks/overlap.py [--boxes 2500,10000,50000] [--runs 5] [--other PROGRAM]

Five ways to place boxes, all of them across each other, so that a sweep from left to right has to look at
every pair: "random"; "equal"; "nearly equal", where each pair is close; "one left edge"; and "disjoint
ranks", where none lies in another. `--other` is the annotools command of another version. Target: at most
1 s for 10,000 boxes at random.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from convert_tfrecord import annotools
from measure import Run, alternate, median, process, table, verdict

from annotools.formats import voc
from annotools.testing import make_annotation

KINDS = ("random", "equal", "nearly equal", "one left edge", "disjoint ranks")
SIDE = 4000


def boxes(kind: str, count: int) -> list[tuple[str, float, float, float, float]]:
    """Boxes inside an image of SIDE x SIDE pixels, all of one class."""
    dice = random.Random(count)
    found = []
    for number in range(count):
        x, y, w, h = (dice.uniform(*span) for span in ((0, 1500), (0, 1500), (200, 500), (200, 500)))
        if kind == "equal":
            x, y, w, h = 10, 10, 300, 300
        elif kind == "nearly equal":
            x, y, w, h = x / 1500, y / 1500, 1000, 1000
        elif kind == "one left edge":
            x = 0
        elif kind == "disjoint ranks":
            x, y, w, h = number / count * 1500, 1500 - number / count * 1500, 2000, 2000
        found.append(("cell", x, y, x + w, y + h))
    return found


def make(folder: Path, kind: str, count: int) -> Path:
    """A source with one annotation and a picture of SIDE x SIDE pixels."""
    import PIL.Image

    folder.mkdir(parents=True)
    PIL.Image.new("RGB", (SIDE, SIDE)).save(folder / "a.jpg")
    record = make_annotation(boxes(kind, count), width=SIDE, height=SIDE, filename="a.jpg")
    (folder / "a.xml").write_bytes(voc.to_xml(record))
    return folder


def validate(program: list[str], source: Path) -> Run:
    return process([*program, "validate", str(source), "--quiet", "--format", "json", "--workers", "1"])


def convert(program: list[str], source: Path) -> Run:
    output = source.with_name(f"{source.name}.out")
    try:
        command = ["convert", str(source), str(output), "--to", "tfrecord", "--quiet", "--workers", "1"]
        return process([*program, *command])
    finally:
        shutil.rmtree(output, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boxes", default="2500,10000,50000")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--other", metavar="PROGRAM")
    args = parser.parse_args()
    programs = {"": annotools()} | ({" (other)": [args.other]} if args.other else {})
    rows = []
    before: dict[str, tuple[int, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for count in map(int, args.boxes.split(",")):
            for kind in KINDS:
                source = make(Path(name) / f"{kind}-{count}", kind, count)
                competitors: dict[str, Callable[[], Run]] = {
                    f"{work.__name__}{which}": partial(work, program, source)
                    for work in (validate, convert)
                    for which, program in programs.items()
                }
                for which, runs in alternate(competitors, args.runs).items():
                    seconds = median(runs, "cpu")
                    aimed = count == 10_000 and kind == "random" and which in ("validate", "convert")
                    met = verdict(seconds, most=1) if aimed else ""
                    row = f"{which}, {kind}"
                    fewer, less = before.get(row, (count, seconds))
                    grown = f"{seconds / less:.1f} x for {count / fewer:g} x" if fewer != count else ""
                    before[row] = (count, seconds)
                    rows.append([row, f"{count:,}", f"{seconds:.2f}", grown, met])
    print(table(["boxes of one class in one image", "boxes", "CPU s", "growth", "target"], rows))
    print(f"\n{os.cpu_count()} processors, Python {sys.version.split()[0]}, medians of {args.runs}")


if __name__ == "__main__":
    main()
