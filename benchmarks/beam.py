"""What `--runner beam` costs over the local run: the same shards, two processes each, whole processes.

    python benchmarks/beam.py [--files 1000 20000] [--runs 3] [--folder DIR]

Target: at most 2 times the wall time of the local run for 20,000 images. For few images the start of Beam is
all that there is to see: it is imported by the main process and by each worker. Needs the extra `beam`.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import dataset
from measure import Run, alternate, median, median_ratio, process, table, verdict

LARGE = 20_000
SHARDS = 16

# FnApiRunner is what Beam's DirectRunner comes down to, if Prism, which it would download, is not there.
BEAM = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


def compare(source: Path, work: Path, runs: int) -> dict[str, list[Run]]:
    outputs = {name: work / f"output-{name}" for name in ("local", "beam")}

    def run(name: str, *flags: str) -> Run:
        shutil.rmtree(outputs[name], ignore_errors=True)
        command = [
            str(Path(sys.executable).with_name("annotools")),
            "convert",
            str(source),
            str(outputs[name]),
        ]
        command += ["--to", "tfrecord", "--shards", str(SHARDS), "--quiet"]
        return process([*command, "--classes", str(source / "classes.txt"), *flags])

    competitors = {
        "local": lambda: run("local", "--workers", "2"),
        "beam": lambda: run("beam", "--runner", "beam", "--", *BEAM),
    }
    result = alternate(competitors, runs)
    names = [path.name for path in outputs["local"].iterdir() if path.is_file()]
    _, different, missing = filecmp.cmpfiles(outputs["local"], outputs["beam"], names, shallow=False)
    if different or missing:
        sys.exit(f"the outputs are not the same: {different + missing}")
    for output in outputs.values():
        shutil.rmtree(output)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, LARGE])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="where to work, and to keep the data set; default: a new one"
    )
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = args.folder or Path(temporary)
        for files in args.files:
            runs = compare(dataset.make(work / f"voc-{files}", files), work, args.runs)
            ratios = [median_ratio(runs["beam"], runs["local"], field) for field in ("wall", "cpu")]
            rows.append(
                [
                    f"{files}",
                    *[f"{median(runs[name], field):.2f}" for name in runs for field in ("wall", "cpu")],
                    *[f"{ratio:.2f}" for ratio in ratios],
                    verdict(ratios[0], most=2.0) if files >= LARGE else "",
                ]
            )
    print(f"{SHARDS} shards, two processes, {args.runs} runs each, medians. Seconds; ratios: beam / local.")
    header = [
        "images",
        "local wall",
        "local cpu",
        "beam wall",
        "beam cpu",
        "wall ratio",
        "cpu ratio",
        "target",
    ]
    print(table(header, rows))


if __name__ == "__main__":
    main()
