"""Ratio splits: stable when images are added, groups kept together, stratified by the choice of the seed."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotools.conversion.splits import (
    RatioSplit,
    SplitOption,
    best_seed,
    class_table,
    compile_group_by,
    imbalance,
    parse_split,
)
from annotools.errors import OptionError

RATIOS = (("train", 0.8), ("val", 0.1), ("test", 0.1))


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (None, SplitOption()),
        ("train", SplitOption(names=("train",))),
        (" train , val ", SplitOption(names=("train", "val"))),
        ("train=0.8,val=0.1,test=0.1", SplitOption(ratios=RATIOS)),
        ("a=1", SplitOption(ratios=(("a", 1.0),))),
    ],
)
def test_what_the_option_may_say(text: str | None, option: SplitOption) -> None:
    assert parse_split(text) == option


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train,,val",
        "train,train",
        "train=0.8",
        "train=0.8,val=0.3",
        "train=0.8,val",
        "train=x,val=0.5",
        "train=1.5,val=-0.5",
        "train=nan,val=0.5",
        "../train",
        "a/b",
    ],
)
def test_what_it_may_not_say(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_split(text)
    assert caught.value.field == "--split"
    assert caught.value.found == text


@given(
    st.sets(st.text(min_size=1, max_size=12), min_size=1),
    st.sets(st.text(min_size=1, max_size=12)),
    st.integers(0, 10**6),
)
def test_adding_images_moves_none(old: set[str], new: set[str], seed: int) -> None:
    split = RatioSplit(RATIOS, seed)
    before = {i: split.assign(i) for i in sorted(old)}
    after = {i: RatioSplit(RATIOS, seed).assign(i) for i in sorted(old | new)}
    assert {i: after[i] for i in old} == before


def test_the_ratios_are_met_as_close_as_chance_allows() -> None:
    counts = Counter(RatioSplit(RATIOS, 3).assign(f"img{i:05d}") for i in range(20_000))
    for name, ratio in RATIOS:
        standard_deviation = (20_000 * ratio * (1 - ratio)) ** 0.5
        assert abs(counts[name] - 20_000 * ratio) < 4 * standard_deviation


def test_another_seed_is_another_split() -> None:
    ids = [f"img{i}" for i in range(200)]
    assert [RatioSplit(RATIOS, 0).assign(i) for i in ids] != [RatioSplit(RATIOS, 1).assign(i) for i in ids]


@pytest.mark.parametrize(
    ("pattern", "ids", "groups"),
    [
        (None, ["a_jpg.rf.0a1b", "a_jpg.rf.9f9f", "b"], ["a_jpg", "a_jpg", "b"]),
        (r"^(cam\d+)_", ["cam1_001", "cam1_002", "cam2_001", "other"], ["cam1", "cam1", "cam2", "other"]),
        (r"^[^-]+", ["x-1", "x-2"], ["x", "x"]),
    ],
)
def test_groups_stay_together(pattern: str | None, ids: list[str], groups: list[str]) -> None:
    for seed in range(20):
        split = RatioSplit((("a", 0.5), ("b", 0.5)), seed, compile_group_by(pattern))
        assert [split.group(i) for i in ids] == groups
        places: dict[str, set[str]] = {}
        for image_id, group in zip(ids, groups, strict=True):
            places.setdefault(group, set()).add(split.assign(image_id))
        assert all(len(where) == 1 for where in places.values())


def test_a_bad_group_pattern_is_named() -> None:
    with pytest.raises(OptionError, match="--group-by"):
        compile_group_by("(")


def test_the_best_seed_is_nearer_to_stratified_than_the_others() -> None:
    dice = random.Random(5)
    images = [(f"i{n}", dice.choices(["a", "b", "rare"], [0.6, 0.37, 0.03], k=3)) for n in range(120)]
    chosen = best_seed(RatioSplit(RATIOS), images)
    scores = [imbalance(s, class_table(s, images)) for s in (RatioSplit(RATIOS, n) for n in range(64))]
    assert scores[chosen] == min(scores)
    assert min(scores) < sorted(scores)[32] / 2
    table = class_table(RatioSplit(RATIOS, chosen), images)
    assert all(table[name]["rare"] for name, _ in RATIOS)
