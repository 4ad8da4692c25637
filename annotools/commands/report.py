"""`annotools report`: flags to keyword arguments, and what was written in one line."""

from __future__ import annotations

import argparse

from annotools.commands.flags import add_flags, keywords
from annotools.sources.storage import printable
from annotools.view.options import ReportOptions

EXAMPLES = """\
    annotools report data -o report.html
    annotools report data -o report.html --against data.old
"""


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or URL; or a .pkl or TFRecord files")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the page: .html")
    add_flags(parser, ReportOptions)


def run_report(args: argparse.Namespace) -> int:
    """Write the page; 0, whatever the data."""
    from annotools.view.report import report

    result = report(args.source, args.output, **keywords(ReportOptions, args))
    counts = ", ".join(
        f"{count} {severity}{'s' * (count != 1)}" for severity, count in result.findings.items()
    )
    print(
        f"{printable(result.path)}: {result.stats.images.found} images, {result.stats.objects} objects, "
        f"{counts}; {result.pictures} pictures, {result.bytes / 1e6:.1f} MB"
    )
    return 0
