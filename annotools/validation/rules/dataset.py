"""Rules on the data set as a whole, judged from the census."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.validation.census import Census, Sightings

RARE_BELOW = 10
RARE_SHARE = 0.05
IMBALANCE = 50


def variant_issues(census: Census) -> Iterator[Issue]:
    """class-case-or-blank-variant: two class names that differ only in case, blanks, - and _, or width.

    The most frequent spelling is taken as the meant one; every object with another spelling is reported.
    """
    for names in _spellings(census):
        meant = f"{names[0]!r} ({census.classes[names[0]].count} objects)"
        for name in names[1:]:
            message = f"name: {name!r} is a spelling variant of {meant}"
            yield from _at_each_place("class-case-or-blank-variant", message, census.classes[name])


def _spellings(census: Census) -> list[list[str]]:
    """The class names in groups of one meaning, the most frequent spelling first."""
    groups: dict[str, list[str]] = {}
    for name in census.classes:
        groups.setdefault(_folded(name), []).append(name)
    for names in groups.values():
        names.sort(key=lambda name: (-census.classes[name].count, name))
    return list(groups.values())


def _folded(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character not in "-_" and not character.isspace())


def rare_issues(census: Census) -> Iterator[Issue]:
    """class-rare: fewer than 10 objects, and fewer than a twentieth of what the median class has.

    Other spellings of a class count for it, and are not rare classes themselves.
    """
    totals = {names[0]: sum(census.classes[name].count for name in names) for names in _spellings(census)}
    if not totals:
        return
    counts = sorted(totals.values())
    median = counts[len(counts) // 2]
    for name, count in sorted(totals.items()):
        if count < RARE_BELOW and count < RARE_SHARE * median:
            message = f"name: class {name!r} has {count} object{'s' * (count > 1)}, the median class {median}"
            yield Issue("class-rare", "warning", message, *census.classes[name].places[0])


def imbalance_issues(census: Census) -> Iterator[Issue]:
    """class-imbalance (info): the most frequent class has at least 50 times the objects of the rarest."""
    if len(census.classes) < 2:
        return
    counts = {name: sightings.count for name, sightings in census.classes.items()}
    most = max(counts, key=lambda name: counts[name])
    least = min(counts, key=lambda name: counts[name])
    if counts[most] >= IMBALANCE * counts[least]:
        message = (
            f"classes: {most!r} has {counts[most]} objects and {least!r} {counts[least]}, "
            f"{counts[most] / counts[least]:.0f} times as many"
        )
        yield Issue("class-imbalance", "info", message)


def difficult_issues(census: Census) -> Iterator[Issue]:
    """inconsistent-difficult: `<difficult>` is written for some objects and left out for others.

    Evaluation skips difficult objects; where two tools wrote the files, only one of them marked any.
    """
    written, absent = census.with_difficult, census.without_difficult
    if not written.count or not absent.count:
        return
    if absent.count <= written.count:
        message = f"difficult: missing here, but written for {written.count} of {census.objects} objects"
        yield from _at_each_place("inconsistent-difficult", message, absent)
    else:
        message = f"difficult: written here, but missing for {absent.count} of {census.objects} objects"
        yield from _at_each_place("inconsistent-difficult", message, written)


def origin_issues(census: Census) -> Iterator[Issue]:
    """coordinate-origin (info): the boxes speak against the way in which they are about to be read."""
    evidence = census.origin
    verdict = evidence.verdict
    if verdict == "one-based" and not census.one_based:
        advice = (
            "pixels are counted from 1, as in the VOC devkit (then use --box-origin one-based), or from 0 by "
            "labelImg, which writes 1 for 0 (then leave it)"
        )
    elif verdict == "zero-based" and census.one_based:
        advice = "pixels are counted from 0: use --box-origin as-written"
    else:
        return
    message = (
        f"bndbox: of {evidence.boxes} boxes {evidence.at_zero} start at 0, {evidence.at_one} at 1, "
        f"and {evidence.at_end} end at the image's width or height; {advice}"
    )
    yield Issue("coordinate-origin", "info", message)


def _at_each_place(rule: str, message: str, sightings: Sightings) -> Iterator[Issue]:
    for path, line, index in sightings.places:
        yield Issue(rule, "warning", message, path, line, index)
    hidden = sightings.count - len(sightings.places)
    if hidden:
        yield Issue(rule, "warning", f"{message}; and for {hidden} further objects")
