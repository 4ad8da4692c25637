"""Ops of a user's own: one class or function each, without any attribute that says what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import Draft
from annotools.testing.box_consistency import check_box_consistency

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
FILL = (9, 99, 199)


@dataclass(frozen=True)
class Gamma:
    """Colour that is no matrix: pixels to the power of a random exponent."""

    low: float = 0.5
    high: float = 2.0
    p: float = 1.0
    draws: ClassVar[int] = 2

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        exponent = self.low + draws[:, 1:] * (self.high - self.low)
        return draft.colored(exponent, self.corrected, on=draws[:, 0] < self.p)

    @staticmethod
    def corrected(pixels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        return 255.0 * tf.pow(pixels / 255.0, numbers[0])


def inverted(draft: Draft, draws: tf.Tensor) -> Draft:
    """Colour that is a matrix."""
    matrix = np.concatenate([-np.eye(3), np.full((3, 1), 255.0)], 1)[None]
    return draft.colored(tf.repeat(matrix, tf.shape(draft.canvas)[0], 0))


def left_half_erased(draft: Draft, draws: tf.Tensor) -> Draft:
    zero = tf.zeros_like(draft.width)
    half = tf.stack([zero, zero, draft.width / 2, draft.height], 1)
    return draft.erased(half[:, None], FILL, max_cover=0.6)


def striped(picture: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.range(tf.shape(picture)[1])[None, :, None] % 2 == 0, picture, tf.zeros_like(picture))


def turned(draft: Draft, draws: tf.Tensor) -> Draft:
    linear = tf.constant([[[0.8, 0.6], [-0.6, 0.8]]], tf.float64)
    center = draft.canvas / 2
    return draft.transformed(linear, center - tf.linalg.matvec(linear, center))


def test_a_matrix_is_linear_and_may_wait_for_the_batch() -> None:
    augmenter = a.Augmenter([inverted], (40, 60))
    assert augmenter.is_linear
    assert augmenter.has_color
    np.testing.assert_array_equal(a.apply([inverted], IMAGE, [], []).image, 255 - IMAGE)
    plan = augmenter.plan_one(a.make_sample(IMAGE, [], []), a.example_seed(0, 0, 0))
    plain = augmenter.execute(plan, color=False)
    together = a.apply_batch(plain[None], plan.color_matrix[None], plan.color_keep[None])[0]
    np.testing.assert_array_equal(together, 255 - IMAGE)


def test_a_function_of_colours_is_called_and_skipped_where_it_is_off() -> None:
    augmenter = a.Augmenter([Gamma()])
    assert augmenter.has_color
    assert not augmenter.is_linear
    found = a.apply([Gamma(2.0, 2.0)], IMAGE, [], [])
    np.testing.assert_allclose(found.image, 255 * (IMAGE / 255.0) ** 2, atol=0.51)
    np.testing.assert_array_equal(found.plan.color_steps[0].numbers, [2.0])
    off = a.apply([Gamma(2.0, 2.0, p=0.0)], IMAGE, [], [])
    np.testing.assert_array_equal(off.image, IMAGE)


def test_colour_steps_of_both_kinds_run_in_the_order_of_the_ops() -> None:
    squared = np.rint(255 * (IMAGE / 255.0) ** 2)
    np.testing.assert_allclose(
        a.apply([Gamma(2.0, 2.0), inverted], IMAGE, [], []).image, 255 - squared, atol=1
    )
    squared_later = 255 * ((255 - IMAGE) / 255.0) ** 2
    found = a.apply([inverted, Gamma(2.0, 2.0)], IMAGE, [], []).image
    np.testing.assert_allclose(found, squared_later, atol=0.51)


def test_values_of_a_function_are_cut_at_black_and_white() -> None:
    def overshoots(draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.colored(draws[:, :1], lambda pixels, numbers: pixels * 3.0 - 200.0)

    found = a.apply([overshoots], IMAGE, [], []).image
    np.testing.assert_array_equal(found, np.clip(IMAGE.astype(int) * 3 - 200, 0, 255))


def test_the_fill_keeps_its_colour() -> None:
    grown = a.Augmentation((Gamma(2.0, 2.0), a.Expand(3.0, p=1.0)), fill=FILL)
    pictures = a.apply(grown, IMAGE, [], []).image.numpy()
    assert (pictures == FILL).all(-1).mean() > 0.2


def test_an_op_that_erases_paints_and_drops_what_it_covers() -> None:
    boxes = [[0, 0, 20, 20], [40, 0, 60, 20], [20, 0, 40, 40]]
    found = a.apply([left_half_erased], IMAGE, boxes, [0, 1, 2])
    np.testing.assert_array_equal(found.image[:, :30], np.broadcast_to(FILL, (40, 30, 3)))
    np.testing.assert_array_equal(found.image[:, 30:], IMAGE[:, 30:])
    assert found.labels.numpy().tolist() == [1, 2]
    assert found.dropped() == {"erased": 1}


def test_erasing_as_noise() -> None:
    def noisy(draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.erased(tf.concat([tf.zeros_like(draft.canvas), draft.canvas], 1)[:, None], None)

    black = np.zeros_like(IMAGE)
    one, same, other = (a.apply([noisy], black, [], [], example_id=k).image.numpy() for k in (0, 0, 1))
    assert one.std() == pytest.approx(74, abs=3)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_an_op_may_ask_for_the_finished_picture() -> None:
    found = a.apply([lambda draft, draws: draft.finished(striped), a.HorizontalFlip(1.0)], IMAGE, [], [])
    np.testing.assert_array_equal(found.image[:, ::2], IMAGE[:, ::-1][:, ::2])
    assert not found.image[:, 1::2].numpy().any()


def test_an_op_that_turns_keeps_boxes_on_their_objects() -> None:
    check_box_consistency([turned], size=(300, 420), tolerance=1.5, thinnest=12, cases=4)
    assert a.Augmenter([turned]).kind.turned
    assert not a.Augmenter([a.Rot90()]).kind.turned


OWN: dict[str, Any] = {
    "colour": [Gamma(), a.ColorJitter(), inverted],
    "all": [left_half_erased, Gamma(), lambda draft, draws: draft.finished(striped), a.Rot90()],
    "mosaic": [a.Mosaic(), Gamma(), left_half_erased],
}


@pytest.mark.parametrize("name", OWN)
def test_eagerly_and_in_a_data_set(name: str) -> None:
    """What `Augmenter.kind` finds out in a graph is what it finds out eagerly."""
    sample = a.make_sample(IMAGE, [[3, 3, 30, 30]], [1])
    seed = a.example_seed(0, 0, 7)
    augmenter, again = (a.Augmenter(OWN[name], (30, 50)) for _ in range(2))
    assert augmenter.kind.size == (30, 50)

    def made(one: a.Sample) -> tuple[tf.Tensor, ...]:
        plan = again.plan_one(one, seed, partner=lambda k, _: one)
        return again.execute(again.for_pixels(plan)), plan.boxes

    picture, boxes = next(iter(tf.data.Dataset.from_tensors(sample).map(made)))
    plan = augmenter.plan_one(sample, seed, partner=lambda k, _: sample)
    np.testing.assert_array_equal(picture, augmenter.execute(plan))
    np.testing.assert_array_equal(boxes, plan.boxes)
    assert again.kind == augmenter.kind
