"""`annotools diff`: what changed from one data set to another."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from annotools.commands.colour import paint
from annotools.commands.flags import add_flags, keywords
from annotools.sources.storage import printable
from annotools.view.options import DiffOptions

if TYPE_CHECKING:
    from annotools.view.diff import Diff

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


EXAMPLES = """\
    annotools diff data.old data
    annotools diff VOCdevkit/VOC2007 out --split train
"""


def add_diff_arguments(parser: argparse.ArgumentParser) -> None:
    what = "VOC tree, folder, archive or URL; or a .pkl or TFRecord files"
    parser.add_argument("old", metavar="A", help=what)
    parser.add_argument("new", metavar="B", help="what it became")
    add_flags(parser, DiffOptions)
    parser.add_argument("--format", default="text", choices=["text", "json"])


def run_diff(args: argparse.Namespace) -> int:
    """Print what differs; 1 if something does, as `diff` itself, else 0."""
    from annotools.view.diff import diff

    result = diff(args.old, args.new, **keywords(DiffOptions, args))
    if args.format == "json":
        print(json.dumps(result.as_dict(), indent=2))
    else:
        print("\n".join(_lines(result)))
    return 0 if result.is_empty else 1


def _lines(result: Diff) -> Iterator[str]:
    from annotools.view.diff import kind_of

    total = result.total
    for one in result.images:
        mark, colour = _MARKS[kind_of(one)]
        yield paint(f"{mark} {printable(one.id)}", colour)
        yield from (f"    {change.kind}: {change.text}" for change in one.changes)
    for name, before, after in total.classes:
        yield f"{printable(name)}: {before} objects, now {after}"
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(total.counts.items()))
    yield (
        f"images: {total.same} the same, {total.changed} changed, {len(total.added)} added, "
        f"{len(total.removed)} removed" + (f"; objects: {told}" if told else "")
    )
