"""Colour: the matrix and the exact steps, alone and in the batch, and the fill that stays as it is."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a

DRAW = np.random.default_rng(0)
# colours far from 0 and 255, so that nothing is cut
MILD = DRAW.integers(70, 160, (40, 50, 3)).astype(np.uint8)


def jittered(op: Any, image: Any = MILD, example: int = 0) -> Any:
    return a.apply(op, image, [], [], example_id=example).image.numpy()


def only(**ranges: Any) -> dict[str, Any]:
    neutral: dict[str, Any] = {
        "brightness": 0.0,
        "contrast": (1.0, 1.0),
        "saturation": (1.0, 1.0),
        "hue": 0.0,
    }
    return neutral | ranges | {"p_each": 1.0}


@pytest.mark.parametrize("hsv", ["exact", "linear"])
def test_neutral_ranges_change_nothing(hsv: Any) -> None:
    np.testing.assert_array_equal(jittered(a.ColorJitter(**only(), hsv=hsv)), MILD)
    np.testing.assert_array_equal(jittered(a.ColorJitter(p=0.0, hsv=hsv)), MILD)


@pytest.mark.parametrize("hsv", ["exact", "linear"])
def test_brightness_and_contrast(hsv: Any) -> None:
    brighter = jittered(a.ColorJitter(**only(brightness=20.0), hsv=hsv)).astype(int) - MILD
    assert brighter.std() < 0.5
    assert 0 < abs(brighter.mean()) <= 20
    factor = jittered(a.ColorJitter(**only(contrast=(1.3, 1.3)), hsv=hsv))
    np.testing.assert_allclose(factor, MILD * 1.3, atol=0.6)


def test_exact_hue_and_saturation_against_the_standard_library() -> None:
    op = a.ColorJitter(**only(hue=0.1, saturation=(0.6, 1.2)), hsv="exact")
    plan = a.apply(op, MILD, [], []).plan
    hue, saturation = plan.color_steps[2].numbers.numpy()
    assert hue != 0
    found = jittered(op)
    for row, column in ((0, 0), (7, 31), (39, 49), (20, 25)):
        h, s, v = colorsys.rgb_to_hsv(*(MILD[row, column] / 255))
        expected = colorsys.hsv_to_rgb((h + hue) % 1, min(s * saturation, 1), v)
        np.testing.assert_allclose(found[row, column], np.array(expected) * 255, atol=0.6)


def test_the_linear_hue_turns_the_plane_of_yiq() -> None:
    """Luma stays, and a third of a turn of pure chroma is a third of a turn."""
    op = a.ColorJitter(**only(hue=0.25, saturation=(0.5, 1.5)))
    found = a.apply(op, MILD, [], [])
    numbers = found.plan.color_matrix.numpy()[:, :3]
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma @ numbers, luma, atol=1e-3)
    np.testing.assert_allclose(numbers @ np.ones(3), np.ones(3), atol=1e-3)  # grey stays grey
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    plane = (yiq @ numbers @ np.linalg.inv(yiq))[1:, 1:]
    np.testing.assert_allclose(plane, [[plane[0, 0], plane[0, 1]], [-plane[0, 1], plane[0, 0]]], atol=1e-3)
    assert 0.5 <= np.sqrt(np.linalg.det(plane)) <= 1.5
    np.testing.assert_allclose(found.image, np.clip(MILD @ numbers.T, 0, 255), atol=0.6)


def test_grayscale_and_channel_shuffle() -> None:
    gray = jittered(a.Grayscale(1.0)).astype(float)
    np.testing.assert_allclose(gray, (MILD @ [0.299, 0.587, 0.114])[..., None].repeat(3, 2), atol=0.6)
    orders = set()
    for example in range(20):
        shuffled = jittered(a.ChannelShuffle(1.0), example=example)
        order = tuple(
            int(np.argmin([np.abs(MILD[..., c].astype(int) - shuffled[..., k]).sum() for c in range(3)]))
            for k in range(3)
        )
        np.testing.assert_array_equal(shuffled, MILD[..., order])
        orders.add(order)
    assert len(orders) >= 4


def test_each_part_has_its_own_coin() -> None:
    """p_each is 0.5: of many draws half have a brightness, and nothing but the coin decides."""
    augmenter = a.Augmenter(a.ColorJitter(**(only(brightness=20.0) | {"p_each": 0.5})))
    sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], 400, 0), a.make_sample(MILD, [], []))
    draws = [augmenter.draw(a.example_seed(0, 0, n)) for n in range(400)]
    plan = augmenter.plan(sample, tf.nest.map_structure(lambda *values: tf.stack(values), *draws))
    offsets = plan.color_matrix[:, 0, 3].numpy()
    assert (offsets != 0).mean() == pytest.approx(0.5, abs=0.08)
    assert np.abs(offsets).max() <= 20
    assert offsets[offsets != 0].std() == pytest.approx(40 / np.sqrt(12), rel=0.12)


def batch_of(ops: Any, count: int = 6) -> tuple[Any, Any]:
    """Pictures with colour applied one by one, and by `apply_batch`."""
    augmenter = a.Augmenter(ops, (60, 70))
    single, plain, matrices, keep = [], [], [], []
    for example in range(count):
        sample = a.make_sample(MILD, [], [])
        plan = augmenter.plan_one(sample, a.example_seed(0, 0, example))
        single.append(augmenter.execute(plan))
        plain.append(augmenter.execute(plan, color=False))
        matrices.append(plan.color_matrix)
        keep.append(plan.color_keep)
    together = a.apply_batch(tf.stack(plain), tf.stack(matrices), tf.stack(keep))
    return tf.stack(single).numpy(), together.numpy()


@pytest.mark.parametrize(
    "ops",
    [
        a.ssd(),
        a.Augmentation(
            (a.Expand(2.0, p=1.0), a.ColorJitter(p_each=1.0), a.Cutout(2, p=1.0, fill=(9, 9, 9))),
            fill=(10, 200, 30),
        ),
    ],
)
def test_colour_in_the_batch_is_colour_picture_by_picture(ops: Any) -> None:
    single, together = batch_of(ops)
    # two kernels may round a half to two sides
    assert np.abs(single.astype(int) - together).max() <= 1
    assert (single != together).mean() < 0.01


def test_the_fill_keeps_its_colour() -> None:
    jitter = a.ColorJitter(**only(brightness=30.0, contrast=(1.2, 1.5)))
    grown = a.Augmentation((jitter, a.Expand(3.0, p=1.0)), fill=(10, 200, 30))
    for pictures in batch_of(grown):
        fill = (pictures == [10, 200, 30]).all(-1).mean((1, 2))
        assert (fill > 0.1).all()
        assert not (pictures == 114).all(-1).any()


def test_values_are_cut_and_not_wrapped() -> None:
    bright = np.full((8, 8, 3), 250, np.uint8)
    for hsv in ("exact", "linear"):
        found = jittered(a.ColorJitter(**only(contrast=(1.5, 1.5)), hsv=hsv), bright)
        assert (found == 255).all()
    matrix = np.array([[[2, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]]], np.float32)
    batch = a.apply_batch(bright[None], matrix, np.array([[[0, 0, 8, 8, 1]]], np.int32))
    assert (batch.numpy()[0] == [255, 0, 250]).all()


def test_colour_steps_in_a_row_are_one_matrix() -> None:
    ops = [
        a.ColorJitter(**only(brightness=5.0, saturation=(0.8, 1.2))),
        a.ChannelShuffle(1.0),
        a.Grayscale(0.5),
    ]
    for example in range(6):
        at_once = jittered(ops, example=example).astype(float)
        plan = a.apply(ops, MILD, [], [], example_id=example).plan
        matrix = plan.color_matrix.numpy().astype(np.float64)
        np.testing.assert_allclose(at_once, MILD @ matrix[:, :3].T + matrix[:, 3], atol=0.6)


def test_what_can_wait_for_the_batch() -> None:
    assert a.Augmenter(a.ssd()).is_linear
    assert not a.Augmenter(a.ssd(hsv="exact")).is_linear
    assert not a.Augmenter([a.ColorJitter(), a.OnPixels(lambda image, seed: image)]).is_linear
    assert a.Augmenter(a.light()).has_color
    assert not a.Augmenter([a.HorizontalFlip()]).has_color
    assert a.Augmenter([a.Grayscale()]).has_color
