"""Functions of others: they run where they stand, and what has a state or gives something else is refused by
name, once, eagerly and where a graph is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import Draft
from annotools.errors import OptionError

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
GENERATOR = tf.random.Generator.from_seed(0)
VARIABLE = tf.Variable(3.0)
as_is = tf.autograph.experimental.do_not_convert  # which would wrap the error in one of its own


def inverted(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return 255 - pixels


def speckled(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.random.stateless_uniform(tf.shape(pixels), seed, 0, 256, tf.int32), tf.uint8)


def thresholded(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.where(pixels > 127, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))


# ----- where it stands -----


def made(*ops: Any, fill: Any = (7, 8, 9), example: int = 0) -> Any:
    return a.apply(
        a.Augmentation(ops, fill=fill), IMAGE, [[2, 2, 9, 9]], [0], example_id=example
    ).image.numpy()


def test_colours_before_and_behind_it() -> None:
    darker = a.Gamma((2.0, 2.0), p=1.0)
    first = np.rint(255 * ((255 - IMAGE) / 255.0) ** 2)
    np.testing.assert_allclose(made(a.OnPixels(inverted), darker), first, atol=1)
    then = 255 - np.rint(255 * (IMAGE / 255.0) ** 2)
    np.testing.assert_allclose(made(darker, a.OnPixels(inverted)), then, atol=1)
    both = made(darker, a.OnPixels(inverted), darker, a.OnPixels(inverted))
    np.testing.assert_allclose(both, 255 - np.rint(255 * (then / 255.0) ** 2), atol=2)


def test_a_matrix_behind_it() -> None:
    gray = made(a.OnPixels(thresholded), a.Grayscale(1.0))
    assert (gray[..., 0] == gray[..., 2]).all()
    assert len(np.unique(gray)) > 2
    assert set(np.unique(made(a.Grayscale(1.0), a.OnPixels(thresholded)))) == {0, 255}


def test_what_is_erased_before_it_is_seen_by_it_and_what_is_erased_behind_it_is_not() -> None:
    hole = a.Cutout(size=(0.4, 0.4), fill=(1, 2, 3), p=1.0)
    seen = (made(hole, a.OnPixels(inverted)) == (254, 253, 252)).all(-1)
    unseen = (made(a.OnPixels(inverted), a.Cutout(size=(0.4, 0.4), fill=(1, 2, 3), p=1.0)) == (1, 2, 3)).all(
        -1
    )
    assert seen.sum() == unseen.sum() == 8 * 12


def test_it_sees_the_fill_and_all_geometry() -> None:
    grown = (a.Expand(3.0, p=1.0), a.OnPixels(inverted), a.HorizontalFlip(1.0))
    picture = made(*grown)
    assert (picture == (248, 247, 246)).all(-1).mean() > 0.2
    np.testing.assert_array_equal(picture, 255 - made(grown[0], grown[2]))


@pytest.mark.parametrize(
    "choice",
    [
        a.Sometimes(a.OnPixels(inverted)),
        a.OneOf((a.OnPixels(inverted), a.HorizontalFlip(0.0))),
        a.SomeOf((a.OnPixels(inverted), a.Gamma(p=0.0), a.Cutout(p=0.0)), 2, p=0.75),
    ],
)
def test_it_happens_in_choices(choice: Any) -> None:
    untouched = 0
    for example in range(16):
        picture = made(choice, example=example)
        if np.array_equal(picture, IMAGE):
            untouched += 1
        else:
            np.testing.assert_array_equal(picture, 255 - IMAGE)
    assert 3 <= untouched <= 13


def test_each_has_a_seed_of_its_own() -> None:
    one = a.OnPixels(speckled)
    alone, moved, twice = made(one), made(a.Gamma(p=0.0), one), made(a.SomeOf((one, one), 2))
    assert (alone != moved).any()
    assert (alone != twice).any()
    np.testing.assert_array_equal(alone, made(one))


def test_eagerly_and_in_a_data_set() -> None:
    ops = (
        a.Sometimes(a.OnPixels(speckled)),
        a.Gamma(),
        a.Cutout(p=1.0),
        a.OnPixels(inverted),
        a.Expand(p=1.0),
    )
    augmenter, sample = a.Augmenter(ops, (30, 40)), a.make_sample(IMAGE, [[2, 2, 9, 9]], [0])

    def picture(number: tf.Tensor) -> tf.Tensor:
        plan = augmenter.plan_one(sample, a.example_seed(0, 0, number))
        return augmenter.execute(augmenter.for_pixels(plan))

    for number, found in enumerate(tf.data.Dataset.range(4).map(picture)):
        np.testing.assert_array_equal(found, picture(tf.constant(number, tf.int64)))


# ----- what is refused -----


def by_generator(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels + tf.cast(GENERATOR.uniform([], 0, 9, tf.int32), tf.uint8)


def by_variable(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels + tf.cast(VARIABLE, tf.uint8)


def in_a_branch(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.cond(seed[0] > 0, lambda: pixels, lambda: pixels + tf.cast(tf.random.uniform([]), tf.uint8))


@tf.function  # type: ignore[untyped-decorator]
def in_a_function(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(lambda row: row + tf.cast(tf.random.normal([]), tf.uint8), pixels)


def in_python(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.convert_to_tensor(pixels.numpy()[::-1])


def asserting(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    tf.debugging.assert_greater(tf.shape(pixels)[0], 0)
    return tf.cond(seed[0] > 0, lambda: pixels, lambda: 255 - pixels)


REFUSED = {
    by_generator: "RngReadAndSkip|StatefulUniform|ReadVariable",
    by_variable: "ReadVariable",
    in_a_branch: "RandomUniform",
    in_a_function: "RandomStandardNormal",
    in_python: "graph can hold",
}


@pytest.mark.parametrize("function", REFUSED)
@pytest.mark.parametrize("around", [a.OnPixels, lambda function: a.Sometimes(a.OnPixels(function))])
def test_functions_with_a_state_are_named(function: Any, around: Any) -> None:
    name = getattr(function, "__name__", "in_a_function")
    with pytest.raises(OptionError, match=f"a function on pixels.*{name}.*({REFUSED[function]})"):
        [made(around(function), example=example) for example in range(8)]


def test_what_only_looks_as_if_it_had_one_is_taken() -> None:
    made(a.OnPixels(asserting))
    made(a.OnPixels(asserting))


def colored(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.colored(draws[:, :1], lambda pixels, numbers: pixels * tf.random.uniform([]))


def test_colours_with_a_state_are_named() -> None:
    with pytest.raises(OptionError, match="RandomUniform"):
        made(colored)


def slid(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.scaled([1.0, 1.0], [tf.random.uniform([], dtype=tf.float64), 0.0])


@dataclasses.dataclass(frozen=True)
class Slid:
    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        return slid(draft, draws)


def forgetful(draft: Draft, draws: tf.Tensor) -> None:
    return None


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (slid, "has a state: slid.*RandomUniform"),
        (Slid(), "has a state: Slid.*RandomUniform"),
        (a.Sometimes(slid), "has a state: slid.*RandomUniform"),
        (a.OneOf((a.Rotate(), a.Sometimes(Slid()))), "has a state: Slid.*RandomUniform"),
        (forgetful, "gave something else: forgetful.*NoneType.*a Draft"),
    ],
)
def test_geometry_with_a_state_is_named(op: Any, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        made(op)
    augmenter, sample = a.Augmenter(op, (20, 30)), a.make_sample(IMAGE, [], [])
    with pytest.raises(OptionError, match=told):
        tf.data.Dataset.range(4).map(
            as_is(lambda number: augmenter.plan_one(sample, a.example_seed(0, 0, number)).boxes)
        )


def test_a_function_is_looked_at_once() -> None:
    calls = []

    def counted(draft: Draft, draws: tf.Tensor) -> Draft:
        calls.append(tf.executing_eagerly())
        return draft

    made(counted)
    looked = calls.count(False)
    assert looked == 1
    made(counted)
    assert calls.count(False) == looked
