"""XML and images to training data, whole processes: annotools, copying the bytes, and what others do.

    python benchmarks/convert_tfrecord.py [--peers DIR] [--files 1000,5000] [--runs 5] [--folder DIR]

Everybody gets the same files, no two pictures alike, in the page cache. Each program runs with the smaller
and with the larger number of files: the total at the larger one is what a user waits for, the slope between
the two is what one more image costs, without imports. A program with two processes is compared with annotools
with two. `python benchmarks/peers.py DIR` makes DIR; the script in the style of the TF Object Detection API
(tfod_style.py) needs the extra `tensorflow`. What a peer does not do stands beside its figures; annotools
checks every image header and every box, counts what it leaves out, keeps a journal and syncs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dataset
from measure import Run, alternate, median, median_ratio, slopes, table, together, verdict
from peers import installed, python_of

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """commands: of the processes that run at a time, with SOURCE and OUTPUT; lacks: what it does not do."""

    commands: Sequence[Sequence[str]]
    lacks: str = ""
    embeds: bool = True


def annotools(*arguments: str) -> list[str]:
    """The command as pip installs it, for the interpreter that runs this script."""
    return [str(Path(sys.executable).with_name("annotools")), *arguments]


def remove(output: Path) -> None:
    """A folder of shards, or a single file."""
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)


EMBEDDING = {
    "tfrecord": "checks nothing; size from <size>",
    "webdataset": "checks nothing; a tar of JPEG and JSON",
    "array_record": "checks nothing; pickled dicts",
    "parquet": "checks nothing; rows as HF datasets has them",
}


def programs(peers: Path | None, *, with_tensorflow: bool) -> Iterator[tuple[str, Program]]:
    def ours(workers: int) -> Program:
        convert = annotools("convert", "SOURCE", "OUTPUT", "--to", "tfrecord", "--quiet")
        return Program([[*convert, "--workers", str(workers), "--classes", "SOURCE/classes.txt"]])

    yield "annotools", ours(1)
    yield "annotools, two processes", ours(2)
    yield (
        "copy",
        Program([[sys.executable, str(HERE / "copy_floor.py"), "SOURCE", "OUTPUT"]], "parses nothing"),
    )
    if with_tensorflow:
        tfod, lacks = [sys.executable, str(HERE / "tfod_style.py"), "SOURCE"], "checks nothing"
        yield "TFOD style", Program([[*tfod, "OUTPUT"]], lacks)
        halves = [[*tfod, f"OUTPUT-{part}", str(part), "2"] for part in range(2)]
        yield "TFOD style, two processes", Program(halves, lacks)
    for name in installed(peers) if peers else ():
        assert peers is not None
        python = python_of(peers, name)
        if name in EMBEDDING:
            command = [str(python), str(HERE / "embed_pixels.py"), name, "SOURCE", "OUTPUT"]
            yield name, Program([command], EMBEDDING[name])
        elif name == "tfds":
            yield (
                "TFDS",
                Program([[str(python), str(HERE / "tfds_voc.py"), "SOURCE", "OUTPUT"]], "checks no box"),
            )
        elif name == "datumaro":
            command = [str(python), str(HERE / "datumaro_export.py"), "SOURCE", "OUTPUT"]
            yield "Datumaro", Program([command], "no ledger, one file a split")
        elif name == "panlabel":
            words = [
                "convert",
                "--from",
                "voc",
                "--to",
                "tfrecord",
                "--input",
                "SOURCE",
                "--output",
                "OUTPUT",
            ]
            lossy = [str(python.with_name("panlabel")), *words, "--allow-lossy"]
            yield (
                "panlabel",
                Program([lossy], "writes no pixels; drops pose, truncated, occluded", embeds=False),
            )


def run(program: Program, source: Path, output: Path) -> Run:
    for one in output.parent.glob(f"{output.name}*"):
        remove(one)
    done = together(
        [
            [word.replace("SOURCE", str(source)).replace("OUTPUT", str(output)) for word in command]
            for command in program.commands
        ]
    )
    for one in output.parent.glob(f"{output.name}*"):
        remove(one)
    return done


def target(name: str, total: float, slope: float) -> str:
    match name:
        case "copy":
            return "slope " + verdict(1 / slope, most=3.4)
        case "TFOD style":
            return f"total {verdict(total, least=5)}, slope {verdict(slope, least=1.8)}"
        case _ if name in EMBEDDING:
            return "slope " + verdict(1 / slope, most=1.05)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", default="1000,5000", help="a smaller and a larger number")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where to work, and to keep the data set; default: a new one"
    )
    parser.add_argument("--peers", type=Path, help="where peers.py has installed them")
    parser.add_argument("--no-tensorflow", action="store_true", help="leave the TF script out")
    parser.add_argument("--only", nargs="*", help="names of programs, beside annotools")
    args = parser.parse_args()
    few, many = (int(size) for size in args.files.split(","))
    found = dict(programs(args.peers, with_tensorflow=not args.no_tensorflow))
    if args.only is not None:
        found = {
            name: one for name, one in found.items() if name in args.only or name.startswith("annotools")
        }
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        sources = {size: dataset.set_apart(dataset.make(work / f"own-{size}", size)) for size in (few, many)}
        competitors: dict[str, Callable[[], Run]] = {
            f"{size} {name}": partial(run, program, sources[size], work / "output")
            for name, program in found.items()
            for size in sources
        }
        runs = alternate(competitors, args.runs)
    rows = []
    per_image = {name: slopes(runs[f"{few} {name}"], runs[f"{many} {name}"], many - few) for name in found}
    for name, program in found.items():
        total, theirs = runs[f"{many} {name}"], per_image[name]
        base = "annotools, two processes" if "two processes" in name else "annotools"
        ratios = [
            median_ratio(total, runs[f"{many} {base}"]),
            median_ratio(theirs, per_image[base]),
            median_ratio(total, runs[f"{many} {base}"], "wall"),
        ]
        shown = ["", "", ""] if name == base else [f"{ratio:.2f}" for ratio in ratios]
        figures = [f"{median(total, 'cpu') / many * 1e6:.0f}", f"{median(theirs, 'cpu') * 1e6:.0f}", *shown]
        aim = target(name, *ratios[:2]) if name != base else ""
        rows.append([name, *figures, aim, program.lacks])
    one, two = (runs[f"{many} annotools{more}"] for more in ("", ", two processes"))
    print(f"{few} and {many} images of 44 kB, {args.runs} runs each, medians; ratios: theirs / annotools.")
    gain = median_ratio(one, two, "wall")
    print(
        f"By the clock annotools is {gain:.2f} times as fast with two processes as with one: "
        f"{verdict(gain, least=1.7)}."
    )
    header = [
        f"whole process, {many} images",
        "CPU us an image",
        "slope, CPU us",
        "total, times",
        "slope, times",
    ]
    print()
    print(table([*header, "by the clock", "target", "what it does not do"], rows))


if __name__ == "__main__":
    main()
