"""Rules on boxes that are fine alone but odd beside others of their class: drawn twice, one inside another.

A plain sweep serves the usual image; from MANY boxes of a class on the same pairs come from NumPy, for 10,000
boxes in a hundredth of the time (benchmarks/overlap.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from annotools.issues import Issue
from annotools.validation.rules.rule import Sample, finds
from annotools.validation.rules.sweep import ClosePair, Edges, sweep

MANY = 200
"""Boxes of one class in an image from which loading NumPy pays."""

_MESSAGES = {
    "duplicate-box": "bndbox: the same {name!r} box as {other}, expected each object once",
    "near-duplicate-box": "bndbox: nearly the same {name!r} box as {other}, expected each object once",
    "contained-same-class": "bndbox: lies inside the {name!r} box of {other}",
}


@finds("duplicate-box", "near-duplicate-box", "contained-same-class")
def overlaps(sample: Sample) -> list[Issue]:
    """duplicate-box (IoU 1), near-duplicate-box (IoU over 0.95) and contained-same-class.

    Each is said of the later of the two objects, except contained-same-class, which is said of the inner one;
    and each once for an object, however many boxes it resembles or lies in.
    """
    objects = sample.annotation.objects
    if len(objects) < 2 or len({obj.name for obj in objects}) == len(objects):
        return []
    by_name: dict[str, list[Edges]] = {}
    for index, obj in enumerate(objects):
        box = obj.bndbox
        if box is not None and box.xmin < box.xmax and box.ymin < box.ymax:
            by_name.setdefault(obj.name, []).append((box.xmin, box.xmax, box.ymin, box.ymax, index))
    issues = []
    seen = set()
    for name, boxes in by_name.items():
        if len(boxes) < 2:
            continue
        boxes.sort()
        for rule, index, other in sweep(boxes) if len(boxes) < MANY else sweep_by_rows(boxes):
            if (rule, index) in seen:
                continue
            seen.add((rule, index))
            mate = objects[other]
            where = f"object {other} (line {mate.bndbox_line or mate.line})"
            issues.append(sample.at_box(rule, _MESSAGES[rule].format(name=name, other=where), index))
    return issues


def sweep_by_rows(boxes: list[Edges]) -> Iterator[ClosePair]:
    """Of the pairs of `sweep`, in its order, the first of each rule and object."""
    from annotools.validation.rules.sweep_rows import Rows  # 90 ms for NumPy

    return Rows(boxes).pairs()
