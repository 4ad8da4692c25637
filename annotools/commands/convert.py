"""`annotools convert` and `annotools classes`: flags to keyword arguments, results to text."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotools.commands.flags import add_flags, keywords
from annotools.conversion.options import ConvertOptions

if TYPE_CHECKING:
    from annotools.conversion.result import ConvertResult
    from annotools.issues import Issue

_SHOWN = 10  # issues of one warning or info rule on the terminal; errors are all shown


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder of XML and images, .zip/.tar/.tar.gz, or URL")
    parser.add_argument("output", help="folder or URL to write; for the pickles also a .pkl file")
    add_flags(parser, ConvertOptions)
    parser.add_argument("--report", metavar="FILE", help="write ledger, issues and options as JSON")


def split_beam_options(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The command line without and with only the flags for Beam: what follows `--` after `--runner beam`."""
    if "--" not in argv:
        return argv, ()
    end = argv.index("--")
    ours = argv[:end]
    if argv[0] == "convert" and ("--runner=beam" in ours or ("--runner", "beam") in pairwise(ours)):
        return ours, argv[end + 1 :]
    return argv, ()  # `--` has its common meaning: no more flags


def run_convert(args: argparse.Namespace) -> int:
    from annotools.conversion.run import convert
    from annotools.issues import DataError

    try:
        asked = keywords(ConvertOptions, args)
        result = convert(args.source, args.output, **asked, beam_options=args.beam_options)
    except DataError as error:
        if args.report:
            _write_report(args.report, {"error": error.message}, error.issues)
        print_issues(error.issues, errors_only=not args.progress)
        raise
    if args.report:
        report = {
            "ledger": result.ledger.as_dict(),
            "manifest": result.manifest,
            "repairs": [repair.as_dict() for repair in result.repairs],
        }
        _write_report(args.report, report, result.issues)
    if args.progress:
        for repair in result.repairs:
            print(f"repaired: {repair}", file=sys.stderr)
        print_issues(result.issues)
        print(_summary(result, args))
    return 0


def print_issues(issues: Iterable[Issue], *, errors_only: bool = False) -> None:
    """Errors last and all of them; of each other rule the first few, and how many more there are."""
    hidden: dict[str, int] = {}
    shown: dict[str, int] = {}
    errors = []
    for issue in issues:
        if issue.severity == "error":
            errors.append(issue)
        elif not errors_only:
            shown[issue.rule] = shown.get(issue.rule, 0) + 1
            if shown[issue.rule] > _SHOWN:
                hidden[issue.rule] = hidden.get(issue.rule, 0) + 1
            else:
                print(f"{issue.severity}: {issue}", file=sys.stderr)
    for rule, count in hidden.items():
        print(f"... {count} or more further issues of {rule}", file=sys.stderr)
    for issue in errors:
        print(f"error: {issue}", file=sys.stderr)


def _summary(result: ConvertResult, args: argparse.Namespace) -> str:
    ledger = result.ledger.as_dict()
    lines = []
    for name, lost in (("images", "skipped"), ("objects", "dropped")):
        tally = ledger[name]
        codes = ", ".join(f"{code} {count}" for code, count in tally[lost].items())
        total = sum(tally[lost].values())
        lines.append(
            f"{name}: {tally['found']} found = {tally['written']} written + {total} {lost}"
            + (f" ({codes})" if codes else "")
        )
    if result.repairs:
        repairs = ", ".join(f"{name} {count}" for name, count in result.manifest["repairs"].items())
        lines.append(f"repairs: {repairs}")
    for name, split in result.manifest["splits"].items():
        files = len(split["shards"])
        lines.append(
            f"{name}: {split['records']} images, {split['objects']} objects in {files} "
            f"file{'s' * (files != 1)}"
        )
    if unsaid := result.manifest.get("not_written"):
        told = ", ".join(f"{name} of {count} objects" for name, count in unsaid.items())
        lines.append(f"not written, {args.to} has no place for it: {told}")
    if result.reused:
        lines.append(f"{result.reused} shard{'s' * (result.reused != 1)} of an earlier run kept")
    lines.append("dry run: nothing was written" if args.dry_run else f"written to {args.output}")
    return "\n".join(lines)


def _write_report(path: str, report: dict[str, Any], issues: Iterable[Issue]) -> None:
    from annotools.errors import OutputError

    text = json.dumps(
        {**report, "issues": [issue.as_dict() for issue in issues]}, indent=2, ensure_ascii=False
    )
    try:
        Path(path).write_text(text + "\n", encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error
