"""`annotools fix`: flags to keyword arguments, repairs to text."""

from __future__ import annotations

import argparse
import sys

from annotools.commands.flags import add_flags, keywords
from annotools.commands.validate import save
from annotools.repair.options import FixOptions


def add_fix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or .xml file; it is only read")
    parser.add_argument("output", help="folder to write the repaired copy to")
    add_flags(parser, FixOptions)
    parser.add_argument("--report", metavar="FILE", help="write every repair as JSON")
    parser.add_argument("--quiet", action="store_true", help="only the counts")


def run_fix(args: argparse.Namespace) -> int:
    """Print what was repaired; 1 if a file could not be read, else 0."""
    import json

    from annotools.repair.fix import fix

    asked = keywords(FixOptions, args)
    result = fix(args.source, args.output, **asked)
    if args.report:
        save(json.dumps(result.as_dict(), ensure_ascii=False, indent=1) + "\n", args.report)
    if not args.quiet:
        for repair in result.repairs:
            print(repair)
    for issue in result.problems:
        print(f"not repaired: {issue}", file=sys.stderr)
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items()) or "nothing to repair"
    print(f"{counts} in {result.changed} of {result.files} annotations")
    print("dry run: nothing was written" if asked.get("dry_run") else f"written to {args.output}")
    return 1 if result.problems else 0
