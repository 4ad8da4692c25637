"""A first look at the class names of a source: who needs them before any image can be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from annotools.classes.class_map import ClassMap
from annotools.classes.spelling import plain
from annotools.errors import FaultyFileError
from annotools.formats import voc
from annotools.issues import DataError, Issue
from annotools.repair.fixes import Fixes
from annotools.sources.source import Pair, Source

_CHUNK = 1000


def class_names(source: Source, pairs: Iterator[Pair]) -> Iterator[tuple[Pair, list[str]]]:
    """Each pair with the class names of its objects, in file order.

    Files that cannot be read count as files without objects here: whoever reads them next reports them.
    """
    while chunk := list(islice(pairs, _CHUNK)):
        with source.reading_ahead(file for pair in chunk for file in pair.files("xml")) as ahead:
            for pair in chunk:
                yield pair, _names_of(ahead, pair)


def _names_of(source: Source, pair: Pair) -> list[str]:
    if pair.xml is None:
        return []
    try:
        data = source.read_bytes(pair.xml)
    except FaultyFileError:
        return []
    names = map(plain, voc.object_names(data, source.display(pair.xml)))
    return [name for name in names if name]


def count_classes(source: Source, split: str | None = None) -> Counter[str]:
    """Objects per class name in the source, or in one of its splits."""
    counts: Counter[str] = Counter()
    for _, names in class_names(source, source.unique_pairs(split)):
        counts.update(names)
    return counts


def unreadable_files(source: Source, split: str | None = None) -> list[Issue]:
    """Why files of the source, or of one split, give no class names; files without objects are fine."""
    issues: list[Issue] = []
    for pair, names in class_names(source, source.unique_pairs(split)):
        if pair.xml is not None and not names:
            issues += _why_unreadable(source, pair.xml)
    return issues


def _why_unreadable(source: Source, xml: str) -> list[Issue]:
    path = source.display(xml)
    try:
        annotation, issues = voc.inspect(source.read_bytes(xml), path)
    except FaultyFileError as error:
        return [Issue.from_error("unparsable", error, path)]
    return issues if annotation is None else []


def discover_classes(source: Source, fixes: Fixes | None = None) -> ClassMap:
    """The class map of a source without a class file: its class names in sorted order, ids from 1.

    The names are those after the repairs. All splits count, also those that are not converted, so that the
    ids of train and test agree.
    """
    names: set[str] = set()
    for _, found in class_names(source, source.unique_pairs()):
        names.update(found)
    if fixes is not None:
        names = {fixes.renamed(name) for name in names}
    if not names:
        raise no_classes(source)
    return ClassMap.from_names(sorted(names))


def no_classes(source: Source, split: str | None = None) -> DataError:
    """The error of a source without any class name, with the faults of its files, which may be the reason."""
    issues = [
        issue
        for pair in source.unique_pairs(split)
        if pair.xml is not None
        for issue in _errors_in(source, pair.xml)
    ]
    return DataError(
        "no object with a class name was found",
        path=source.root,
        expected="at least one; negatives alone convert with a class file (--classes)",
        issues=list(dict.fromkeys(issues)),
    )


def _errors_in(source: Source, xml: str) -> list[Issue]:
    path = source.display(xml)
    try:
        data = source.read_bytes(xml)
    except FaultyFileError as error:
        return [Issue.from_error("unparsable", error, path)]
    return [issue for issue in voc.inspect(data, path)[1] if issue.severity == "error"]
