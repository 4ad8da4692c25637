"""The sweep over the boxes of an image against all pairs of them, looked at one by one."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.records import Annotation, Box, Object
from annotools.validation.rules import overlap
from annotools.validation.rules.overlap import overlaps, sweep_by_rows
from annotools.validation.rules.rule import Sample
from annotools.validation.rules.sweep import NEAR_DUPLICATE_IOU, sweep

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


@st.composite
def many_edges(draw: st.DrawFn) -> list[tuple[float, float, float, float, int]]:
    """Sorted boxes as the sweeps take them: on a grid, nearly equal, of fractions, and huge."""
    number = st.one_of(st.integers(0, 6).map(float), st.floats(0, 3), st.sampled_from([0.0, 1e-9, 1e308]))
    size = st.one_of(
        st.integers(1, 4).map(float), st.floats(97, 103), st.sampled_from([0.5, 1e308, math.inf])
    )
    drawn = draw(st.lists(st.tuples(number, number, size, size), max_size=30))
    indices = draw(st.permutations(range(len(drawn))))
    boxes = [(x, x + w, y, y + h, i) for (x, y, w, h), i in zip(drawn, indices, strict=True)]
    return sorted(box for box in boxes if box[0] < box[1] and box[2] < box[3])


def firsts(pairs: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The first pair of each rule and object."""
    seen: dict[tuple[str, int], tuple[str, int, int]] = {}
    for pair in pairs:
        seen.setdefault(pair[:2], pair)
    return list(seen.values())


@settings(max_examples=500)
@given(many_edges())
def test_both_ways_find_the_same_pairs_in_the_same_order(
    boxes: list[tuple[float, float, float, float, int]],
) -> None:
    assert list(sweep_by_rows(boxes)) == firsts(sweep(boxes))


@pytest.mark.parametrize("kind", ["random", "equal", "nearly equal", "nested", "one left edge"])
def test_both_ways_agree_on_many_boxes(kind: str) -> None:
    dice = random.Random(kind)
    boxes = []
    for index in range(400):
        x, y, w, h = (dice.uniform(*span) for span in ((0, 300), (0, 300), (50, 200), (50, 200)))
        if kind == "equal":
            x, y, w, h = index % 7, 0, 9, 9
        elif kind == "nearly equal":
            x, y, w, h = dice.uniform(0, 1), dice.uniform(0, 1), 100, 100
        elif kind == "nested":
            x, y, w, h = index / 9, index / 9, 100 - index / 5, 100 - index / 5
        elif kind == "one left edge":
            x = 0
        boxes.append((x, x + w, y, y + h, index))
    boxes.sort()
    assert list(sweep_by_rows(boxes)) == firsts(sweep(boxes))


def test_many_boxes_of_a_class_are_reported_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(0)
    corners = [(dice.randint(0, 40), dice.randint(0, 40)) for _ in range(300)]
    objects = tuple(
        Object(
            dice.choice(["a", "b"]), Box(x, y, x + dice.randint(1, 60), y + dice.randint(1, 60)), line=line
        )
        for line, (x, y) in enumerate(corners)
    )
    found = {}
    for limit in (1, 1000):
        monkeypatch.setattr(overlap, "MANY", limit)
        found[limit] = overlaps(Sample(Annotation(objects=objects)))
    assert found[1] == found[1000]
    assert len(found[1]) > 100
