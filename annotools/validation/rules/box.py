"""Rules on the boxes of one annotation: ordered, finite, and inside the image.

Boxes are judged as edges in pixels, so the whole image is (0, 0, width, height). With `one_based`, what is
judged is (xmin - 1, ymin - 1, xmax, ymax): the reading that `--box-origin one-based` gives a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.records import Annotation, Box, Object
from annotools.validation.rules.status import is_deleted

# Tools that store fractions of the width write 500.0000000001 for 500; a thousandth of a pixel is never
# a labelling mistake (albumentations/issues/1497 and 459 are years of complaints about stricter checks).
TOLERANCE = 1e-3
_UNBOUNDED = 1.7976931348623157e308  # the largest float; infinity itself must not pass as "inside"


def box_issues(
    annotation: Annotation, *, width: int | None, height: int | None, one_based: bool = False
) -> list[Issue]:
    """The box faults that make an object unusable for training: all of severity error.

    `width` and `height` are those of the image the boxes were drawn on, in pixels; with None the box is
    judged without the far edges. Rules: box-missing (not for objects that are marked as deleted),
    box-not-finite, box-inverted, box-zero-area and box-outside-image. A box that only grazes an edge by less
    than TOLERANCE is inside.
    """
    issues: list[Issue] = []
    origin = 1 if one_based else 0
    right = _UNBOUNDED if width is None else width
    bottom = _UNBOUNDED if height is None else height
    index = -1
    for obj in annotation.objects:
        index += 1
        box = obj.bndbox
        if (
            box is not None
            and origin <= box.xmin < box.xmax + origin <= right + origin
            and origin <= box.ymin < box.ymax + origin <= bottom + origin
        ):
            continue
        if box is None:
            if not is_deleted(obj):
                issues.append(box_issue("box-missing", "error", _no_box(obj), annotation, index, obj))
            continue
        for rule, message in _faults(box, width, height, origin):
            issues.append(box_issue(rule, "error", message, annotation, index, obj))
    return issues


def _no_box(obj: Object) -> str:
    if obj.rotated is None and not (obj.polygon and obj.polygon.points):
        return "object: no usable bndbox, expected xmin, ymin, xmax and ymax"
    shape = "polygon" if obj.rotated is None else "rotated box"
    return f"object: a {shape} and no bndbox, which training needs (--fix box-from-shape makes it)"


def box_issue(
    rule: str, severity: str, message: str, annotation: Annotation, index: int, obj: Object
) -> Issue:
    """An Issue placed at the `<bndbox>` of object `index`, or at the object when it has no box."""
    line = obj.bndbox_line or obj.line
    return Issue(rule, severity, message, annotation.xml_path, line, index)  # type: ignore[arg-type]


def _faults(box: Box, width: int | None, height: int | None, origin: int) -> Iterator[tuple[str, str]]:
    wrong = [name for name in ("xmin", "ymin", "xmax", "ymax") if not math.isfinite(getattr(box, name))]
    if wrong:
        found = ", ".join(f"{name} is {number(getattr(box, name))}" for name in wrong)
        yield "box-not-finite", f"bndbox: {found}, expected a finite number of pixels"
        return
    xmin, ymin = box.xmin - origin, box.ymin - origin
    spans = (("x", "width", xmin, box.xmax), ("y", "height", ymin, box.ymax))
    for axis, _, low, high in spans:
        if low > high:
            yield (
                "box-inverted",
                f"bndbox: {axis}min is {number(low + origin)} and {axis}max is {number(high)}, "
                f"expected {axis}min below {axis}max",
            )
    empty = [(axis, side, high) for axis, side, low, high in spans if low == high]
    if empty:
        found = " and ".join(f"{side} is 0 ({axis}max is {number(high)})" for axis, side, high in empty)
        yield "box-zero-area", f"bndbox: {found}, expected more than 0 pixels"
    sides = []
    for axis, side, (low, high), limit in (
        ("x", "width", sorted((xmin, box.xmax)), width),
        ("y", "height", sorted((ymin, box.ymax)), height),
    ):
        # An inverted box is measured with its corners in order: xmin is then the far edge.
        near, far = ("min", "max") if low == (xmin if axis == "x" else ymin) else ("max", "min")
        if low < -TOLERANCE:
            shown = low + origin if near == "min" else low
            sides.append(
                f"{axis}{near} is {number(shown)}, {number(-low)} px before the image, "
                f"expected {origin if near == 'min' else 0} or more"
            )
        if limit is not None and high > limit + TOLERANCE:
            shown = high + origin if far == "min" else high
            sides.append(
                f"{axis}{far} is {number(shown)}, {number(high - limit)} px past the image, "
                f"expected {limit} (the {side}) or less"
            )
    if sides:
        yield "box-outside-image", f"bndbox: {'; '.join(sides)}"


def number(value: float) -> str:
    """A coordinate as a person writes it: 12 and 12.5, not 12.0 or 12.500000000001."""
    return f"{value:.10g}" if math.isfinite(value) else str(value)


TINY = 2.0
"""Pixels: a side shorter than this is a slip of the mouse, and nothing a detector can learn."""


def extent_issues(
    annotation: Annotation, *, width: int | None, height: int | None, one_based: bool = False
) -> list[Issue]:
    """box-tiny (warning): a side is under TINY pixels. box-whole-image (info): it is as big as the image."""
    issues = []
    origin = 1 if one_based else 0
    floor = TINY - origin
    for index, obj in enumerate(annotation.objects):
        box = obj.bndbox
        if box is None:
            continue
        box_width, box_height = box.xmax - box.xmin, box.ymax - box.ymin
        if box_width < floor or box_height < floor:
            # Without any extent it is box-zero-area or box-inverted.
            if -origin < box_width and -origin < box_height:
                message = (
                    f"bndbox: {number(box_width + origin)} x {number(box_height + origin)} pixels, "
                    f"expected at least {number(TINY)} each way"
                )
                issues.append(box_issue("box-tiny", "warning", message, annotation, index, obj))
        elif (
            width is not None
            and height is not None
            and box_width >= width - 1
            and box_height >= height - 1
            and box.xmin <= 1
            and box.ymin <= 1
        ):
            message = f"bndbox: covers the whole image of {width}x{height}"
            issues.append(box_issue("box-whole-image", "info", message, annotation, index, obj))
    return issues


def rotation_issues(annotation: Annotation) -> list[Issue]:
    """rotated-box-ignored (warning): the object is rotated, and training sees only its upright bndbox.

    roLabelImg and DIOR-R write `<robndbox>`; CVAT writes the box before its rotation and the angle in
    degrees as an attribute (cvat/issues/5881), so that its bndbox does not even enclose the object.
    """
    issues = []
    for index, obj in enumerate(annotation.objects):
        if obj.rotated is not None:
            found = "robndbox: a rotated box"
        elif obj.attributes and (angle := _angle(obj)):
            found = f"attribute rotation: {angle} degrees"
        else:
            continue
        message = f"{found}, of which only the axis-aligned bndbox is used"
        if obj.bndbox is None:
            message = f"{found}, and no bndbox"
        issues.append(box_issue("rotated-box-ignored", "warning", message, annotation, index, obj))
    return issues


def _angle(obj: Object) -> str:
    for name, value in obj.attributes:
        if name == "rotation":
            try:
                return number(float(value)) if float(value) % 360 else ""
            except ValueError:
                return ""
    return ""
