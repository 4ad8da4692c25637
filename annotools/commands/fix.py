"""`annotools fix`: flags to keyword arguments, repairs to text."""

from __future__ import annotations

import argparse
import sys

from annotools.commands.validate import save
from annotools.options import old_and_new

_FIX_HELP = (
    "box-from-shape, clip, swap-inverted, drop-zero-area, drop-duplicates, size-from-image, "
    "extension-from-content, strip-class-names, map-classes; commas between them"
)


def add_fix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or .xml file; it is only read")
    parser.add_argument("output", help="folder to write the repaired copy to")
    parser.add_argument("--fix", metavar="FIX[,FIX]", action="append", default=[], help=_FIX_HELP)
    parser.add_argument(
        "--map-class", metavar="OLD=NEW", action="append", type=old_and_new, help="for map-classes"
    )
    parser.add_argument("--images", default="copy", choices=["copy", "link", "none"], help="default: copy")
    parser.add_argument("--box-origin", default="as-written", choices=["as-written", "one-based"])
    parser.add_argument("--annotations", metavar="DIR", help="folder of the XML, if not below SOURCE")
    parser.add_argument("--image-folder", metavar="DIR", help="folder of the images, if not below SOURCE")
    parser.add_argument("--report", metavar="FILE", help="write every repair as JSON")
    parser.add_argument("--dry-run", action="store_true", help="list the repairs, write nothing")
    parser.add_argument("--quiet", action="store_true", help="only the counts")


def run_fix(args: argparse.Namespace) -> int:
    """Print what was repaired; 1 if a file could not be read, else 0."""
    import json

    from annotools.repair.fix import fix

    result = fix(
        args.source,
        args.output,
        fixes=args.fix,
        class_names=dict(args.map_class or ()),
        annotations=args.annotations,
        image_folder=args.image_folder,
        images=args.images,
        box_origin=args.box_origin,
        dry_run=args.dry_run,
    )
    if args.report:
        save(json.dumps(result.as_dict(), ensure_ascii=False, indent=1) + "\n", args.report)
    if not args.quiet:
        for repair in result.repairs:
            print(repair)
    for issue in result.problems:
        print(f"not repaired: {issue}", file=sys.stderr)
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items()) or "nothing to repair"
    print(f"{counts} in {result.changed} of {result.files} annotations")
    print("dry run: nothing was written" if args.dry_run else f"written to {args.output}")
    return 1 if result.problems else 0
