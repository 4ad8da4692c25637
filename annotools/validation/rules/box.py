"""Rules on the boxes of one annotation: ordered, finite, inside the image, and of a sensible size.

Boxes are judged as edges in pixels, so the whole image is (0, 0, width, height). With `one_based`, what is
judged is (xmin - 1, ymin - 1, xmax, ymax): the reading that `--box-origin one-based` gives a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.records import TOLERANCE, Box, Object, number, outside
from annotools.validation.rules.objects import is_deleted
from annotools.validation.rules.rule import Sample, finds

_NOWHERE = Box(math.nan, math.nan, math.nan, math.nan)


@finds("box-inverted", "box-zero-area", "box-outside-image", "box-not-finite", "box-missing")
def boxes(sample: Sample) -> list[Issue]:
    """The faults of a box that make an object unusable for training.

    Where the width or the height is not known, the box is judged without that far edge. A box that only
    grazes an edge by less than TOLERANCE is inside. box-missing is not said of objects that are marked as
    deleted, nor of those of which the reader has said already why they have no box.
    """
    issues: list[Issue] = []
    origin = 1 if sample.one_based else 0
    width, height = sample.width, sample.height
    objects = sample.annotation.objects
    edges = [
        (box.xmin - origin, box.ymin - origin, box.xmax, box.ymax)
        for box in [obj.bndbox or _NOWHERE for obj in objects]
    ]
    for index in outside(edges, width, height, empty=True):
        obj = objects[index]
        if obj.bndbox is not None:
            for rule, message in _faults(obj.bndbox, width, height, origin):
                issues.append(sample.at_box(rule, message, index))
        elif not is_deleted(obj) and sample.index_in_file(index) not in sample.unread:
            issues.append(sample.at_box("box-missing", _no_box(obj), index))
    return issues


def _no_box(obj: Object) -> str:
    if obj.rotated is None and not (obj.polygon and obj.polygon.points):
        return "object: no usable bndbox, expected xmin, ymin, xmax and ymax"
    shape = "polygon" if obj.rotated is None else "rotated box"
    return f"object: a {shape} and no bndbox, which training needs (--fix box-from-shape makes it)"


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


TINY = 2.0
"""Pixels: a side shorter than this is a slip of the mouse, and nothing a detector can learn."""


@finds("box-tiny", "box-whole-image")
def extents(sample: Sample) -> list[Issue]:
    """box-tiny: a side is under TINY pixels. box-whole-image: it is as big as the image."""
    issues = []
    origin = 1 if sample.one_based else 0
    width, height = sample.width, sample.height
    floor = TINY - origin
    for index, obj in enumerate(sample.annotation.objects):
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
                issues.append(sample.at_box("box-tiny", message, index))
        elif (
            width is not None
            and height is not None
            and box_width >= width - 1
            and box_height >= height - 1
            and box.xmin <= 1
            and box.ymin <= 1
        ):
            message = f"bndbox: covers the whole image of {width}x{height}"
            issues.append(sample.at_box("box-whole-image", message, index))
    return issues
