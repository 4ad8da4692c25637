"""`annotools validate`: flags to keyword arguments, results to text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from annotools.commands.colour import wanted
from annotools.commands.flags import add_flags, keywords
from annotools.validation.options import ValidateOptions

FORMATS = ("text", "concise", "json", "junit", "sarif", "github")

if TYPE_CHECKING:
    from annotools.validation.result import ValidationResult


EXAMPLES = """\
    annotools validate VOCdevkit/VOC2007
    annotools validate data --select 'box-*' --strict --format github
    annotools validate data --statistics --exit-zero
"""


def add_validate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="+", help="VOC tree, folder, archive or .xml files")
    parser.add_argument("--format", default="text", choices=FORMATS)
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report there, not to stdout")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    parser.add_argument("--statistics", action="store_true", help="only how many findings each rule has")
    parser.add_argument(
        "--config", metavar="FILE", help="settings (default: the nearest annotools.toml or pyproject.toml)"
    )
    parser.add_argument("--isolated", action="store_true", help="without any settings file")
    add_flags(parser, ValidateOptions)
    parser.add_argument("--write-baseline", metavar="FILE", help="list today's problems there, exit 0")
    parser.add_argument(
        "--examples", type=int, metavar="N", help="places of each rule in text; 0: all (default: 10)"
    )
    parser.add_argument("--rules", action=_ListRules, help="list all rules and exit")


def run_validate(args: argparse.Namespace) -> int:
    """Print the report; 1 if something failed, else 0."""
    from annotools.validation import settings
    from annotools.validation.result import merged
    from annotools.validation.validate import validate

    asked: dict[str, Any] = _settings(args)
    given = keywords(ValidateOptions, args)
    severity = asked.get("severity", {}) | given.pop("severity", {})
    ignore = [*settings.split_names(asked.get("ignore", ())), *given.pop("ignore", ())]
    asked |= {**given, "severity": severity, "ignore": ignore}
    if args.write_baseline:
        asked["baseline"] = None
    results = [validate(source, **asked) for source in args.source]
    result = results[0] if len(results) == 1 else merged(results)
    if args.write_baseline:
        from annotools.validation.baseline import Baseline

        baseline = Baseline.of(result, result.root)
        baseline.save(args.write_baseline)
        print(f"{baseline.counts.total()} known problems written to {args.write_baseline}", file=sys.stderr)
        return 0
    report = _report(result, args)
    if args.output:
        save(report, args.output)
    else:
        for piece in report:
            sys.stdout.buffer.write(piece.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    return 1 if result.failed(strict=args.strict) and not args.exit_zero else 0


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    from annotools.validation import settings

    if args.isolated:
        return {}
    return settings.from_pyproject() if args.config is None else settings.from_file(args.config)


def _report(result: ValidationResult, args: argparse.Namespace) -> Iterable[str]:
    """The report in pieces, which come as the findings do where the format allows it."""
    from annotools.validation.reports import text as text_report

    if args.statistics:
        return [text_report.statistics(result)]
    if args.format == "text":
        colour = not args.output and wanted()
        return [text_report.text(result, examples=args.examples, colour=colour, strict=args.strict)]
    if args.format == "junit":
        return [text_report.junit(result, strict=args.strict)]
    return text_report.pieces(result, args.format, args.version)


def save(report: Iterable[str], path: str) -> None:
    from annotools.errors import OutputError

    try:
        with open(path, "wb") as file:
            for piece in report:
                file.write(piece.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error


class _ListRules(argparse.Action):
    """`--rules`: print the catalogue, as --help prints the help."""

    def __init__(self, option_strings: list[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from annotools.commands.rule import listed

        print("\n".join(listed()))
        parser.exit()
