"""`annotools classes`: the classes of a source, listed or written as a class file."""

from __future__ import annotations

import argparse

from annotools.commands.convert import print_issues
from annotools.sources.storage import printable

EXAMPLES = """\
    annotools classes VOCdevkit/VOC2007
    annotools classes data -o labels.pbtxt
"""


def add_classes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder of XML and images, .zip/.tar/.tar.gz, or URL")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a class file: .pbtxt, .txt or .json")
    parser.add_argument("--split", metavar="NAME", help="count one split only")
    parser.add_argument("--annotations", metavar="DIR", help="folder of the XML, if not below SOURCE")


def run_classes(args: argparse.Namespace) -> int:
    """Print id, objects and name of each class, tab-separated; ids are those that `convert` would give.

    Files that cannot be read are listed on stderr; then the result is 1.
    """
    from annotools.classes.class_map import ClassMap
    from annotools.conversion.class_discovery import count_classes, no_classes, unreadable_files
    from annotools.sources.source import open_source

    source = open_source(args.source, annotations=args.annotations)
    counts = count_classes(source, args.split)
    if not counts:
        error = no_classes(source, args.split)
        print_issues(error.issues, errors_only=True)
        raise error
    unreadable = unreadable_files(source, args.split)
    print_issues(unreadable)
    classes = ClassMap.from_names(sorted(counts))
    if args.output:
        classes.save(args.output)
    for name, number in classes.ids.items():
        print(f"{number}\t{counts[name]}\t{printable(name)}")
    return 1 if unreadable else 0
