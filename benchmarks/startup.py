"""How long `annotools --help` and `import annotools` take, beside an interpreter that does nothing.

    python benchmarks/startup.py [--runs 21]

Targets: `annotools --help` under 0.15 s, `import annotools` under 0.1 s, both CPU time.
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
        cpu = median(found, "cpu")
        target = verdict(cpu, most=TARGETS[name]) if name in TARGETS else ""
        rows.append([name, f"{median(found, 'wall'):.3f}", f"{cpu:.3f}", target])
    print(f"{args.runs} runs each, medians")
    print(table(["process", "wall s", "cpu s", "target, cpu s"], rows))


if __name__ == "__main__":
    main()
