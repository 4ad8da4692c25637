"""Rules on an object as a whole: its parts, its rotation, and whether it is meant to be there."""

from __future__ import annotations

import re

from annotools.issues import Issue
from annotools.records import Box, Object, number
from annotools.validation.rules.rule import Sample, finds

_DELETED = re.compile(r"<deleted>\s*(?:1|yes|true)\s*</deleted>", re.IGNORECASE).fullmatch


@finds("part-outside-object")
def parts(sample: Sample) -> list[Issue]:
    """Less than half of a part's box lies in the box of its object.

    VOC's own head and hand boxes stick out a little; half is where it becomes another object's part.
    """
    issues = []
    for index, obj in enumerate(sample.annotation.objects):
        for part in obj.parts:
            if part.bndbox is None or obj.bndbox is None:
                continue
            inside = _intersection(part.bndbox, obj.bndbox)
            if inside < 0.5 * part.bndbox.area or part.bndbox.area == 0:
                corners = ", ".join(number(value) for value in part.bndbox.as_tuple())
                message = (
                    f"part: {part.name!r} ({corners}) lies outside the bndbox of its object, "
                    f"expected at least half of it inside"
                )
                issues.append(sample.at_box("part-outside-object", message, index))
    return issues


def _intersection(a: Box, b: Box) -> float:
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    return max(width, 0.0) * max(height, 0.0)


@finds("rotated-box-ignored")
def rotations(sample: Sample) -> list[Issue]:
    """The object is rotated, and training sees only its upright bndbox.

    roLabelImg and DIOR-R write `<robndbox>`; CVAT writes the box before its rotation and the angle in
    degrees as an attribute (cvat/issues/5881), so that its bndbox does not even enclose the object.
    """
    issues = []
    for index, obj in enumerate(sample.annotation.objects):
        if obj.rotated is not None:
            found = "robndbox: a rotated box"
        elif obj.attributes and (angle := _angle(obj)):
            found = f"attribute rotation: {angle} degrees"
        else:
            continue
        message = f"{found}, of which only the axis-aligned bndbox is used"
        if obj.bndbox is None:
            message = f"{found}, and no bndbox"
        issues.append(sample.at_box("rotated-box-ignored", message, index))
    return issues


def _angle(obj: Object) -> str:
    for name, value in obj.attributes:
        if name == "rotation":
            try:
                return number(float(value)) if float(value) % 360 else ""
            except ValueError:
                return ""
    return ""


def is_deleted(obj: Object) -> bool:
    """Whether the labeller has marked the object as deleted."""
    return bool(obj.extras) and any(map(_DELETED, obj.extras))


@finds("object-deleted")
def deleted(sample: Sample) -> list[Issue]:
    """LabelMe's web tool marks a deleted object instead of removing it.

    Whoever trains on it trains on what the labeller threw away; `convert` leaves it out and counts it.
    """
    issues = []
    for index, obj in enumerate(sample.annotation.objects):
        if obj.extras and is_deleted(obj):
            message = f"deleted: the labeller has deleted this {obj.name!r}, expected no trace of it"
            issues.append(sample.at_object("object-deleted", message, index))
    return issues
