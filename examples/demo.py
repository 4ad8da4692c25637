"""The whole story on the shop shelves of sample_data, in a minute or two: what `make demo` runs.

    python examples/demo.py [--output demo_output] [--steps 900]

Every step prints the command that it runs, so that it can be tried by hand. `--steps 0` leaves out the
training, which needs TensorFlow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "sample_data"
CLASSES = DATA / "classes.txt"


class Demo:
    """The steps, numbered, with what they say; a step that fails ends the demo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def say(self, text: str) -> None:
        self.number += 1
        print(f"\n{self.number}. {text}", flush=True)

    def annotools(self, *words: str | Path, lines: int = 12, code: int = 0) -> None:
        """Run a command and show its first lines."""
        shown = ["annotools", *(_short(word) for word in words)]
        self._run([sys.executable, "-m", "annotools", *map(str, words)], shown, lines, code)

    def example(self, name: str, *words: str | Path) -> None:
        """Run a program of this folder."""
        shown = ["python", _short(HERE / name), *(_short(word) for word in words)]
        self._run([sys.executable, str(HERE / name), *map(str, words)], shown, 12, 0)

    def _run(self, command: list[str], shown: list[str], lines: int, code: int) -> None:
        print(f"   $ {' '.join(shown)}", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        if done.returncode != code:
            raise SystemExit(f"{done.stdout}{done.stderr}\nexit code {done.returncode}, expected {code}")
        said = done.stdout.rstrip().splitlines()  # what TensorFlow logs on stderr is not shown
        if len(said) > lines:
            said = [*said[: lines - 3], f"... {len(said) - lines + 1} lines more", *said[-2:]]
        print("".join(f"     {line}\n" for line in said), end="", flush=True)


def _short(word: str | Path) -> str:
    text = str(word)
    return os.path.relpath(text) if os.path.isabs(text) else text


def look_and_check(demo: Demo, out: Path) -> None:
    demo.say("What is in the data?")
    demo.annotools("stats", DATA, lines=16)
    demo.say("The same pictures with mistakes, as people and tools make them. What do the rules find?")
    demo.example("spoil.py", DATA, out / "spoiled")
    demo.annotools("validate", out / "spoiled", "--quiet", lines=22, code=1)
    demo.annotools("show", out / "spoiled", "-o", out / "problems.png", "--problems")
    demo.say("Some of it can be repaired, in a copy; the diff shows which lines change.")
    fixes = "swap-inverted,clip,strip-class-names,drop-duplicates,size-from-image"
    demo.annotools("fix", out / "spoiled", "--fix", fixes, "--diff", lines=14, code=1)
    demo.say("A page with charts, pictures and findings, to look at and to pass on.")
    demo.annotools("report", out / "spoiled", "-o", out / "report.html", "--against", DATA, "--quiet")


def convert(demo: Demo, out: Path) -> None:
    demo.say("To TFRecord, and is it what the source says? To the pickle of ssd_keras, COCO and YOLO too.")
    classes = ("--classes", CLASSES)
    demo.annotools("convert", DATA, out / "tfrecord", "--to", "tfrecord", "--shards", "2", *classes)
    demo.annotools("verify", out / "tfrecord", "--against", DATA)
    for name, to in (("gt.pkl", "ssd-pickle"), ("coco", "coco"), ("yolo", "yolo")):
        demo.annotools("convert", DATA, out / name, "--to", to, *classes, lines=8)


def train(demo: Demo, out: Path, steps: int) -> None:
    demo.say("A detector that is small enough to read, trained for a few steps; and what it finds.")
    found = out / "detections.json"
    words = ("--steps", str(steps), "--picture", out / "batch.png", "--detections", found)
    demo.example("train_tiny.py", out / "tfrecord", *words)
    demo.annotools(
        "show",
        DATA,
        "-o",
        out / "detections.png",
        "--detections",
        found,
        "--split",
        "train",
        "--classes",
        CLASSES,
    )
    demo.annotools(
        "evaluate", DATA, found, "--split", "train", "--classes", CLASSES, "--iou", "0.5", lines=40
    )


NEXT = """
Look at
  {out}/report.html       charts, pictures and findings, what changed
  {out}/problems.png      the pictures with mistakes
  {out}/detections.png    what the detector finds, on pictures that it has learnt from

Then try it on your own data, read-only:
  {bin}annotools stats YOUR_FOLDER
  {bin}annotools validate YOUR_FOLDER
  {bin}annotools report YOUR_FOLDER -o report.html
README.md goes on from there; examples/ssd_products is a detector that is worth its name."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    parser.add_argument(
        "--steps", type=int, default=900, help="of the training; 0: none (default: %(default)s)"
    )
    options = parser.parse_args()
    out, start = options.output, time.monotonic()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    demo = Demo(out)
    look_and_check(demo, out)
    convert(demo, out)
    if options.steps:
        train(demo, out, options.steps)
    folder = Path(sys.executable).parent
    local = folder.is_relative_to(Path.cwd())
    print(NEXT.format(out=out, bin=f"{os.path.relpath(folder)}/" if local else ""))
    print(f"({time.monotonic() - start:.0f} s)")


if __name__ == "__main__":
    main()
