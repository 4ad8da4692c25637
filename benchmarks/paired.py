"""What work costs beside another checkout of annotools, such as that of an earlier commit; whole processes.

    git worktree add ../before 480bb33
    python benchmarks/paired.py ../before [--files 2000] [--rounds 9] [--only convert,verify] [--folder DIR]

Old and new take turns; the ratio, new by old, is the median of the ratios of the rounds, in CPU time. Listing
and planning are without the start of their process. Outputs that are verified are each checkout's own. All
pictures are different, but in the one row that says so.
"""

from __future__ import annotations

import argparse
import compileall
import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median as middle

import dataset
import planning
from measure import Run, alternate, median, median_ratio, process, table

HERE = Path(__file__).resolve().parents[1]
COMMAND = "import sys; from annotools.cli import main; sys.exit(main(sys.argv[1:]))"
SMALL = 24

Job = Callable[[], Run]


class Checkout:
    """One of the two, with the outputs that it makes below `work`."""

    def __init__(self, root: Path, work: Path) -> None:
        self.root = root
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        compileall.compile_dir(str(root / "annotools"), quiet=2)

    def python(self, code: str, *words: str) -> Run:
        return process([sys.executable, "-P", "-c", code, *words], PYTHONPATH=str(self.root))

    def run(self, *words: str) -> Run:
        """The command with these words; OUTPUT is a folder that is not there yet."""
        output = self.work / "output"
        shutil.rmtree(output, ignore_errors=True)
        return self.python(COMMAND, *(word.replace("OUTPUT", str(output)) for word in words))

    def made(self, source: Path, to: str) -> Path:
        """An output of this checkout that stays."""
        output = self.work / f"{source.name}-{to}"
        if not output.exists():
            self.python(COMMAND, "convert", str(source), str(output), "--to", to, "--quiet")
        return output

    def plan(self, source: Path) -> Run:
        code = runpy.run_path(str(self.root / "benchmarks/planning.py"))["PLAN"]
        return self.python(code, str(source))


def jobs(here: Checkout, work: Path, files: int) -> dict[str, Job]:
    """What is compared, by name."""
    source = str(dataset.set_apart(dataset.make(work / f"distinct-{files}", files)))
    equal = str(dataset.make(work / f"voc-{files}", files))
    small = str(dataset.make(work / f"voc-{SMALL}", SMALL))
    one = str(Path(small) / "Annotations/000000.xml")
    quiet = ("--workers", "1", "--quiet")
    found: dict[str, Job] = {
        "python": partial(here.python, "pass"),
        "import annotools": partial(here.python, "import annotools"),
        "--help": partial(here.run, "--help"),
        "convert --help": partial(here.run, "convert", "--help"),
        "validate one file": partial(here.run, "validate", one, "--images", "none", *quiet),
        f"validate {SMALL} files": partial(here.run, "validate", small, "--images", "none", *quiet),
        f"convert {SMALL} files": partial(here.run, "convert", small, "OUTPUT", "--to", "tfrecord", *quiet),
    }
    for to in ("tfrecord", "tfds", "pickle", "ssd-pickle"):
        found[f"convert {to}"] = partial(here.run, "convert", source, "OUTPUT", "--to", to, *quiet)
    for depth in ("none", "header", "decode"):
        found[f"validate {depth}"] = partial(
            here.run, "validate", source, "--images", depth, "--format", "json", *quiet
        )
    found["validate header, 32 pictures"] = partial(
        here.run, "validate", equal, "--images", "header", "--format", "json", *quiet
    )
    found["read"] = partial(here.python, READ, source)
    for to, words in (("tfrecord", ()), ("tfrecord", ("--against", source)), ("pickle", ())):
        output = str(here.made(Path(source), to))
        name = " ".join(["verify", to, *words[:1]])
        found[name] = partial(here.run, "verify", output, *words, *(quiet if to == "tfrecord" else quiet[2:]))
    names = planning.make(work / f"voc-names-{files}", files, "voc")
    start = planning.make(work / "voc-names-1", 1, "voc")
    found["planning"] = lambda: less(here.plan(names), here.plan(start))
    return found


READ = "import sys, annotools; [None for a in annotools.read(sys.argv[1])]"


def less(run: Run, start: Run) -> Run:
    return Run(run.wall - start.wall, run.cpu - start.cpu, run.peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="names, or how they begin, with commas between them")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep the data; default: a new one")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work: Path = (args.folder or Path(temporary)).resolve()
        old, new = Checkout(args.other.resolve(), work / "old"), Checkout(HERE, work / "new")
        before, after = jobs(old, work, args.files), jobs(new, work, args.files)
        for name in before:
            if any(name.startswith(only) for only in args.only.split(",")):
                runs = alternate({"old": before[name], "new": after[name]}, args.rounds)
                rows.append([name, *row(runs["old"], runs["new"])])
                print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    print(f"{args.files} files, {args.rounds} rounds in turn, CPU time of whole processes, medians; ", end="")
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}")
    print(table(["work", "old s", "new s", "ratio", "quartiles", "old MB", "new MB"], rows))


def row(old: list[Run], new: list[Run]) -> list[str]:
    ratios = sorted(b.cpu / a.cpu for a, b in zip(old, new, strict=True))
    quarter = len(ratios) // 4
    return [
        *(f"{median(runs, 'cpu'):.3f}" for runs in (old, new)),
        f"{median_ratio(new, old):.3f}",
        f"{ratios[quarter]:.2f}-{ratios[-1 - quarter]:.2f}",
        *(f"{middle(run.peak for run in runs) / 1e6:.0f}" for runs in (old, new)),
    ]


if __name__ == "__main__":
    main()
