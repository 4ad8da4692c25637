"""XML and images to TFRecord, whole processes, with one and two workers, beside what others have for it.

    python benchmarks/convert_peers.py --peers DIR [--files 20000] [--runs 3] [--folder DIR]

Targets: two workers at least 1.7 times as fast as one; with two workers at least 4 times as fast as a script
in the style of the TF Object Detection API (tfod_style.py), and at least 10 times as fast as the builder that
TensorFlow Datasets has for VOC (tfds_voc.py) and as Datumaro's TFRecord export (datumaro_export.py).
`python benchmarks/peers.py DIR datumaro tfds` makes DIR. The peers get a tenth of the files, because they
take minutes otherwise; what counts is the time for a file.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dataset
from convert_tfrecord import annotools, remove
from measure import Run, alternate, median, median_ratio, process, table, verdict
from peers import installed, python_of

HERE = Path(__file__).parent
SHARE = 10  # the peers' part of the files


def competitors(files: int, work: Path, peers: Path | None) -> dict[str, Callable[[], Run]]:
    """Each returns its run with the seconds for one file."""
    large = dataset.make(work / f"voc-{files}", files)
    small = dataset.make(work / f"voc-{files // SHARE}", files // SHARE)
    output = work / "output"

    def run(command: list[str], count: int) -> Run:
        remove(output)
        done = process(command)
        return replace(done, wall=done.wall / count, cpu=done.cpu / count)

    def ours(workers: int) -> Run:
        command = annotools("convert", str(large), str(output), "--to", "tfrecord", "--quiet")
        command += ["--workers", str(workers), "--classes", str(large / "classes.txt")]
        return run(command, files)

    found: dict[str, Callable[[], Run]] = {
        "annotools, 1 worker": lambda: ours(1),
        "annotools, 2 workers": lambda: ours(2),
        "TFOD style": lambda: run(
            [sys.executable, str(HERE / "tfod_style.py"), str(large), str(output)], files
        ),
    }
    scripts = {"tfds": "tfds_voc.py", "datumaro": "datumaro_export.py"}
    for name in installed(peers) if peers else ():
        if name in scripts:
            command = [str(python_of(peers, name)), str(HERE / scripts[name]), str(small), str(output)]  # type: ignore[arg-type]
            found[name] = lambda command=command: run(command, files // SHARE)  # type: ignore[misc]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data; default: a new one")
    parser.add_argument("--peers", type=Path, help="where peers.py has installed them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        runs = alternate(competitors(args.files, work, args.peers), args.runs)
        remove(work / "output")
        shutil.rmtree(work / "output", ignore_errors=True)
    one, two = runs["annotools, 1 worker"], runs["annotools, 2 workers"]
    targets = {"annotools, 1 worker": 1.7, "TFOD style": 4.0, "tfds": 10.0, "datumaro": 10.0}
    rows = []
    for name, theirs in runs.items():
        ratio = median_ratio(theirs, two, "wall")
        least = targets.get(name)
        rows.append(
            [
                name,
                *(f"{median(theirs, field) * 1e6:.0f}" for field in ("wall", "cpu")),
                f"{ratio:.2f}",
                "" if least is None else verdict(ratio, least=least),
            ]
        )
    print(f"{args.files} files (peers: {args.files // SHARE}), {args.runs} runs each, medians.")
    print(f"One worker against two: {median_ratio(one, two, 'wall'):.2f}. Ratios: theirs / two workers.")
    print(table(["whole process", "wall us/file", "cpu us/file", "wall ratio", "target"], rows))


if __name__ == "__main__":
    main()
