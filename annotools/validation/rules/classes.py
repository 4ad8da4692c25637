"""Rules on the names of classes: in one file, and over the whole data set."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from annotools.classes.spelling import cleaned, fold_class, plain
from annotools.issues import Issue
from annotools.records import Annotation
from annotools.validation.rules.rule import DataSet, Sample, finds, finds_in_data_set

if TYPE_CHECKING:
    from annotools.validation.census import Census

RARE_BELOW = 10
RARE_SHARE = 0.05
IMBALANCE = 50


@finds("class-unknown")
def unknown_classes(sample: Sample) -> list[Issue]:
    """An object whose name is not among the given classes, with the nearest known name."""
    classes = sample.classes
    if classes is None:
        return []
    issues = []
    for index, obj in enumerate(sample.annotation.objects):
        # An empty name is reported by the reader as missing-field.
        if obj.name in classes or not obj.name:
            continue
        message = f"name: {obj.name!r} is not one of the {len(classes)} classes"
        suggestion = classes.suggest(obj.name)
        if suggestion is not None:
            message += f", did you mean {suggestion!r}?"
        issues.append(sample.at_object("class-unknown", message, index))
    return issues


def with_plain_names(annotation: Annotation) -> Annotation:
    """The annotation with the class names that are meant: white space is layout. blank_names tells of it."""
    objects = annotation.objects
    if all(obj.name == plain(obj.name) for obj in objects):
        return annotation
    named = tuple(dataclasses.replace(obj, name=plain(obj.name)) for obj in objects)
    return dataclasses.replace(annotation, objects=named)


# The tag, unless a name of words with one blank between them follows. One search for a fixed beginning takes
# 1.5 us; an alternative such as <name>\s|\s</name> has none and takes 18. White space outside of ASCII is
# told by its bytes in UTF-8.
_WORD = (
    rb"(?:[^<\s\xc2\xe1-\xe3]|\xc2[^\x85\xa0]|\xe1(?!\x9a\x80)"
    rb"|\xe2(?!\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3(?!\x80\x80))++"
)
_BLANK_NAME = re.compile(rb"<name>(?!" + _WORD + rb"(?: " + _WORD + rb")*+</name>)")


@finds("class-case-or-blank-variant", claims=True)
def blank_names(sample: Sample) -> Iterator[Issue]:
    """Blanks around a name or in a row in it: to other tools 'cup ' is a class of its own."""
    data = sample.data
    if not _BLANK_NAME.search(data) and b"\0" not in data:  # NUL: UTF-16, where nothing can be searched
        return
    from annotools.formats.xml.editor import XmlFile

    path = sample.annotation.xml_path
    for index, name in enumerate(XmlFile(data).names()):
        if name is not None and name.text.strip() and name.text != (meant := plain(name.text)):
            has = "has blanks around it" if name.text != name.text.strip() else "has several blanks in a row"
            if len(name.text) == len(meant):
                has = "has a blank of another kind"
            message = f"name: {name.text!r} {has}, expected {meant!r}"
            yield Issue.of("class-case-or-blank-variant", message, path, name.line, index)


@finds_in_data_set("class-case-or-blank-variant")
def variants(data_set: DataSet) -> Iterator[Issue]:
    """Two class names that differ only in case, blanks, hyphens, underscores, width, accents or invisibly.

    The most frequent spelling is taken as the meant one; every object with another spelling is reported.
    Names that look the same are shown with escapes.
    """
    classes = data_set.census.classes
    for meant, *others in _spellings(data_set.census):
        for name in others:
            same = cleaned(name) == cleaned(meant)
            shown, other = (ascii(name), ascii(meant)) if same else (repr(name), repr(meant))
            fix = None if same else "map-classes"
            message = f"name: {shown} is a spelling variant of {other} ({classes[meant].count} objects)"
            if not same:
                message += f" (--map-class {_quoted(name)}={_quoted(meant)})"
            yield from classes[name].issues("class-case-or-blank-variant", message, fix)


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _spellings(census: Census) -> list[list[str]]:
    """The class names in groups of one meaning, the most frequent spelling first."""
    groups: dict[str, list[str]] = {}
    for name in census.classes:
        groups.setdefault(fold_class(name), []).append(name)
    for names in groups.values():
        names.sort(key=lambda name: (-census.classes[name].count, name))
    return list(groups.values())


MISSPELT_SHARE = 0.1


@finds_in_data_set("class-misspelt")
def misspelt(data_set: DataSet) -> Iterator[Issue]:
    """A rare name that is one letter from a frequent one: "bowk", once, beside "bowl", 45 times.

    Digits may differ (cam1, cam2), and short names (car, cat) are words of their own.
    """
    classes = data_set.census.classes
    for name, meant in _misspelt(data_set.census).items():
        message = (
            f"name: {name!r} ({classes[name].count} objects) is one letter from {meant!r} "
            f"({classes[meant].count} objects), did you mean that? "
            f"(--map-class {_quoted(name)}={_quoted(meant)})"
        )
        yield from classes[name].issues("class-misspelt", message)


def _misspelt(census: Census) -> dict[str, str]:
    """Rare names, and the frequent one that each is one letter from and no other spelling of."""
    classes = census.classes
    meant = {name: names[0] for names in _spellings(census) for name in names}
    frequent = sorted(name for name in classes if classes[name].count >= RARE_BELOW and len(name) >= 3)
    found: dict[str, str] = {}
    for name, occurrences in sorted(classes.items()):
        near = [
            other
            for other in frequent
            if meant[name] != meant[other]
            and occurrences.count <= MISSPELT_SHARE * classes[other].count
            and _is_one_letter(name, other)
        ]
        if near:
            found[name] = max(near, key=lambda other: classes[other].count)
    return found


def _is_one_letter(name: str, other: str) -> bool:
    """Whether one letter was exchanged, left out, added, or two neighbours changed places."""
    shorter, longer = sorted((name, other), key=len)
    if len(longer) - len(shorter) > 1 or len(longer) < 4 or len(shorter) < 3 or name == other:
        return False
    start = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :] and not longer[start].isdigit()
    if longer[start].isdigit() or shorter[start].isdigit():
        return False
    swapped = shorter[start : start + 2] == longer[start : start + 2][::-1]
    return shorter[start + 1 :] == longer[start + 1 :] or (
        swapped and shorter[start + 2 :] == longer[start + 2 :]
    )


@finds_in_data_set("class-rare")
def rare_classes(data_set: DataSet) -> Iterator[Issue]:
    """Fewer than 10 objects, and fewer than a twentieth of what the median class has, and not misspelt.

    Other spellings of a class count for it, and are not rare classes themselves.
    """
    census = data_set.census
    totals = {names[0]: sum(census.classes[name].count for name in names) for names in _spellings(census)}
    if not totals:
        return
    counts = sorted(totals.values())
    median = counts[len(counts) // 2]
    slips = _misspelt(census)
    for name, count in sorted(totals.items()):
        if name not in slips and count < RARE_BELOW and count < RARE_SHARE * median:
            message = f"name: class {name!r} has {count} object{'s' * (count > 1)}, the median class {median}"
            yield Issue.of("class-rare", message, *census.classes[name].places[0])


@finds_in_data_set("class-imbalance")
def imbalance(data_set: DataSet) -> Iterator[Issue]:
    """The most frequent class has at least 50 times the objects of the rarest."""
    classes = data_set.census.classes
    if len(classes) < 2:
        return
    counts = {name: occurrences.count for name, occurrences in classes.items()}
    most = max(counts, key=lambda name: counts[name])
    least = min(counts, key=lambda name: counts[name])
    if counts[most] >= IMBALANCE * counts[least]:
        message = (
            f"classes: {most!r} has {counts[most]} objects and {least!r} {counts[least]}, "
            f"{counts[most] / counts[least]:.0f} times as many"
        )
        yield Issue.of("class-imbalance", message)
