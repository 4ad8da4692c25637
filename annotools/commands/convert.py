"""`annotools convert` and `annotools classes`: flags to keyword arguments, results to text."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotools.commands.validate import old_and_new

if TYPE_CHECKING:
    from annotools.conversion.run import ConvertResult
    from annotools.issues import Issue

_SHOWN = 10  # issues of one warning or info rule on the terminal; errors are all shown


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder of XML and images, .zip/.tar/.tar.gz, or URL")
    parser.add_argument("output", help="folder or URL to write; for the pickles also a .pkl file")
    parser.add_argument("--to", required=True, choices=["pickle", "ssd-pickle", "tfrecord", "tfds"])
    parser.add_argument("--classes", metavar="FILE", help="class file: .txt, .json or label map .pbtxt")
    parser.add_argument(
        "--split", metavar="SPLIT", help="train | train,val | train=0.8,val=0.1,test=0.1 (default: all)"
    )
    parser.add_argument("--group-by", metavar="REGEX", help="images whose ids share the match stay together")
    parser.add_argument("--seed", default="0", help="of the ratio split; auto: nearest to stratified")
    parser.add_argument("--shards", type=int, metavar="N", help="files for each split")
    parser.add_argument("--shard-size", default="256MiB", metavar="SIZE", help="default: 256MiB")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument(
        "--runner", default="local", choices=["local", "beam"], help="beam: its own flags follow after --"
    )
    parser.add_argument("--on-error", default="fail", choices=["fail", "skip"])
    parser.add_argument("--box-origin", default="as-written", choices=["as-written", "one-based"])
    parser.add_argument("--exif", default="upright", choices=["upright", "keep", "error"])
    parser.add_argument("--source-id", default="filename", choices=["filename", "numeric"])
    parser.add_argument(
        "--fix",
        metavar="FIX[,FIX]",
        action="append",
        default=[],
        help="repairs, as `annotools fix` knows them",
    )
    parser.add_argument("--map-class", metavar="OLD=NEW", action="append", type=old_and_new, default=[])
    parser.add_argument("--annotations", metavar="DIR", help="folder of the XML, if not below SOURCE")
    parser.add_argument("--images", metavar="DIR", help="folder of the images, if not below SOURCE")
    parser.add_argument("--report", metavar="FILE", help="write ledger, issues and options as JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    parser.add_argument("--quiet", action="store_true", help="no progress, no warnings, no summary")


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
        result = convert(
            args.source,
            args.output,
            to=args.to,
            classes=args.classes,
            split=args.split,
            group_by=args.group_by,
            seed=args.seed,
            shards=args.shards,
            shard_size=args.shard_size,
            workers=args.workers,
            runner=args.runner,
            beam_options=args.beam_options,
            on_error=args.on_error,
            box_origin=args.box_origin,
            exif=args.exif,
            source_id=args.source_id,
            fix=args.fix,
            map_classes=dict(args.map_class),
            annotations=args.annotations,
            images=args.images,
            dry_run=args.dry_run,
            overwrite=args.overwrite,
            progress=not args.quiet,
        )
    except DataError as error:
        if args.report:
            _write_report(args.report, {"error": error.message}, error.issues)
        print_issues(error.issues, errors_only=args.quiet)
        raise
    if args.report:
        report = {
            "ledger": result.ledger.as_dict(),
            "manifest": result.manifest,
            "repairs": [repair.as_dict() for repair in result.repairs],
        }
        _write_report(args.report, report, result.issues)
    if not args.quiet:
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
