"""What a person should know first: the warnings of a report, the worst on top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from annotools.issues import RULES_BY_ID
from annotools.sources.storage import printable
from annotools.view.findings import Findings
from annotools.view.stats import Stats

APART: Final = 0.05
"""Bits of divergence from which on two splits are worth a word."""
SMALL: Final = 0.5


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the overview. `rule` or `anchor` is where the page says more; `fix` cures it."""

    severity: str
    text: str
    rule: str | None = None
    anchor: str | None = None
    fix: str | None = None


def make_notes(figures: Stats, findings: Findings) -> list[Note]:
    """Errors and warnings of the rules, then what the figures say, then what is only worth knowing."""
    by_rules = [
        Note(RULES_BY_ID[rule].severity, f"{count:,} x {rule}: {RULES_BY_ID[rule].summary}", rule=rule,
             fix=RULES_BY_ID[rule].fix)
        for rule, count in findings.counts.items()
    ]  # fmt: skip
    serious = [note for note in by_rules if note.severity != "info"]
    return [*serious, *_of_figures(figures), *(note for note in by_rules if note.severity == "info")]


def _of_figures(figures: Stats) -> Iterator[Note]:
    for split in figures.splits:
        if split.missing:
            names = ", ".join(map(printable, split.missing[:10]))
            yield Note("warning", f"{printable(split.name)} has no object of {names}", anchor="classes-table")
    for pair, bits in figures.divergence.items():
        if bits is not None and bits > APART:
            names = printable(pair.replace("|", " and "))
            yield Note("warning", f"{names} are {bits:.2f} bits apart in their classes", anchor="splits")
    training = figures.boxes.training
    share = training["small"] / (sum(training.values()) or 1)
    if share > SMALL:
        height, width = figures.image_size
        text = f"{share:.0%} of the boxes are below 32x32 pixels at {width}x{height}"
        yield Note("warning", text, anchor="scales")
    if figures.crowding["other_class"]:
        count = figures.crowding["other_class"]
        yield Note("info", f"{count:,} boxes cover a box of another class by half or more", anchor="hints")
    for kind, count in figures.hint_counts.items():
        if count:
            yield Note("info", f"{count:,} x {kind}: worth a look", anchor="hints")
    if figures.images.negative:
        count = figures.images.negative
        text = "1 image has no object" if count == 1 else f"{count:,} images have no object"
        yield Note("info", text, anchor="counts")
