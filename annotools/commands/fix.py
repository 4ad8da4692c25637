"""`annotools fix`: flags to keyword arguments, repairs to text."""

from __future__ import annotations

import argparse
import os
import sys

from annotools.commands.colour import paint
from annotools.commands.flags import add_flags, keywords
from annotools.commands.validate import save
from annotools.errors import OptionError
from annotools.repair.options import FixOptions
from annotools.sources.storage import printable

EXAMPLES = """\
    annotools fix data --fix clip,swap-inverted --diff
    annotools fix data repaired --fix clip,swap-inverted,size-from-image
"""


def add_fix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or .xml file; it is only read")
    parser.add_argument(
        "output", nargs="?", help="folder to write the repaired copy to; not with --diff, --dry-run"
    )
    add_flags(parser, FixOptions)
    parser.add_argument("--report", metavar="FILE", help="write every repair as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="only the counts")


def run_fix(args: argparse.Namespace) -> int:
    """Print what was repaired; 1 if a file could not be read, else 0."""
    import json

    from annotools.repair.fix import fix

    asked = keywords(FixOptions, args)
    writes_nothing = args.dry_run or args.diff
    if args.output is None and not writes_nothing:
        raise OptionError("nowhere to write to", field="OUTPUT", expected="a folder, --diff or --dry-run")
    result = fix(args.source, args.output or os.curdir, **asked)
    if args.report:
        save([json.dumps(result.as_dict(), ensure_ascii=False, indent=1), "\n"], args.report)
    for diff in result.diffs:
        print("\n".join(map(_coloured, diff.splitlines())))
    if not args.quiet and not args.diff:
        for repair in result.repairs:
            print(printable(str(repair)))
    for issue in result.problems:
        print(f"{paint('not repaired', 'red', sys.stderr)}: {printable(str(issue))}", file=sys.stderr)
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items()) or "nothing to repair"
    # a diff is for `patch`: what is no part of it goes elsewhere
    said = sys.stderr if args.diff else sys.stdout
    print(f"{counts} in {result.changed} of {result.files} annotations", file=said)
    written = "dry run: nothing was written" if writes_nothing else f"written to {printable(args.output)}"
    print(written, file=said)
    return 1 if result.problems else 0


def _coloured(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    if line.startswith(("+++", "---")):
        colour = "bold"
    return line if colour is None else paint(line, colour)
