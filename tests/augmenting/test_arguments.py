"""Whatever an op, a preset or `apply` is given: it is taken, or an OptionError names the argument."""

from __future__ import annotations

import dataclasses
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import ops
from annotools.errors import OptionError

IMAGE = np.zeros((20, 30, 3), np.uint8)
OPS = [getattr(a, name) for name in vars(ops)["__all__"]]
JUNK = [
    "a",
    b"a",
    -1,
    -0.5,
    1e9,
    math.nan,
    math.inf,
    None,
    (),
    (1,),
    (2, 1),
    (0.2, 0.1, 0.3),
    {},
    {1: 2},
    object(),
]
JUNK += [[], ["a", "b"], [None, None], True, np.zeros(3), lambda: None, int, 1 + 2j]
NEEDED = {
    "size": (10, 12),
    "function": lambda pixels, seed: pixels,
    "op": a.Rot90(),
    "ops": (a.Rot90(), a.Rotate()),
}


def made(op: Any, /, **arguments: Any) -> Any:
    """The op, with the arguments that it cannot do without."""
    parameters = inspect.signature(op).parameters.values()
    needed = {one.name: NEEDED[one.name] for one in parameters if one.default is inspect.Parameter.empty}
    return op(**needed | arguments)


@pytest.mark.parametrize("op", OPS)
def test_junk_is_taken_or_refused_by_name(op: Any) -> None:
    refused = []
    for field in dataclasses.fields(op):
        for junk in JUNK:
            try:
                made(op, **{field.name: junk})
            except OptionError as error:
                refused.append((field.name, error.field))
    assert len(refused) > len(JUNK) / 3
    assert all(given == named for given, named in refused)


@pytest.mark.parametrize("name", sorted(a.PRESETS))
def test_presets_refuse_junk_by_name(name: str) -> None:
    for field in inspect.signature(a.PRESETS[name]).parameters:
        for junk in ("a", -1.0, object()):
            with pytest.raises(OptionError):
                a.PRESETS[name](**{field: junk})


def test_what_others_write_is_understood() -> None:
    assert a.Translate(0.2) == a.Translate((0.2, 0.2))  # type: ignore[arg-type]
    assert a.Rot90(1) == a.Rot90((1,))  # type: ignore[arg-type]
    assert a.Rotate((-10, 10)) == a.Rotate(10)  # type: ignore[arg-type]
    assert a.Cutout(3, 0.5) == a.Cutout(3, (0.5, 0.5))  # type: ignore[arg-type]
    assert a.Resize((np.int64(30), 40)).size == (30, 40)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "field", "expected"),
    [
        (lambda: a.ScaleJitter(0.5), "scale", r"\(low, high\)"),  # type: ignore[arg-type]
        (lambda: a.RandomErase(0.1), "area", r"\(low, high\)"),  # type: ignore[arg-type]
        (lambda: a.ColorJitter(0.2, 0.2, 0.2, 0.1), "contrast", r"\(low, high\)"),  # type: ignore[arg-type]
        (lambda: a.Rotate((-5, 10)), "degrees", "a number"),  # type: ignore[arg-type]
        (lambda: a.HorizontalFlip("a"), "p", "0.0 to 1.0"),  # type: ignore[arg-type]
        (lambda: a.Resize(300), "size", r"\(height, width\)"),  # type: ignore[arg-type]
        (lambda: a.RandomCrop(300), "size", r"\(height, width\)"),  # type: ignore[arg-type]
        (lambda: a.OnPixels(lambda pixels: pixels), "function", r"\(pixels, seed\)"),  # type: ignore[misc,arg-type]
        (lambda: a.Augmenter(a.ssd), "ops", r"ssd\(\)"),
        (lambda: a.Augmenter("sdd"), "augment", "did you mean ssd"),
        (lambda: a.Augmenter(lambda draft: draft), "ops", r"\(draft, draws\)"),
        (lambda: a.Augmenter([a.Rotate]), "ops", r"\(draft, draws\)"),
        (lambda: a.Augmenter(None, policy={}), "policy", "BoxPolicy"),  # type: ignore[arg-type]
        (lambda: a.Schedule(((0, 0.5), (0, 0.6))), "steps", "increasing"),
        (lambda: a.Schedule(0.5), "steps", "pairs"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_meant_is_said_with_what_is_expected(make: Any, field: str, expected: str) -> None:
    with pytest.raises(OptionError, match=expected) as caught:
        make()
    assert caught.value.field == field


def test_presets_by_name() -> None:
    assert a.as_augmentation("ssd") == a.ssd()


def test_yolo_of_few_epochs_closes_mosaic_for_half_of_them() -> None:
    assert a.yolo(epochs=5) == a.yolo(epochs=5, close_mosaic=2)
    assert a.yolo(epochs=30) == a.yolo(epochs=30, close_mosaic=10)
    assert a.yolo(epochs=1).ops[0] == a.Mosaic(p=1.0)


@pytest.mark.parametrize("image", ["a/path.jpg", Path("a/path.jpg")])
def test_a_path_is_no_image(image: Any) -> None:
    with pytest.raises(OptionError, match="bytes of an image file") as caught:
        a.apply(None, image, [], [])
    assert caught.value.field == "image"


def test_labels_are_numbers() -> None:
    with pytest.raises(OptionError, match="integers") as caught:
        a.apply(None, IMAGE, [[1, 1, 5, 5]], ["cat"])
    assert caught.value.field == "labels"


as_is = tf.autograph.experimental.do_not_convert  # which would wrap the error in one of its own


def halved(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels / 2


def shrunk(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels[::2]


def random(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels + tf.cast(tf.random.uniform(tf.shape(pixels), 0, 9, tf.int32), tf.uint8)


def in_python(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.numpy_function(lambda values: values, [pixels], tf.uint8)


def stateless(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    tf.debugging.assert_greater(tf.shape(pixels)[0], 0)
    noise = tf.random.stateless_uniform(tf.shape(pixels), seed, 0, 9, tf.int32)
    return tf.cond(seed[0] > 0, lambda: pixels, lambda: pixels + tf.cast(noise, tf.uint8))


@pytest.mark.parametrize(
    ("function", "found"),
    [(halved, "float"), (shrunk, "10, 30"), (random, "RandomUniformInt"), (in_python, "PyFunc")],
)
def test_functions_on_pixels_that_cannot_be_are_named(function: Any, found: str) -> None:
    """Where the graph is made, and not at the first batch."""
    augmenter = a.Augmenter(a.OnPixels(function), (20, 30))
    sample = a.make_sample(IMAGE, [], [])
    plan = augmenter.plan_one(sample, tf.zeros([2], tf.int64))
    with pytest.raises(OptionError, match=f"{function.__name__}.*{found}"):
        tf.data.Dataset.from_tensors(0).map(as_is(lambda _: augmenter.execute(plan)))


def test_a_function_on_pixels_without_a_state_is_taken() -> None:
    augmenter = a.Augmenter(a.OnPixels(stateless), (20, 30))
    plan = augmenter.plan_one(a.make_sample(IMAGE, [], []), tf.zeros([2], tf.int64))
    (picture,) = tf.data.Dataset.from_tensors(0).map(lambda _: augmenter.execute(plan))
    assert picture.numpy().any()
