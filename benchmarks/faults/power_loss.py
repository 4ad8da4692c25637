"""Cut the power at every call of a conversion, and run it again: the bytes are those of an undisturbed run.

    python benchmarks/faults/power_loss.py [--states 2500] [--seed 0] [--only NAME] [--loader] [--folder DIR]

recorder.py notes what a command does to its output; from every prefix of these calls disk.py builds folders
that a power cut may leave, and in each of them

- every file under a final name is, to the byte, that of the finished output or of the one before;
- with a manifest there is all that it lists, and `verify` finds no fault; readers of shards and pickles (with
  --loader also `make_dataset`) give what one of the two outputs holds, or refuse;
- the same command gives the finished output, journal and all;
- after the last call nothing is lost any more.

After some of them the power is cut once more, while the command goes on from there.

--states      different folders to try, shared among the commands; one is tried once
--forget KIND  leave the syncs of "files" or of "folders" out of the recordings: the differences that must
               then be found show that this program finds some

Exit code 1 for any difference. The short form is tests/converting/test_power_loss.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import dataset  # noqa: E402
from disk import Disk, Tree, states  # noqa: E402
from readers import read_all, seen_in  # noqa: E402
from recorder import Call, recording  # noqa: E402

import annotools  # noqa: E402
from annotools.conversion.output_formats import FORMATS  # noqa: E402

OUT = "out"
AGAIN = 0.05
MEMORY = Path("/dev/shm")


@dataclass
class Case:
    """A command, and what is done before it. `run` and `before` get the folder in which OUT is made."""

    name: str
    run: Callable[[Path], object]
    before: Callable[[Path], object] | None = None


@dataclass
class Report:
    tried: int = 0
    read: int = 0
    calls: int = 0
    wrong: list[str] = field(default_factory=list)


def tree_of(folder: Path) -> Tree:
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def restore(tree: Tree, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted(tree):
        data = tree[path]
        if data is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(data)


def visible(tree: Tree) -> dict[str, bytes]:
    """The files under final names."""
    return {path: data for path, data in tree.items() if data is not None and f"/{path}".find("/.") == -1}


def files(tree: Tree) -> dict[str, bytes]:
    """All files but what an ended process had not finished: its name is no other process's business."""
    return {path: data for path, data in tree.items() if data is not None and ".partial-" not in path}


def digest(tree: Tree) -> bytes:
    found = hashlib.sha256()
    for path in sorted(tree):
        data = tree[path]
        found.update(f"{path}\0{-1 if data is None else len(data)}\0".encode() + (data or b""))
    return found.digest()


class Trial:
    """One case: what an undisturbed run does, and what comes of the states that a power cut leaves."""

    def __init__(self, case: Case, folder: Path, forget: str | None, *, loader: bool) -> None:
        self.case, self.folder, self.loader = case, folder, loader
        self.report = Report()
        restore({}, folder)
        if case.before is not None:
            case.before(folder)
        self.base = tree_of(folder)
        with recording(folder) as calls:
            case.run(folder)
        self.wanted = tree_of(folder)
        self.disk = Disk.of(self.base, calls)
        if self.disk.tree(len(calls)) != self.wanted:
            sys.exit(
                f"{case.name}: the recording is not what happened: a way to write is not among its calls"
            )
        self.calls = len(calls)
        self.report.calls = self.calls
        self.repeats = self._runs() is None  # an output that is one file is not touched a second time
        if forget:
            self.disk = Disk.of(self.base, forgotten(calls, forget))
        self.known = (visible(self.base), visible(self.wanted))
        self.contents = [seen_in(tree, folder, restore, loader=loader) for tree in (self.base, self.wanted)]
        self._tried: set[bytes] = set()
        self._read: set[bytes] = set()

    def try_prefix(self, calls: int, dice: random.Random, number: int) -> None:
        for tree in states(self.disk, calls, dice, number):
            key = digest(tree)
            if key not in self._tried or calls == self.calls:
                self._tried.add(key)
                self._try(tree, calls)
                if dice.random() < AGAIN:
                    self._cut_again(tree, calls, dice)

    def telling(self) -> set[int]:
        """The numbers of calls after which files under final names are others than before."""
        seen = [visible(self.disk.tree(calls)) for calls in range(self.calls + 1)]
        return {calls for calls in range(1, self.calls + 1) if seen[calls] != seen[calls - 1]}

    def _cut_again(self, tree: Tree, first: int, dice: random.Random) -> None:
        """A power cut while the command goes on from the state that an earlier one left."""
        restore(tree, self.folder)
        with recording(self.folder) as calls:
            self._runs()
        second, first = dice.randint(0, len(calls)), min(first, self.calls - 1)  # it has begun anew
        for left in states(Disk.of(tree, calls), second, dice, 1):
            if digest(left) not in self._tried:
                self._tried.add(digest(left))
                self._try(left, first)

    def _try(self, tree: Tree, calls: int) -> None:
        self.report.tried = len(self._tried)
        self._check_files(tree, calls)
        restore(tree, self.folder)
        self._check_readers(tree, calls)
        error = self._runs()
        after = tree_of(self.folder)
        if error is None and files(after) != files(self.wanted):
            self._wrong(calls, "the next run gave other bytes", different(files(after), files(self.wanted)))
        if error is not None and (self.repeats or visible(tree) != self.known[1]):
            self._wrong(calls, "the next run failed", error)

    def _check_files(self, tree: Tree, calls: int) -> None:
        seen, (former, wanted) = visible(tree), self.known
        for name, data in seen.items():
            if data not in (former.get(name), wanted.get(name)):
                self._wrong(calls, "a wrong file under its final name", name)
        for name in seen:
            if not name.endswith("manifest.json") or former.get(name) == wanted.get(name):
                continue
            for whose, files_of in (("old", former), ("new", wanted)):
                if seen[name] == files_of.get(name) and seen != files_of:
                    self._wrong(calls, f"the {whose} manifest beside", different(seen, files_of))
        if calls == self.calls and seen != wanted:
            self._wrong(calls, "lost after the end", different(seen, wanted))

    def _check_readers(self, tree: Tree, calls: int) -> None:
        begun = {path: None for path in tree if path.endswith(".annotools")}
        key = digest({**visible(tree), **begun})
        if key in self._read:
            return
        self._read.add(key)
        self.report.read += 1
        for reader, outcome in read_all(self.folder, loader=self.loader).items():
            if outcome is not None and not outcome <= (self.contents[0][reader] | self.contents[1][reader]):
                self._wrong(calls, f"{reader} gave what neither output holds", sorted(map(str, outcome))[:2])

    def _runs(self) -> str | None:
        """What kept the command from its end."""
        try:
            self.case.run(self.folder)
        except annotools.AnnotoolsError as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _wrong(self, calls: int, what: str, detail: object) -> None:
        self.report.wrong.append(f"{self.case.name}, power cut after call {calls}: {what}: {detail}")


def different(seen: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    return sorted(name for name in {*seen, *wanted} if seen.get(name) != wanted.get(name))[:4]


def forgotten(calls: list[Call], kind: str) -> list[Call]:
    """The calls without the syncs of files, or of folders."""
    folders = {"", *(call.path for call in calls if call.what == "mkdir")}
    return [call for call in calls if call.what != "sync" or (call.path in folders) != (kind == "folders")]


def cases(folder: Path) -> Iterator[Case]:
    source = dataset.make(folder / "source", 5, kilobytes=2, size=(100, 80), distinct=5)

    def convert(form: str, source: Path, *, name: str = OUT, **more: Any) -> Callable[[Path], object]:
        options: dict[str, Any] = {"split": "train=0.6,val=0.4", "seed": 3, "progress": False} | more
        return lambda root: annotools.convert(source, root / name, to=form, **options)

    for name, row in FORMATS.items():
        shards: dict[str, Any] = {"shards": 2} if row.shards == "used" else {}
        yield Case(name, convert(name, source, **shards))
        if row.single_file:
            yield Case(f"{name} in one file", convert(name, source, name=f"{OUT}{row.single_file[0]}"))
        other = shards | {"box_origin": "one-based", "overwrite": True}
        yield Case(f"{name}, replaced", convert(name, source, **other), convert(name, source, **shards))
        changed = _copy_of(source, folder / f"changed-{name}")
        yield Case(
            f"{name}, changed", convert(name, changed, **shards), _before_a_change(convert, name, changed)
        )
    fewer = convert("tfrecord", source, shards=1, split="train", overwrite=True)
    yield Case("tfrecord, fewer shards and splits", fewer, convert("tfrecord", source, shards=3))
    for images in ("copy", "link"):
        fix = _fix(source, images)
        yield Case(f"fix, images {images}", fix)


def _copy_of(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder))


def _before_a_change(convert: Callable[..., Callable[[Path], object]], form: str, source: Path) -> Any:
    def work(root: Path) -> None:
        shards = {"shards": 2} if FORMATS[form].shards == "used" else {}
        convert(form, source, **shards)(root)
        xml = sorted((source / "Annotations").iterdir())[0]
        xml.write_bytes(xml.read_bytes().replace(b"<difficult>0<", b"<difficult>1<"))

    return work


def _fix(source: Path, images: str) -> Callable[[Path], object]:
    return lambda root: annotools.fix(source, root / OUT, fixes="clip", images=images)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--states", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a case, by its name")
    parser.add_argument("--forget", choices=["files", "folders"])
    parser.add_argument("--loader", action="store_true", help="make_dataset too; needs TensorFlow")
    parser.add_argument("--folder", type=Path, help="where to work; default: in memory, if that is possible")
    args = parser.parse_args()
    began = time.perf_counter()
    folder = args.folder or (MEMORY if os.access(MEMORY, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="annotools-power-", dir=folder) as name:
        trials = [
            Trial(case, Path(name, "run"), args.forget, loader=args.loader)
            for case in cases(Path(name))
            if args.only is None or case.name in args.only
        ]
        share = max(1, args.states // len(trials))
        for trial in trials:
            dice = random.Random(f"{args.seed} {trial.case.name}")
            rounds, telling = 0, trial.telling()
            while trial.report.tried < share and rounds < 50:
                prefixes = list(range(trial.calls + 1))
                dice.shuffle(prefixes)  # a small share is spread over the whole run, but first of all
                prefixes.sort(key=lambda calls: calls not in telling)  # to where names change
                for calls in [trial.calls, *prefixes]:
                    if trial.report.tried < share:
                        trial.try_prefix(calls, dice, 0 if rounds == 0 else 4)
                rounds += 1
    reports = [dataclasses.asdict(trial.report) for trial in trials]
    for trial in trials:
        print("\n".join(trial.report.wrong[:5]), end="\n" if trial.report.wrong else "")
        one = trial.report
        print(
            f"{trial.case.name}: {one.calls} calls, {one.tried} states, {one.read} read, "
            f"{len(one.wrong)} wrong"
        )
    total = {key: sum(one[key] for one in reports) for key in ("calls", "tried")}
    wrong = sum(len(trial.report.wrong) for trial in trials)
    seconds = time.perf_counter() - began
    print(f"{total['tried']} states of {len(trials)} commands: {wrong} differences, {seconds:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
