"""Sometimes, OneOf, SomeOf, RandomOrder: how often which op happens, for every kind of op."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.errors import OptionError

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
PICTURES = 300
KINDS: dict[str, Any] = {
    "geometry": a.HorizontalFlip(1.0),
    "turn": a.Rotate(40.0),
    "crop": a.RandomCrop((6, 8)),
    "matrix": a.Grayscale(1.0),
    "function": a.Solarize((0.0, 0.0), p=1.0),
    "erasure": a.Cutout(p=1.0, fill=(1, 2, 3)),
    "picture": a.OnPixels(lambda pixels, seed: 255 - pixels),
}


def made(op: Any, example: int = 0, **options: Any) -> Any:
    return a.apply(op, IMAGE, [[2, 2, 9, 9]], [0], example_id=example, image_size=(12, 16), **options)


def numbers(op: Any, epoch: int = 0) -> a.Plan:
    """The plan of many pictures."""
    augmenter = a.Augmenter(op, (12, 16))
    one = a.make_sample(IMAGE, [[2, 2, 9, 9]], [0])
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], PICTURES, 0), one)
    draws = [augmenter.draw(a.example_seed(0, epoch, number)) for number in range(PICTURES)]
    return augmenter.plan(
        samples, tf.nest.map_structure(lambda *values: tf.stack(values), *draws), epoch=epoch
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_op_happens_wholly_or_not_at_all(kind: str) -> None:
    untouched = made(None)
    seen = Counter[str]()
    for example in range(16):
        found = made(a.Sometimes(KINDS[kind]), example)
        alike = np.array_equal(found.image, untouched.image) and np.array_equal(found.boxes, untouched.boxes)
        seen["not" if alike else "done"] += 1
        np.testing.assert_array_equal(made(a.Sometimes(KINDS[kind], 0.0), example).image, untouched.image)
        assert not np.array_equal(made(a.Sometimes(KINDS[kind], 1.0), example).image, untouched.image)
    assert min(seen["not"], seen["done"]) >= 3


def test_random_order_of_every_kind() -> None:
    ops = tuple(op for kind, op in KINDS.items() if kind != "turn")
    found = [made(a.RandomOrder(ops), example) for example in range(4)]
    assert len({one.image.numpy().tobytes() for one in found}) == 4
    with pytest.raises(OptionError, match="again a rotation"):
        made(a.RandomOrder(tuple(KINDS.values())))
    plan = numbers(a.RandomOrder((a.Grayscale(1.0), KINDS["picture"], KINDS["erasure"], KINDS["function"])))
    on = np.array([np.asarray(step.on) for step in plan.color_steps])
    assert (on.sum(0) == 3).all()  # of the steps of colour each happens once, in whatever place
    assert ((plan.erased.numpy()[..., 2:] > plan.erased.numpy()[..., :2]).all(2).sum(1) == 1).all()


def test_one_of_does_exactly_one_each_as_often() -> None:
    plan = numbers(a.OneOf((a.HorizontalFlip(1.0), a.VerticalFlip(1.0), a.Grayscale(1.0))))
    horizontal = plan.matrices[:, 0, 0, 0].numpy() < 0
    vertical = plan.matrices[:, 0, 1, 1].numpy() < 0
    gray = (plan.color_matrix.numpy() != np.eye(3, 4)).any((1, 2))
    assert ((horizontal + vertical.astype(int) + gray) == 1).all()
    for happened in (horizontal, vertical, gray):
        assert happened.mean() == pytest.approx(1 / 3, abs=0.08)


def test_some_of_does_as_many_as_were_asked_for() -> None:
    ops = (a.HorizontalFlip(1.0), a.VerticalFlip(1.0), a.Grayscale(1.0), a.Gamma((2.0, 2.0), p=1.0))
    plan = numbers(a.SomeOf(ops, 2, p=0.5))
    gray, gamma = plan.color_steps
    happened = [
        plan.matrices[:, 0, 0, 0].numpy() < 0,
        plan.matrices[:, 0, 1, 1].numpy() < 0,
        (gray.numbers.numpy() != np.eye(3, 4)).any((1, 2)),
        np.asarray(gamma.on),
    ]
    count = np.sum(happened, 0)
    assert set(count.tolist()) == {0, 2}
    assert (count == 2).mean() == pytest.approx(0.5, abs=0.08)
    for one in happened:
        assert one[count == 2].mean() == pytest.approx(0.5, abs=0.12)


def test_a_schedule_switches_a_choice_inside_the_graph() -> None:
    op = a.Sometimes(a.HorizontalFlip(1.0), a.Schedule(((0, 0.0), (3, 1.0))))
    assert not (numbers(op, 2).matrices[:, 0, 0, 0].numpy() < 0).any()
    assert (numbers(op, 3).matrices[:, 0, 0, 0].numpy() < 0).all()


def test_choices_in_choices() -> None:
    inner = a.OneOf((a.HorizontalFlip(1.0), a.Sometimes(a.VerticalFlip(1.0))))
    plan = numbers(a.OneOf((inner, a.Grayscale(1.0))))
    gray = (plan.color_matrix.numpy() != np.eye(3, 4)).any((1, 2))
    flipped = (plan.matrices[:, 0, 0, 0].numpy() < 0) | (plan.matrices[:, 0, 1, 1].numpy() < 0)
    assert gray.mean() == pytest.approx(0.5, abs=0.08)
    assert flipped.mean() == pytest.approx(0.375, abs=0.08)
    assert not (gray & flipped).any()


def test_a_crop_that_did_not_happen_hides_nothing_later() -> None:
    ops = [a.OneOf((a.RandomCrop((6, 8)), a.Grayscale(1.0))), a.Expand(2.0, p=1.0)]
    plan = numbers(ops)
    gray = (plan.color_matrix.numpy() != np.eye(3, 4)).any((1, 2))
    np.testing.assert_allclose(plan.visibility.numpy()[gray, 0], 1)
    assert (plan.reads.numpy()[~gray, 0, 2:] <= [6, 8]).all()  # and one that did hides what it cut off
    assert (plan.reads.numpy()[gray, 0, 2:] == [12, 16]).all()


def test_a_crop_before_a_rotation_that_did_not_happen_hides_what_it_cut_off() -> None:
    def filled(middle: Any, example: int) -> Any:
        ops = (a.RandomCrop((6, 8)), middle, a.Expand(3.0, p=1.0))
        found = a.apply(a.Augmentation(ops, fill=(1, 2, 3)), IMAGE, [], [], example_id=example)
        return (found.image.numpy() == (1, 2, 3)).all(-1), found.plan.matrices.numpy()[0, 0, 1] != 0

    unturned = 0
    for example in range(8):
        expected, _ = filled(lambda draft, draws: draft, example)
        fill, is_turned = filled(a.Sometimes(a.Rotate(40.0)), example)
        if not is_turned:
            np.testing.assert_array_equal(fill, expected)
            unturned += 1
    assert 2 <= unturned <= 6


def test_the_draws_of_one_choice_are_its_own() -> None:
    few = a.Augmenter([a.Sometimes(a.Cutout(1)), a.Translate()]).draw(a.example_seed(0, 0, 0))
    many = a.Augmenter([a.Sometimes(a.Cutout(9)), a.Translate()]).draw(a.example_seed(0, 0, 0))
    np.testing.assert_array_equal(few.numbers[1], many.numbers[1])


@pytest.mark.parametrize("op", [a.Mosaic((5, 5)), a.MixUp()])
def test_ops_that_join_images_have_a_p_of_their_own(op: Any) -> None:
    with pytest.raises(OptionError, match="p of its own"):
        a.Sometimes(op)


@pytest.mark.parametrize("count", [0, 3, 1.5])
def test_there_must_be_so_many_ops(count: Any) -> None:
    with pytest.raises(OptionError) as caught:
        a.SomeOf((a.Rot90(), a.Rotate()), count)
    assert caught.value.field == "count"
