"""Rules on boxes that are fine alone but odd beside others: drawn twice, one inside another, a stray part."""

from __future__ import annotations

from collections.abc import Iterator

from annotools.issues import Issue
from annotools.records import Annotation, Box
from annotools.validation.rules.box import box_issue, number

NEAR_DUPLICATE_IOU = 0.95


def overlap_issues(annotation: Annotation) -> list[Issue]:
    """duplicate-box (IoU 1), near-duplicate-box (IoU over 0.95) and contained-same-class (info).

    Only boxes with the same class name are compared. Each issue stands at the later of the two objects,
    except contained-same-class, which stands at the inner one, once however many boxes it lies in.
    """
    objects = annotation.objects
    if len(objects) < 2 or len({obj.name for obj in objects}) == len(objects):
        return []
    by_name: dict[str, list[tuple[float, float, float, float, int]]] = {}
    for index, obj in enumerate(objects):
        box = obj.bndbox
        if box is not None and box.xmin < box.xmax and box.ymin < box.ymax:
            by_name.setdefault(obj.name, []).append((box.xmin, box.xmax, box.ymin, box.ymax, index))
    issues = []
    contained = set()
    for boxes in by_name.values():
        if len(boxes) < 2:
            continue
        for rule, index, other in _close_pairs(sorted(boxes)):
            obj, mate = objects[index], objects[other]
            where = f"object {other} (line {mate.bndbox_line or mate.line})"
            if rule == "duplicate-box":
                severity = "warning"
                message = f"bndbox: the same {obj.name!r} box as {where}, expected each object once"
            elif rule == "near-duplicate-box":
                severity = "warning"
                message = f"bndbox: nearly the same {obj.name!r} box as {where}, expected each object once"
            elif index in contained:
                continue
            else:
                contained.add(index)
                severity = "info"
                message = f"bndbox: lies inside the {obj.name!r} box of {where}"
            issues.append(box_issue(rule, severity, message, annotation, index, obj))
    return issues


def _close_pairs(
    boxes: list[tuple[float, float, float, float, int]],
) -> Iterator[tuple[str, int, int]]:
    """(rule, object index, index of the other) for boxes sorted by xmin: a sweep from left to right."""
    for position, (left, right, top, bottom, index) in enumerate(boxes):
        for near in range(position + 1, len(boxes)):
            left2, right2, top2, bottom2, index2 = boxes[near]
            if left2 >= right:
                break
            if top2 >= bottom or bottom2 <= top:
                continue
            first, last = (index, index2) if index < index2 else (index2, index)
            if left == left2 and right == right2 and top == top2 and bottom == bottom2:
                yield "duplicate-box", last, first
                # Of three equal boxes two are reported, not three pairs.
                break
            overlap = (min(right, right2) - left2) * (min(bottom, bottom2) - max(top, top2))
            area, area2 = (right - left) * (bottom - top), (right2 - left2) * (bottom2 - top2)
            if overlap > NEAR_DUPLICATE_IOU * (area + area2 - overlap):
                yield "near-duplicate-box", last, first
            elif right2 <= right and top2 >= top and bottom2 <= bottom:
                yield "contained-same-class", index2, index
            elif left == left2 and right <= right2 and top >= top2 and bottom <= bottom2:
                yield "contained-same-class", index, index2


def part_issues(annotation: Annotation) -> list[Issue]:
    """part-outside-object (warning): less than half of a part's box lies in the box of its object.

    VOC's own head and hand boxes stick out a little; half is where it becomes another object's part.
    """
    issues = []
    for index, obj in enumerate(annotation.objects):
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
                issues.append(box_issue("part-outside-object", "warning", message, annotation, index, obj))
    return issues


def _intersection(a: Box, b: Box) -> float:
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    return max(width, 0.0) * max(height, 0.0)
