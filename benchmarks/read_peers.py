"""VOC XML to records: annotools and its peers, each in its own environment, in turn.

    python benchmarks/peers.py /tmp/peers
    python benchmarks/read_peers.py --peers /tmp/peers [--files 5000] [--runs 5] [--folder DIR]

Targets: 4 times globox, 4 times pylabel, 20 times supervision, per file, imports not counted. globox and
pylabel read a folder of XML, and are compared with `annotools, XML only`, which does that; supervision looks
for the images and decodes them, and is compared with `annotools`, which is `annotools.read` and pairs every
XML with its image. panlabel is a program in
Rust without a Python interface: its `validate` is timed as a whole process, for orientation. Every reader
must find the same number of objects, or the comparison ends.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dataset
from measure import Run, alternate, median, median_ratio, process, table, verdict
from peers import installed, python_of

READER = Path(__file__).with_name("peer_readers.py")
OURS = ("annotools", "annotools, XML only")
TARGETS = {"globox": 4.0, "pylabel": 4.0, "supervision": 20.0}
ELSE = {
    "annotools": "lists, pairs each XML with its image",
    "supervision": "lists, and decodes every JPEG with OpenCV: most of its time",
    "panlabel": "a whole process in Rust; checks ids, order, bounds",
}
BESIDE = {"globox": OURS[1], "pylabel": OURS[1]}


def reader(python: Path, package: str, source: Path, objects: dict[str, int]) -> Callable[[], Run]:
    def run() -> Run:
        done = subprocess.run([python, READER, package, source], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{package}: {done.stderr}")
        result = json.loads(done.stdout)
        objects[package] = result["objects"]
        return Run(result["wall"], result["cpu"])

    return run


def panlabel(python: Path, source: Path) -> Callable[[], Run]:
    command = [str(python.with_name("panlabel")), "validate", "--format", "voc", str(source)]
    return lambda: process(command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", type=Path, help="the folder that benchmarks/peers.py filled")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to keep the data set; default: a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = dataset.make((args.folder or Path(temporary)) / f"voc-{args.files}", args.files)
        objects: dict[str, int] = {}
        competitors = {name: reader(Path(sys.executable), name, source, objects) for name in OURS}
        for name in installed(args.peers) if args.peers else []:
            if name not in (*TARGETS, "panlabel"):
                continue  # installed for another benchmark
            python = python_of(args.peers, name)
            competitors[name] = (
                panlabel(python, source) if name == "panlabel" else reader(python, name, source, objects)
            )
        runs = alternate(competitors, args.runs)
    if len(set(objects.values())) > 1:
        sys.exit(f"the readers do not agree on the number of objects: {objects}")
    rows = []
    for name, theirs in runs.items():
        beside = BESIDE.get(name, OURS[0])
        ratio = median_ratio(theirs, runs[beside])
        target = verdict(ratio, least=TARGETS[name]) if name in TARGETS else ""
        per_file = [f"{median(theirs, field) / args.files * 1e6:.1f}" for field in ("wall", "cpu")]
        rows.append([name, *per_file, f"{ratio:.1f}", beside, target, ELSE.get(name, "")])
    print(f"{args.files} files, {objects['annotools']} objects, {args.runs} runs each, medians")
    print(
        table(
            ["reader", "wall us/file", "cpu us/file", "cpu, times", "that of", "target", "what else it does"],
            rows,
        )
    )


if __name__ == "__main__":
    main()
