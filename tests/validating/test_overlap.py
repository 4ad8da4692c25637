"""The sweep over the boxes of an image against all pairs of them, looked at one by one."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from annotools.records import Annotation, Box, Object
from annotools.validation.rules.overlap import NEAR_DUPLICATE_IOU, overlaps
from annotools.validation.rules.rule import Sample

Edges = tuple[int, int, int, int]


@st.composite
def edges(draw: st.DrawFn) -> Edges:
    """On a small grid, so that equal, touching and nested boxes are common; often large and nearly equal."""
    x, y = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    width, height = (draw(st.one_of(st.integers(1, 4), st.integers(97, 100))) for _ in range(2))
    return x, y, x + width, y + height


def iou(a: Edges, b: Edges) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def inside(a: Edges, b: Edges) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]


@given(st.lists(edges(), max_size=7))
def test_every_pair_is_judged(boxes: list[Edges]) -> None:
    objects = tuple(Object("a", Box(*box), line=number) for number, box in enumerate(boxes))
    found: dict[str, set[int]] = {}
    for issue in overlaps(Sample(Annotation(objects=objects))):
        assert issue.object_index is not None
        found.setdefault(issue.rule, set()).add(issue.object_index)

    pairs = list(combinations(range(len(boxes)), 2))
    same = {second for first, second in pairs if boxes[first] == boxes[second]}
    near = {
        second
        for first, second in pairs
        if boxes[first] != boxes[second] and iou(boxes[first], boxes[second]) > NEAR_DUPLICATE_IOU
    }
    within = {
        inner
        for first, second in pairs
        if boxes[first] != boxes[second] and iou(boxes[first], boxes[second]) <= NEAR_DUPLICATE_IOU
        for inner, outer in ((first, second), (second, first))
        if inside(boxes[inner], boxes[outer])
    }
    assert found.get("duplicate-box", set()) == same
    if not same:  # of equal boxes one stands for all when it is compared with others
        assert found.get("near-duplicate-box", set()) == near
        assert found.get("contained-same-class", set()) == within
