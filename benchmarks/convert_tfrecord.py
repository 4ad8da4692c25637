"""XML and images to TFRecord, whole processes: annotools, the mere copying of the bytes, the TF way.

    python benchmarks/convert_tfrecord.py [--files 5000] [--runs 5] [--folder DIR]

Targets: at most 2.0 times the copy (benchmarks/copy_floor.py), and at least 3 times as fast as a script in
the style of the TF Object Detection API (benchmarks/tfod_style.py; needs the extra `tensorflow`). annotools
converts with one process; besides writing it checks every image header and every box, and counts everything.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dataset
from measure import Run, alternate, median, median_ratio, process, table, verdict

HERE = Path(__file__).parent


def annotools(*arguments: str) -> list[str]:
    """The command as pip installs it, for the interpreter that runs this script."""
    return [str(Path(sys.executable).with_name("annotools")), *arguments]


def remove(output: Path) -> None:
    """A folder of shards, or the single file that the other scripts write."""
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)


def competitors(source: Path, work: Path, *, with_tensorflow: bool) -> dict[str, Callable[[], Run]]:
    def run(*command: str) -> Run:
        output = work / "output"
        remove(output)
        return process([part.replace("OUTPUT", str(output)) for part in command])

    convert = annotools("convert", str(source), "OUTPUT", "--to", "tfrecord", "--workers", "1", "--quiet")
    convert += ["--classes", str(source / "classes.txt")]
    scripts = {
        "annotools": convert,
        "copy": [sys.executable, str(HERE / "copy_floor.py"), str(source), "OUTPUT"],
    }
    if with_tensorflow:
        scripts["TFOD style"] = [sys.executable, str(HERE / "tfod_style.py"), str(source), "OUTPUT"]
    return {name: lambda command=command: run(*command) for name, command in scripts.items()}  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where to work, and to keep the data set; default: a new one"
    )
    parser.add_argument("--no-tensorflow", action="store_true", help="leave the TF script out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        source = dataset.make(work / f"voc-{args.files}", args.files)
        runs = alternate(competitors(source, work, with_tensorflow=not args.no_tensorflow), args.runs)
        remove(work / "output")
    ours = runs["annotools"]
    rows = []
    for name, theirs in runs.items():
        per_file = [f"{median(theirs, field) / args.files * 1e6:.0f}" for field in ("wall", "cpu")]
        ratios = [median_ratio(theirs, ours, field) for field in ("wall", "cpu")]
        target = ""
        if name == "copy":
            ratios = [1 / ratio for ratio in ratios]
            target = verdict(ratios[0], most=2.0)
        elif name == "TFOD style":
            target = verdict(ratios[0], least=3.0)
        shown = [f"{ratio:.2f}" for ratio in ratios] if name != "annotools" else ["", ""]
        rows.append([name, f"{median(theirs, 'wall'):.2f}", *per_file, *shown, target])
    print(
        f"{args.files} images, {args.runs} runs each, medians. "
        "Ratios: annotools / copy, TFOD style / annotools."
    )
    print(
        table(
            ["whole process", "wall s", "wall us/file", "cpu us/file", "wall ratio", "cpu ratio", "target"],
            rows,
        )
    )


if __name__ == "__main__":
    main()
