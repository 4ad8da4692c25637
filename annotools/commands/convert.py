"""`annotools convert` and `annotools classes`: flags to keyword arguments, results to text."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotools.commands.colour import wanted
from annotools.commands.flags import add_flags, keywords
from annotools.conversion.options import ConvertOptions
from annotools.sources.storage import printable

if TYPE_CHECKING:
    from annotools.conversion.result import ConvertResult
    from annotools.issues import Issue


EXAMPLES = """\
    annotools convert VOCdevkit/VOC2007 out --to tfrecord --shards 8
    annotools convert data out --to yolo --split train=0.8,val=0.2 --on-error skip --fix clip
    annotools convert data out --to coco --dry-run
"""


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
        print_issues(error.issues, error.counts, errors_only=not args.progress)
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
            print(f"repaired: {printable(str(repair))}", file=sys.stderr)
        print_issues(result.issues, result.counts)
        print(_summary(result, args))
    return 0


def print_issues(
    issues: Iterable[Issue], counts: Mapping[str, int] | None = None, *, errors_only: bool = False
) -> None:
    """The findings as `validate` shows them, on stderr, errors last, each with the fix that repairs it.

    counts   of each rule, where `issues` has examples only
    """
    from annotools.validation.reports import text

    found = list(issues)
    doubted = text.doubted_fixes(found)
    of_rule = Counter(issue.rule for issue in found)
    groups = [g for g in text.grouped(found) if not errors_only or g[0].severity == "error"]
    for group in reversed(groups):
        rule = group[0].rule
        count = len(group)
        if counts is not None and group[0].severity != "error":
            count = max(count, counts.get(rule, 0) - (of_rule[rule] - count))
        for line in text.group_lines(group, count, colour=wanted(sys.stderr), rest="--report FILE has them"):
            print(line, file=sys.stderr)
        for fix in text.proposed_fixes(group, doubted):
            print(f"  repair: --fix {fix}", file=sys.stderr)


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
    lines.append("dry run: nothing was written" if args.dry_run else f"written to {printable(args.output)}")
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
