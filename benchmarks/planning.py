"""What listing a source and planning its conversion cost, from a thousand to a million annotations.

    python benchmarks/planning.py [--sizes 1000,10000,100000,1000000] [--names voc,roboflow] [--folder DIR]

Only names and sizes are looked at, so all annotations are one file, and all images another, under many names
(hard links): `000001.xml` in the folders of VOC, or the long names of Roboflow in one. A million of each need
some 250 MB for the names, and for the runs as much again in TMPDIR. Time is that of the whole process, less
the start of one with hardly anything to list; memory is the peak of the whole process, all its imports
included.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Run, alternate, median, process, table, verdict

PLAN = """
import sys, tempfile
from pathlib import Path
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, make_options
from annotools.conversion.plan import make_plan
from annotools.sources.source import open_source
options = make_options(ConvertOptions(to="tfrecord"), ClassMap.from_names(["thing"]))
with tempfile.TemporaryDirectory() as folder:
    make_plan(open_source(sys.argv[1]), options, Path(folder))
"""
NAMES_OF_ONE_FILE = 30_000
"""ext4 allows 65,000."""


def voc(number: int) -> tuple[str, str]:
    return f"Annotations/{number:06}.xml", f"JPEGImages/{number:06}.jpg"


def roboflow(number: int) -> tuple[str, str]:
    tag = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    stem = f"train/IMG_20240131_{number:08}_jpg.rf.{tag}"
    return f"{stem}.xml", f"{stem}.jpg"


STYLES: dict[str, Callable[[int], tuple[str, str]]] = {"voc": voc, "roboflow": roboflow}


def make(folder: Path, size: int, style: str) -> Path:
    """A source of `size` annotations and images, if it is not there yet."""
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}-unfinished")
        contents = b"<annotation><filename/></annotation>", bytes(1000)
        for name in STYLES[style](0):
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
        firsts: list[str] = []
        for number in range(size):
            paths = [f"{unfinished}/{name}" for name in STYLES[style](number)]
            if number % NAMES_OF_ONE_FILE == 0:
                firsts = paths
            for first, path, content in zip(firsts, paths, contents, strict=True):
                if number % NAMES_OF_ONE_FILE == 0:
                    Path(path).write_bytes(content)
                else:
                    os.link(first, path)
        unfinished.rename(folder)
    return folder


def planning(source: Path) -> Callable[[], Run]:
    return lambda: process([sys.executable, "-c", PLAN, str(source)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000", help="with commas between them")
    parser.add_argument("--names", default="voc,roboflow", help="styles, with commas between them")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data; default: a new one")
    parser.add_argument("--runs", type=int, default=3, help="of each size up to 100,000, else 1")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        for style in args.names.split(","):
            start = planning(make(work / f"{style}-1", 1, style))
            for size in map(int, args.sizes.split(",")):
                plan = planning(make(work / f"{style}-{size}", size, style))
                runs = alternate({"start": start, "plan": plan}, args.runs if size <= 100_000 else 1)
                wall, cpu = (
                    (median(runs["plan"], field) - median(runs["start"], field)) / size * 1e6
                    for field in ("wall", "cpu")
                )
                peak = median(runs["plan"], "peak") / 1e6
                large = size >= 100_000  # where the start does not count any more
                rows.append(
                    [
                        *(style, f"{size:,}", f"{wall:.1f}", f"{cpu:.1f}"),
                        verdict(cpu, most=15) if large else "",
                        *(f"{peak:.0f}", verdict(peak, most=60)),
                    ]
                )
    header = ["names", "annotations", "us each", "cpu us each", "target", "peak MB", "target"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
