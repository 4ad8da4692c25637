"""The loader beside decoding alone, Albumentations and Keras' layers: throughput, first batch, memory.

    python benchmarks/loader.py [--peers DIR] [--size 375x500 1080x1920] [--rounds 3] [--images 1024]
    python benchmarks/loader.py --memory 1000 10000 50000

Each pipeline (loader_pipelines.py) runs in a process of its own, peers in the environment that
`python benchmarks/peers.py DIR loader` makes. They take turns; ratios are taken within a round, and medians
shown.
Pictures are synthetic with the spectrum of photographs, JPEG quality 90, two boxes each, in one shard that
`annotools convert` wrote. "Decode only" reads that shard from front to end, decodes each picture whole and
delivers a corner of it, 300x300: nothing is shuffled, resampled or planned.

--memory shows the peak of one epoch over data sets of so many small pictures, at a quarter and at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure
import numpy as np
from augment import photograph
from peers import python_of

import annotools
from annotools.formats import tfrecord
from annotools.records import Example

PIPELINES = Path(__file__).with_name("loader_pipelines.py")
OURS = ("decode only", "annotools, resize", "annotools, geometry", "annotools, ssd()")
PEERS = ("albumentations in numpy_function", "albumentations, two processes", "keras layers")
TARGETS = {
    ("375x500", "annotools, geometry"): 0.82,
    ("375x500", "annotools, ssd()"): 0.72,
    ("375x500", PEERS[0]): 2.0,
    ("375x500", PEERS[1]): 2.4,
    ("375x500", PEERS[2]): 7.0,
    ("1080x1920", PEERS[0]): 2.5,
    ("1080x1920", PEERS[1]): 2.5,
    ("1080x1920", PEERS[2]): 4.0,
}
FILES = 16  # different pictures; the rest are copies under other names


def convert_shard(folder: Path, height: int, width: int, records: int) -> Path:
    """The shard of a converted VOC folder of `records` pictures."""
    source = folder / "voc"
    source.mkdir()
    pictures = [photograph(height, width, seed) for seed in range(FILES)]
    draw = np.random.default_rng(0)
    for number in range(records):
        corners = np.sort(draw.integers(1, [width, height], (2, 2, 2)), 1)
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{a - 1}</xmin><ymin>{b - 1}</ymin><xmax>{c}</xmax>"
            f"<ymax>{d}</ymax></bndbox></object>"
            for name, ((a, b), (c, d)) in zip("ab", corners, strict=True)
        )
        (source / f"{number:05}.jpg").write_bytes(pictures[number % FILES])
        (source / f"{number:05}.xml").write_text(
            f"<annotation><filename>{number:05}.jpg</filename><size><width>{width}</width>"
            f"<height>{height}</height><depth>3</depth></size>{objects}</annotation>"
        )
    annotools.convert(source, folder / "out", to="tfrecord", shards=1)
    return folder / "out" / tfrecord.shard_name("train", 0, 1)


def write_shard(folder: Path, height: int, width: int, records: int) -> Path:
    """A shard of `records` pictures without manifest and index, as others write them."""
    pictures = [photograph(height, width, seed) for seed in range(FILES)]
    draw = np.random.default_rng(0)

    def examples() -> list[Example]:
        found = []
        for number in range(records):
            corners = np.sort(draw.uniform(0.05, 0.95, (2, 2, 2)), 1) * [width, height]
            boxes = tuple((float(a), float(b), float(c), float(d)) for (a, b), (c, d) in corners)
            found.append(
                Example(
                    f"{number}", f"{number}.jpg", f"{number}.jpg", width, height, "jpeg",
                    encoded=pictures[number % FILES], boxes=boxes, labels=(1, 2), names=("a", "b"),
                    poses=("", ""), truncated=(0, 0), difficult=(0, 0), occluded=(0, 0),
                )
            )  # fmt: skip
        return found

    tfrecord.write(examples(), folder, split="train", shards=1)
    return folder / tfrecord.shard_name("train", 0, 1)


def run(python: Path | str, name: str, shard: Path, images: int) -> dict[str, Any]:
    done = subprocess.run(
        [str(python), str(PIPELINES), name, str(shard), str(images)], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{name}: exit {done.returncode}\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def memory(sizes: list[int]) -> None:
    print(f"{'images':>8}{'after a quarter, MB':>22}{'at the end, MB':>17}")
    for images in sizes:
        with tempfile.TemporaryDirectory() as folder:
            shard = write_shard(Path(folder), 64, 48, images)
            report = run(sys.executable, "annotools, one epoch", shard, images)
        early = report["peak_mb"] - report["growth_mb"]
        print(f"{images:8}{early:22.0f}{report['peak_mb']:17.0f}")


def compare(
    shard: Path, interpreters: dict[str, Path | str], rounds: int, images: int
) -> dict[str, list[dict[str, Any]]]:
    names = list(interpreters)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            runs[name].append(run(interpreters[name], name, shard, images))
    return runs


def table(size: str, runs: dict[str, list[dict[str, Any]]]) -> str:
    def median(name: str, key: str) -> float:
        return float(statistics.median(run[key] for run in runs[name]))

    def ratio(name: str, other: str, key: str) -> float:
        pairs = zip(runs[name], runs[other], strict=True)
        return float(statistics.median(one[key] / two[key] for one, two in pairs))

    rows = []
    for name in runs:
        first = runs[name][0]["first_batch_s"]
        cells = [f"{median(name, 'rate'):.0f}", f"{median(name, 'cpu_ms'):.2f}"]
        cells += [f"{ratio(name, 'decode only', 'rate'):.2f}"]
        cells += [f"{1 / ratio(name, 'decode only', 'cpu_ms'):.2f}", f"{median(name, 'peak_mb'):.0f}"]
        cells += [f"{median(name, 'first_batch_s'):.2f}" if first is not None else ""]
        speed = 1 / ratio(name, "decode only", "cpu_ms")
        if name in PEERS:
            wall = ratio("annotools, ssd()", name, "rate")
            speed = 1 / ratio("annotools, ssd()", name, "cpu_ms")
            cells += [f"{wall:.2f}", f"{speed:.2f}"]
        else:
            cells += ["", ""]
        least = TARGETS.get((size, name))
        rows.append([name, *cells, "" if least is None else measure.verdict(speed, least=least)])
    header = ["img/s", "CPU ms", "of decoding alone", "by CPU", "peak MB", "first batch s"]
    faster = f"ssd() as fast, times, {size}"
    return measure.table([size, *header, faster, f"{faster}, by CPU", "target"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments; without it, only ours")
    parser.add_argument("--size", nargs="*", default=["375x500", "1080x1920"], help="height x width")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--images", type=int, default=1024, help="pictures of one run at 375x500; fewer if larger"
    )
    parser.add_argument("--only", nargs="*", help="names of pipelines, beside decode only")
    parser.add_argument("--memory", nargs="+", type=int, metavar="IMAGES", help="nothing but this")
    options = parser.parse_args()
    if options.memory:
        memory(options.memory)
        return
    interpreters: dict[str, Path | str] = dict.fromkeys(OURS, sys.executable)
    if options.peers is not None:
        interpreters |= dict.fromkeys(PEERS, python_of(options.peers, "loader"))
    if options.only is not None:
        interpreters = {n: p for n, p in interpreters.items() if n == "decode only" or n in options.only}
    for size in options.size:
        height, width = (int(side) for side in size.split("x"))
        images = max(128, options.images * 375 * 500 // (height * width))
        with tempfile.TemporaryDirectory() as folder:
            shard = convert_shard(Path(folder), height, width, 512 if height < 1000 else 128)
            runs = compare(shard, interpreters, options.rounds, images)
            print(f"\n{images} pictures a run, {options.rounds} rounds; targets are for CPU time")
            print(table(size, runs))


if __name__ == "__main__":
    main()
