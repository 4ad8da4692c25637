"""`annotools validate` against the Rust tool panlabel, and what looking at the images adds; whole processes.

    python benchmarks/validate.py [--files 5000] [--runs 7] [--panlabel PROGRAM] [--memory 5000,100000]

Both read the same XML; annotools runs 50 rules and knows lines, panlabel checks ids, order and bounds of
the boxes. Targets, CPU time: `--images none` with one worker at most 1.9 times panlabel; `--images header` at
most 2 times `--images none`; memory that does not grow with the files, beyond the list of their names.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import dataset
from convert_tfrecord import annotools
from measure import Run, alternate, median, median_ratio, process, table, verdict

PANLABEL = "panlabel validate: ids, order, bounds; no lines"


def validate(source: Path, images: str, workers: int) -> Run:
    words = ("--images", images, "--workers", str(workers), "--quiet", "--format", "json")
    return process(annotools("validate", str(source), *words))


def speed(work: Path, files: int, runs: int, panlabel: str | None) -> str:
    source = dataset.set_apart(dataset.make(work / f"voc-{files}", files))
    competitors: dict[str, Callable[[], Run]] = {
        f"annotools --images {images} --workers {workers}": partial(validate, source, images, workers)
        for images in ("none", "header")
        for workers in (1, 2)
    }
    if panlabel is not None:
        competitors[PANLABEL] = partial(process, [panlabel, "validate", "--format", "voc", str(source)])
    measured = alternate(competitors, runs)
    rows = []
    for name, found in measured.items():
        base = PANLABEL if "none" in name else name.replace("header", "none")
        row = [name, *(f"{median(found, field):.3f}" for field in ("wall", "cpu"))]
        if base in measured and base != name:
            ratios = [median_ratio(found, measured[base], field) for field in ("wall", "cpu")]
            most = 2.0 if "header" in name else 1.9 if "workers 1" in name else None
            target = verdict(ratios[1], most=most)
            rows.append([*row, *(f"{ratio:.2f}" for ratio in ratios), base, target])
        else:
            rows.append([*row, "", "", "", ""])
    header = [
        f"{files} files, {runs} runs, medians",
        "wall s",
        "CPU s",
        "wall ratio",
        "CPU ratio",
        "to",
        "target",
    ]
    return table(header, rows)


LISTING = "import sys; from annotools.sources.source import open_source; len(open_source(sys.argv[1]))"


def small_images(folder: Path, size: int) -> Path:
    return dataset.set_apart(dataset.make(folder, size, kilobytes=4, size=(120, 90)))


def memory(work: Path, sizes: list[int]) -> str:
    listing, whole = [], []
    for size in sizes:
        # in another process: the peak of a child starts at what its parent holds
        with ProcessPoolExecutor(1) as apart:
            source = apart.submit(small_images, work / f"small-{size}", size).result()
        listing.append(process([sys.executable, "-c", LISTING, str(source)]).peak)
        whole.append(validate(source, "header", 1).peak)
    rows = []
    for name, peaks in (("listing the source", listing), ("annotools validate", whole)):
        each = (peaks[-1] - peaks[0]) / max(1, sizes[-1] - sizes[0])
        # Names must be listed to be paired. Beyond that, 16 bytes a file: a hash, and the splits of the file.
        beyond = each - (listing[-1] - listing[0]) / max(1, sizes[-1] - sizes[0])
        target = "" if peaks is listing else verdict(beyond, most=50)
        rows.append([name, *(f"{peak / 1e6:.0f}" for peak in peaks), f"{each:.0f}", f"{beyond:.0f}", target])
    header = [
        "peak memory, MB",
        *(f"{size:,} files" for size in sizes),
        "bytes/file",
        "beyond listing",
        "target",
    ]
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data; default: a new one")
    parser.add_argument("--panlabel", default=shutil.which("panlabel"), help="default: the one on the PATH")
    parser.add_argument("--memory", default="", metavar="SIZES", help="also compare memory, e.g. 5000,100000")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        print(speed(work, args.files, args.runs, args.panlabel))
        if args.memory:
            print()
            print(memory(work, [int(size) for size in args.memory.split(",")]))


if __name__ == "__main__":
    main()
