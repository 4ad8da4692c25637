"""Which boxes of one class in an image are close: equal, nearly equal, or one inside another."""

from __future__ import annotations

from collections.abc import Iterator

NEAR_DUPLICATE_IOU = 0.95

Edges = tuple[float, float, float, float, int]
"""xmin, xmax, ymin, ymax in pixels, and the index of the object."""

ClosePair = tuple[str, int, int]
"""(rule, index of the object it is said of, index of the other)."""


def sweep(boxes: list[Edges]) -> Iterator[ClosePair]:
    """All close pairs of sorted boxes: each box is compared with those to its right that begin in it."""
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
