"""`annotools show` and `annotools report` as whole processes.

python benchmarks/view.py [--files 5000] [--runs 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dataset
from measure import Run, alternate, median, process, table, verdict

COMMANDS = {
    "show, 25 images": (("show", "-o", "sheet.png"), 2.0),
    "show, 25 by chance": (("show", "-o", "sheet.png", "--random", "25"), None),
    "report": (("report", "-o", "report.html", "--quiet"), 120.0),
    "report --quick": (("report", "-o", "report.html", "--quiet", "--quick"), None),
}
"""Arguments, and the most CPU seconds: of a minute on two cores, and of two seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to keep the data set; default: a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = dataset.make((args.folder or Path(temporary)) / f"voc-{args.files}", args.files)

        def run(words: tuple[str, ...]) -> Callable[[], Run]:
            command, flag, file, *more = words
            output = str(Path(temporary) / file)
            return lambda: process(
                [sys.executable, "-m", "annotools.cli", command, str(source), flag, output, *more]
            )

        runs = alternate({name: run(words) for name, (words, _) in COMMANDS.items()}, args.runs)
        sizes = {name: (Path(temporary) / words[2]).stat().st_size for name, (words, _) in COMMANDS.items()}
    print(f"{args.files} files, {args.runs} runs each, medians")
    rows = []
    for name, own in runs.items():
        cpu, most = median(own, "cpu"), COMMANDS[name][1]
        rows.append(
            [
                name,
                f"{median(own, 'wall'):.2f}",
                f"{cpu:.2f}",
                f"{median(own, 'peak') / 1e6:.0f}",
                f"{sizes[name] / 1e6:.1f}",
                "-" if most is None else verdict(cpu, most=most),
            ]
        )
    print(table(["command", "wall s", "cpu s", "peak MB", "output MB", "target, cpu s"], rows))


if __name__ == "__main__":
    main()
