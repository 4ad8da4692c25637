"""How long `annotools --help` and `import annotools` take, beside an interpreter that does nothing.

    python benchmarks/startup.py [--runs 21]

Targets: `annotools --help` under 0.15 s, `import annotools` under 0.1 s, both by the wall clock.
"""

from __future__ import annotations

import argparse
import sys

from convert_tfrecord import annotools
from measure import alternate, median, process, table, verdict

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import annotools": [sys.executable, "-c", "import annotools"],
    "annotools --help": annotools("--help"),
}
TARGETS = {"import annotools": 0.1, "annotools --help": 0.15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    args = parser.parse_args()
    runs = alternate(
        {name: lambda command=command: process(command) for name, command in COMMANDS.items()},  # type: ignore[misc]
        args.runs,
    )
    rows = []
    for name, found in runs.items():
        wall = median(found, "wall")
        target = verdict(wall, most=TARGETS[name]) if name in TARGETS else ""
        rows.append([name, f"{wall:.3f}", f"{median(found, 'cpu'):.3f}", target])
    print(f"{args.runs} runs each, medians")
    print(table(["process", "wall s", "cpu s", "target"], rows))


if __name__ == "__main__":
    main()
