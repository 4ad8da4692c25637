"""Rules on the boxes of one annotation: ordered, finite, inside the image, and of a sensible size.

Boxes are judged as edges in pixels, so the whole image is (0, 0, width, height). With `one_based`, what is
judged is (xmin - 1, ymin - 1, xmax, ymax): the reading that `--box-origin one-based` gives a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from annotools.issues import Issue, Severity
from annotools.records import GRAZING, TOLERANCE, Box, Object, number, outside
from annotools.validation.rules.objects import is_deleted
from annotools.validation.rules.rule import Sample, finds

_NOWHERE = Box(math.nan, math.nan, math.nan, math.nan)


@finds("box-inverted", "box-zero-area", "box-outside-image", "box-not-finite", "box-missing")
def boxes(sample: Sample) -> list[Issue]:
    """The faults of a box that make an object unusable for training.

    Where the width or the height is not known, the box is judged without that far edge. A box that sticks out
    by less than half a pixel is an info: `convert` clips it; by less than TOLERANCE it is inside. box-missing
    is not said of objects that are marked as deleted, nor of those of which the reader has said already why
    they have no box.
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
            for rule, message, severity, fix in _faults(obj.bndbox, width, height, origin):
                issues.append(sample.at_box(rule, message, index, severity, fix))
        elif not is_deleted(obj) and sample.index_in_file(index) not in sample.unread:
            issues.append(sample.at_box("box-missing", _no_box(obj), index))
    return issues


def _no_box(obj: Object) -> str:
    if obj.rotated is None and not (obj.polygon and obj.polygon.points):
        return "object: no usable bndbox, expected xmin, ymin, xmax and ymax"
    shape = "polygon" if obj.rotated is None else "rotated box"
    return f"object: a {shape} and no bndbox, which training needs (--fix box-from-shape makes it)"


_Fault = tuple[str, str, Severity | None, str | None]
"""Rule, message, and severity and fix where they are not those of the rule."""


def _faults(box: Box, width: int | None, height: int | None, origin: int) -> Iterator[_Fault]:
    wrong = [name for name in ("xmin", "ymin", "xmax", "ymax") if not math.isfinite(getattr(box, name))]
    if wrong:
        found = ", ".join(f"{name} is {number(getattr(box, name))}" for name in wrong)
        yield "box-not-finite", f"bndbox: {found}, expected a finite number of pixels", None, None
        return
    xmin, ymin = box.xmin - origin, box.ymin - origin
    spans = (("x", "width", xmin, box.xmax), ("y", "height", ymin, box.ymax))
    inverted = [(axis, low + origin, high) for axis, _, low, high in spans if low > high]
    empty = [(axis, side, high) for axis, side, low, high in spans if low == high]
    if inverted:
        yield _inverted(box, inverted)
    elif empty:
        found = " and ".join(f"{side} is 0 ({axis}max is {number(high)})" for axis, side, high in empty)
        yield "box-zero-area", f"bndbox: {found}, expected more than 0 pixels", None, None
    sides = []
    farthest = 0.0
    for axis, side, (low, high), limit in (
        ("x", "width", sorted((xmin, box.xmax)), width),
        ("y", "height", sorted((ymin, box.ymax)), height),
    ):
        # An inverted box is measured with its corners in order: xmin is then the far edge.
        near, far = ("min", "max") if low == (xmin if axis == "x" else ymin) else ("max", "min")
        if low < -TOLERANCE:
            farthest = max(farthest, -low)
            shown = low + origin if near == "min" else low
            sides.append(
                f"{axis}{near} is {number(shown)}, {number(-low)} px before the image, "
                f"expected {origin if near == 'min' else 0} or more"
            )
        if limit is not None and high > limit + TOLERANCE:
            farthest = max(farthest, high - limit)
            shown = high + origin if far == "min" else high
            sides.append(
                f"{axis}{far} is {number(shown)}, {number(high - limit)} px past the image, "
                f"expected {limit} (the {side}) or less"
            )
    if sides:
        message = f"bndbox: {'; '.join(sides)}"
        if farthest < GRAZING and not inverted and not empty and _is_inside(box, width, height, origin):
            yield "box-outside-image", f"{message}; less than half a pixel, which is clipped", "info", None
        else:
            yield "box-outside-image", message, None, None


def _inverted(box: Box, axes: list[tuple[str, float, float]]) -> _Fault:
    found = ", ".join(
        f"{axis}min is {number(low)} and {axis}max is {number(high)}" for axis, low, high in axes
    )
    wanted = " and ".join(f"{axis}min below {axis}max" for axis, _, _ in axes)
    message = f"bndbox: {found}, expected {wanted}"
    if (copied := copied_edge(box)) is None:
        return "box-inverted", message, None, None
    return "box-inverted", f"{message}; {copied}, so that exchanging them may give a wrong box", None, ""


def copied_edge(box: Box) -> str | None:
    """ "ymax is xmin", where an edge of an inverted axis has the number of an edge of the other axis.

    A converter that copies one field into another writes such boxes; with the corners exchanged they look
    plausible and lie somewhere else.
    """
    inverted = {"x": box.xmin > box.xmax, "y": box.ymin > box.ymax}
    if not any(inverted.values()):
        return None
    for x, y in (("xmin", "ymax"), ("xmax", "ymin"), ("xmin", "ymin"), ("xmax", "ymax")):
        value = getattr(box, x)
        # Edges at the border of the image are equal by themselves; so are xmin and ymin of a square on the
        # diagonal, both of whose axes are inverted.
        if value == getattr(box, y) and value > 1 and not (x[1:] == y[1:] and all(inverted.values())):
            return f"{y} is {x}" if inverted["y"] else f"{x} is {y}"
    return None


def _is_inside(box: Box, width: int | None, height: int | None, origin: int) -> bool:
    """Whether something of a box is inside the image."""
    right, bottom = width or math.inf, height or math.inf
    return box.xmin - origin < right and box.ymin - origin < bottom and box.xmax > 0 and box.ymax > 0


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
