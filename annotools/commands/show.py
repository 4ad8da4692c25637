"""`annotools show`: flags to keyword arguments, and what was drawn in one line."""

from __future__ import annotations

import argparse
import sys

from annotools.commands.flags import add_flags, keywords
from annotools.sources.storage import printable
from annotools.view.options import ShowOptions

EXAMPLES = """\
    annotools show data -o sheet.png --problems
    annotools show data -o sheet.png --random 25 --seed 1 --augment ssd
"""


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or URL; or a .pkl or TFRecord files")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="the sheet: .png, .jpg or .webp"
    )
    add_flags(parser, ShowOptions)


def run_show(args: argparse.Namespace) -> int:
    """Draw the sheet; 0, whatever the data."""
    from annotools.view.sheet import show

    sheet = show(args.source, args.output, **keywords(ShowOptions, args))
    for note in sheet.notes:
        print(f"annotools: {printable(note)}", file=sys.stderr)
    of = "" if sheet.found is None else f" of {sheet.found}"
    width, height = sheet.size
    print(f"{printable(sheet.path)}: {len(sheet.images)}{of} images, {width}x{height} pixels")
    return 0
