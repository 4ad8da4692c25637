"""RandAugment and RandomOrder: torchvision's strengths, every op and order as often, boxes stay."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from annotools import augment as a
from annotools.augment.ops.rand_augment import STRONGEST, contrasted, strengths
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.start import start
from annotools.errors import OptionError
from annotools.testing.box_consistency import check_box_consistency

TABLE = json.loads((Path(__file__).parents[1] / "data" / "augment" / "rand_augment.json").read_text())
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
PICTURES = 1400
DRAFTED = ("Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize")  # in this order


def plans(op: Any, count: int = PICTURES, image: Any = IMAGE) -> a.Plan:
    augmenter = a.Augmenter(op, image.shape[:2])
    one = a.make_sample(image, [[10, 5, 40, 30]], [0])
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], count, 0), one)
    draws = [augmenter.draw(a.example_seed(0, 0, number)) for number in range(count)]
    return augmenter.plan(samples, tf.nest.map_structure(lambda *values: tf.stack(values), *draws))


@pytest.mark.parametrize("case", TABLE["magnitudes"])
def test_strengths_are_those_of_torchvision(case: str) -> None:
    magnitude, bins = (int(number) for number in case.split(" of "))
    found = strengths(magnitude, bins)
    expected = TABLE["magnitudes"][case]
    assert list(found) == list(expected) == list(STRONGEST)
    for name, (number, _) in expected.items():
        if number is not None:
            side = {"TranslateX": 300, "TranslateY": 200}.get(name, 1)
            assert found[name] * side == pytest.approx(number, abs=1e-4), name


def which(plan: a.Plan) -> list[str]:
    """What happened to each picture, told from its numbers."""
    matrices = plan.matrices.numpy()[:, 0]
    color = plan.color_steps[0].numbers.numpy()
    names = np.full(len(matrices), "Identity", object)
    slopes = matrices[:, 0, 1], matrices[:, 1, 0]
    names[(slopes[0] != 0) & (slopes[1] == 0)] = "ShearX"
    names[(slopes[0] == 0) & (slopes[1] != 0)] = "ShearY"
    names[(slopes[0] != 0) & (slopes[1] != 0)] = "Rotate"
    still = (slopes[0] == 0) & (slopes[1] == 0)
    names[still & (matrices[:, 0, 2] != 0)] = "TranslateX"
    names[still & (matrices[:, 1, 2] != 0)] = "TranslateY"
    names[(color[:, 0, 0] != 1) & (color[:, 0, 1] == 0)] = "Brightness"
    names[color[:, 0, 1] != 0] = "Color"
    for name, step in zip(DRAFTED, plan.color_steps[1:], strict=True):
        names[np.asarray(step.on)] = name
    return names.tolist()


def test_each_of_the_fourteen_as_often_and_both_ways() -> None:
    plan = plans(a.RandAugment(count=1))
    names = np.array(which(plan))
    counts = Counter(names)
    assert set(counts) == set(STRONGEST)
    expected = PICTURES / 14
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 34.5  # 13 degrees of freedom, one in a thousand
    table = TABLE["magnitudes"]["9 of 31"]
    matrices, color = plan.matrices.numpy()[:, 0], plan.color_steps[0].numbers.numpy()
    numbers = {
        "ShearX": matrices[:, 0, 1],
        "ShearY": matrices[:, 1, 0],
        "Rotate": np.degrees(np.arcsin(np.clip(matrices[:, 0, 1], -1, 1))),
        "Brightness": color[:, 0, 0] - 1,
        **{
            name: step.numbers.numpy()[:, 0] - 1
            for name, step in zip(DRAFTED[:2], plan.color_steps[1:], strict=False)
        },
    }
    for name, values in numbers.items():
        chosen = values[names == name]
        np.testing.assert_allclose(np.abs(chosen), table[name][0], atol=1e-6)
        assert 0.3 < (chosen > 0).mean() < 0.7
    shifts = matrices[names == "TranslateX", 0, 2]
    assert set(np.abs(shifts)) == {int(60 * 150 / 331 * 9 / 30)}


def test_shears_keep_the_corner_and_turns_the_middle() -> None:
    plan = plans(a.RandAugment(count=1, magnitude=30))
    names, matrices = np.array(which(plan)), plan.matrices.numpy()[:, 0]
    for name, point in {"ShearX": (0, 0), "ShearY": (0, 0), "Rotate": (30, 20)}.items():
        for matrix in matrices[names == name]:
            np.testing.assert_allclose(matrix[:, :2] @ point + matrix[:, 2], point, atol=1e-9)


@pytest.mark.parametrize("factor", [0.4, 1.6])
def test_contrast_is_that_of_pillow(factor: float) -> None:
    found = contrasted(tf.constant(IMAGE, tf.float32), tf.constant([factor])).numpy()
    expected = np.asarray(ImageEnhance.Contrast(Image.fromarray(IMAGE)).enhance(factor)).astype(int)
    assert np.abs(np.clip(found, 0, 255) - expected).max() <= 1


def test_several_and_none_of_them() -> None:
    untouched = plans(a.RandAugment(p=0.0), 20)
    assert set(which_of_two(untouched)) == {0}
    assert np.mean(which_of_two(plans(a.RandAugment(), 200))) > 1.5


def which_of_two(plan: a.Plan) -> list[int]:
    """How many steps of colour, and whether a map, a picture has: about how many ops happened."""
    moved = (plan.matrices.numpy()[:, 0] != np.eye(2, 3)).any((1, 2))
    counts: list[int] = (steps_done(plan) + moved).tolist()
    return counts


def steps_done(plan: a.Plan) -> Any:
    return np.sum([np.asarray(step.on).astype(int) for step in plan.color_steps], 0)


def test_ops_of_ones_own() -> None:
    own = (a.HorizontalFlip(1.0), a.VerticalFlip(1.0), a.Solarize((0, 0), p=1.0))
    plan = plans(a.RandAugment(2, ops=own), 400)
    x, y = (plan.matrices.numpy()[:, 0, k, k] < 0 for k in (0, 1))
    solarized = steps_done(plan)
    both, twice = (x & y).mean(), (solarized == 2).mean()
    assert both == pytest.approx(2 / 9, abs=0.06)
    assert twice == pytest.approx(1 / 9, abs=0.06)
    assert (~x & ~y & (solarized == 0)).mean() == pytest.approx(2 / 9, abs=0.06)  # there and back


def test_boxes_stay_on_their_objects() -> None:
    large = {"size": (300, 420), "tolerance": 1.5, "thinnest": 12}
    check_box_consistency(a.RandAugment(3, 20), **large)  # type: ignore[arg-type]
    check_box_consistency(
        a.RandAugment(2, ops=(a.RandomCrop(), a.Expand(p=1.0), a.Rot90(p=1.0))), tolerance=0.0
    )
    check_box_consistency(a.RandomOrder((a.RandomCrop(), a.Expand(p=1.0), a.Rot90(p=1.0))), tolerance=0.0)


@pytest.mark.parametrize("field", ["magnitude", "bins", "count", "ops"])
def test_what_cannot_be(field: str) -> None:
    with pytest.raises(OptionError) as caught:
        a.RandAugment(**{field: 31 if field == "magnitude" else ()})  # type: ignore[arg-type]
    assert caught.value.field == field


# ----- RandomOrder -----


def test_every_order_as_often() -> None:
    """A shift, a stretch and a mirror do not commute."""

    def shifted(draft: a.Draft, draws: tf.Tensor) -> a.Draft:
        return draft.scaled([1.0, 1.0], [1.0, 0.0])

    def doubled(draft: a.Draft, draws: tf.Tensor) -> a.Draft:
        return draft.scaled([2.0, 1.0], [0.0, 0.0])

    def mirrored(draft: a.Draft, draws: tf.Tensor) -> a.Draft:
        return draft.scaled([-1.0, 1.0], [60.0, 0.0])

    ops = {"s": lambda x: x + 1, "d": lambda x: 2 * x, "m": lambda x: 60 - x}
    expected = {}
    for order in itertools.permutations(ops):
        x = 0.0
        for name in order:
            x = ops[name](x)
        expected["".join(order)] = x
    op = a.RandomOrder((shifted, doubled, mirrored))
    one = a.make_sample(IMAGE, [], [])
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], 600, 0), one)
    draws = np.random.default_rng(0).random((600, op.draws)).astype(np.float32)
    draft = op(start(samples, Kind(), a.BoxPolicy(), 0), tf.constant(draws))
    seen = Counter(draft.matrices[:, 0, 0, 2].numpy().tolist())
    wanted = Counter(expected.values())
    assert set(seen) == set(wanted)
    for x, ways in wanted.items():
        assert seen[x] / 600 == pytest.approx(ways / 6, abs=0.06)


def test_colours_in_every_order() -> None:
    ops = (a.Solarize((0, 0), p=1.0), a.Gamma((2.0, 2.0), p=1.0))
    seen = set()
    for example in range(12):
        found = a.apply(a.RandomOrder(ops), IMAGE, [], [], example_id=example).image.numpy()
        gamma = np.rint(255 * (IMAGE / 255.0) ** 2)
        if np.abs(found - (255 - gamma)).max() <= 1:
            seen.add("gamma first")
        elif np.abs(found - np.rint(255 * ((255 - IMAGE) / 255.0) ** 2)).max() <= 1:
            seen.add("gamma last")
        else:
            raise AssertionError("neither")
    assert len(seen) == 2


def test_its_p() -> None:
    ops = (a.HorizontalFlip(1.0), a.Solarize((0, 0), p=1.0))
    mirrored = plans(a.RandomOrder(ops, p=0.25), 400).matrices.numpy()[:, 0, 0, 0] < 0
    assert mirrored.mean() == pytest.approx(0.25, abs=0.07)
