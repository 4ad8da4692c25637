"""Digests of what annotools makes, so that a change inside changes nothing outside.

    python tests/digests/record.py compare tests/digests/digests.json     what differs from the stored digests
    python tests/digests/record.py record FILE                            all digests of this tree
    python tests/digests/record.py record tests/digests/digests.json --only validate/case     these anew

`--no-tensorflow` leaves out the stream of the loader, `--no-shared` the real data sets and cases (looked for
in ../shared, or given by --data and --cases); that short form is a test of the suite. To see what differs and
not only that it does, run two trees with `--keep DIR` and `diff -r` the folders: they hold the text behind
each digest. The script calls the public surface only, so it runs unchanged on any tree (`--repository` says
where sample_data and tests/data are). Sentences (messages, stdout) are in items of their own, `.../words`: a
better wording changes these alone. Files are listed without .annotools, whose journal holds times of files.
What depends on versions of lxml, Pillow or TensorFlow is compared only where the versions are those of the
file. A change that is meant is recorded anew and named in CHANGELOG.md with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

from checks import copy, record_checks
from conversions import record_conversions
from damages import record_damages
from inputs import record_inputs
from net import Net
from readings import record_readings

import annotools

HERE = Path(__file__).resolve()

Groups = dict[str, dict[str, str]]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", metavar="PREFIX", help="items whose name begins so")
    parser.add_argument("--no-tensorflow", action="store_true", help="leave the loader out")
    parser.add_argument("--no-shared", action="store_true", help="leave out what is not in the repository")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the text behind each digest there")
    parser.add_argument(
        "--repository", type=Path, default=HERE.parents[2], help="with sample_data and tests/data"
    )
    parser.add_argument("--data", type=Path, help="folder of the real sets (default: ../shared/data)")
    parser.add_argument("--cases", type=Path, help="folder of cases (default: ../shared/cases)")
    args = parser.parse_args()
    found, skipped = draw(args)
    print(f"made by {os.path.dirname(annotools.__file__)}", file=sys.stderr)
    if args.command == "record":
        write(args.file, found, args.only, skipped)
        return 0
    return compare(json.loads(args.file.read_text(encoding="utf-8")), found, args.only, skipped)


def draw(args: argparse.Namespace) -> tuple[Groups, set[str]]:
    """Run what is wanted in a temporary folder: the digests by group and name, and what was skipped."""
    skipped: set[str] = set()

    def skip(part: str, what: str) -> None:
        print(f"skipped: {what}", file=sys.stderr)
        skipped.add(part)

    repository = args.repository.resolve()
    shared = repository.parent / "shared"
    data = (args.data or shared / "data").resolve()
    cases = (args.cases or shared / "cases").resolve()
    keep = args.keep.resolve() if args.keep else None
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        try:
            net = Net(Path.cwd(), args.only, keep)
            Path("pyproject.toml").touch()  # settings of validate are looked for in the folders above too
            sample = copy(repository / "sample_data", "sample_data")
            sets = {"sample_data": sample}
            for name in ("bccd", "microcontrollers"):
                if args.no_shared or not (data / name).is_dir():
                    skip(name, f"the real set {name}")
                else:
                    sets[name] = copy(data / name, name)
            if args.no_shared or not cases.is_dir():
                skip("shared", "the shared cases")
            copied = copy(cases, "cases") if not args.no_shared and cases.is_dir() else None
            record_conversions(net, sets)
            tests = copy(repository / "tests" / "data", "data")
            record_inputs(net, tests, copied)
            record_readings(net, tests, sets, copied)
            record_checks(net, tests, sets, copied)
            record_damages(net, sets)
            if args.no_tensorflow:
                skip("stream", "the stream of the loader")
            elif net.wants("stream"):
                from streams import record_streams

                record_streams(net, sample)
            net.add_words()
        finally:
            os.chdir(before)
    return net.groups, skipped


def write(path: Path, found: Groups, only: str, skipped: set[str]) -> None:
    """The digests sorted by name; what the file has of names that were not asked for stays."""
    stored: Groups = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    merged: Groups = {}
    for where in sorted({*stored, *found}):
        items = stored.get(where, {}).items()
        kept = {name: digest for name, digest in items if not is_asked(name, only, skipped)}
        if kept or where in found:
            merged[where] = dict(sorted((kept | found.get(where, {})).items()))
    path.write_text(json.dumps(merged, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def is_asked(name: str, only: str, skipped: set[str]) -> bool:
    return name.startswith(only) and skipped.isdisjoint(name.split("/"))


def compare(stored: Groups, found: Groups, only: str, skipped: set[str]) -> int:
    """Print each item that differs: its name, its digest in the file, its digest now. 1 if one does."""
    differ = compared = 0
    for where in sorted({*stored, *found}):
        if where not in stored or where not in found:
            print(f"not compared: {where}")
            continue
        asked = {name for name in stored[where] if is_asked(name, only, skipped)}
        for name in sorted({*asked, *found[where]}):
            old, new = stored[where].get(name, "not in the file"), found[where].get(name, "not made any more")
            compared += 1
            if old != new:
                differ += 1
                print(f"{name}  {old}  {new}")
    print(f"{compared} items compared, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
