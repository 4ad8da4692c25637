"""Perspective: against the equations of four points, boxes on their objects, what it goes together with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment.graph import homographies
from annotools.errors import OptionError
from annotools.testing.box_consistency import check_box_consistency

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
LARGE: dict[str, Any] = {"size": (300, 420), "tolerance": 1.5, "thinnest": 14}


def solved(source: Any, target: Any) -> Any:
    """(3, 3) by the eight linear equations of four points."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(right)), 1).reshape(3, 3)


def test_the_map_of_four_corners() -> None:
    draw = np.random.default_rng(1)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    corners = unit[None] + (1 - 2 * unit[None]) * draw.uniform(0, 0.4, (20, 4, 2))
    found = homographies.quadrilateral(tf.constant(corners)).numpy()
    for one, target in zip(found, corners, strict=True):
        np.testing.assert_allclose(one, solved(unit, target), atol=1e-9)
    back = homographies.inverse(tf.constant(found)).numpy()
    np.testing.assert_allclose(back, np.linalg.inv(found), rtol=1e-9)
    together = homographies.product(tf.constant(found), tf.constant(found[::-1])).numpy()
    np.testing.assert_allclose(together, found @ found[::-1], rtol=1e-12)


@pytest.mark.parametrize("distortion", [0.0, 0.5, 0.9])
def test_the_corners_go_inwards(distortion: float) -> None:
    for example in range(6):
        found = a.apply(a.Perspective(distortion, p=1.0), IMAGE, [], [], example_id=example)
        warp = np.asarray(found.plan.warp)
        for x, y in ((0, 0), (90, 0), (90, 60), (0, 60)):
            point = warp @ [x, y, 1]
            assert point[2] > 0
            moved = np.abs(point[:2] / point[2] - [x, y]) / [90, 60]
            assert (moved <= distortion / 2 + 1e-9).all()
        if distortion == 0:
            np.testing.assert_allclose(found.image, IMAGE, atol=1)


def test_pixels_are_where_the_map_says() -> None:
    """A smooth picture, whose value tells the place of each of its pixels."""
    y, x = np.mgrid[:120, :200]
    image = np.stack([x, y * 2, np.full_like(x, 60)], -1).astype(np.uint8)
    for example in range(4):
        augmentation = a.Augmentation(
            (a.HorizontalFlip(1.0), a.Perspective(0.6, p=1.0), a.Rotate(10)), fill=(0, 0, 255)
        )
        found = a.apply(augmentation, image, [], [], example_id=example, image_size=(150, 170))
        picture = found.image.numpy()
        whole = np.asarray(found.plan.warp) @ np.vstack([found.plan.matrices.numpy()[0], [0, 0, 1]])
        rows, columns = np.nonzero(picture[..., 2] == 60)
        assert len(rows) > 3000
        points = np.linalg.inv(whole) @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
        places = points[:2] / points[2] - 0.5
        inner = (places[0] > 2) & (places[0] < 197) & (places[1] > 2) & (places[1] < 117)
        np.testing.assert_allclose(picture[rows, columns, 0][inner], places[0][inner], atol=1.1)
        np.testing.assert_allclose(picture[rows, columns, 1][inner], 2 * places[1][inner], atol=2.1)


CHAINS: dict[str, Any] = {
    "alone": a.Perspective(0.5, p=1.0),
    "strong": a.Perspective(0.9, p=1.0),
    "and then": [a.Perspective(0.5, p=1.0), a.Rotate(20), a.ScaleJitter((0.7, 1.3)), a.HorizontalFlip()],
    "behind crops": [a.RandomCrop(), a.Expand(1.5), a.Perspective(0.4, p=1.0), a.Translate()],
    "before crops": [a.Perspective(0.4, p=1.0), a.IoUCrop(), a.Rot90()],
    "or not": [a.Sometimes(a.Perspective(0.4, p=1.0)), a.Cutout(), a.Expand(1.5)],
    "one of": a.OneOf((a.Perspective(0.4, p=1.0), a.Rotate(20), a.RandomCrop())),
}


@pytest.mark.parametrize("name", CHAINS)
def test_boxes_stay_on_their_objects(name: str) -> None:
    options = LARGE | ({"tolerance": 3.0} if name in ("strong", "before crops", "and then") else {})
    # a sliver that a crop left, slanted, may show no pixel
    check_box_consistency(CHAINS[name], policy=a.BoxPolicy(0.25), **options)


def test_it_stands_behind_a_mosaic() -> None:
    check_box_consistency([a.Mosaic((300, 420)), a.Perspective(0.4, p=1.0)], **LARGE)


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ([a.Rotate(), a.Perspective()], "before rotations"),
        ([a.Perspective(), a.Perspective()], "once"),
        ([a.Perspective(), a.MixUp()], "behind ops that join"),
    ],
)
def test_what_it_does_not_go_together_with(ops: Any, told: str) -> None:
    sample = a.make_sample(IMAGE, [], [])
    with pytest.raises(OptionError, match=told):
        a.apply(ops, IMAGE, [], [], partner=lambda k, seed: sample)


def test_p_and_a_data_set() -> None:
    augmenter = a.Augmenter([a.Perspective(0.5), a.ColorJitter()], (60, 90))
    sample = a.make_sample(IMAGE, [[10, 10, 50, 50]], [0])

    def made(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        plan = augmenter.plan_one(sample, a.example_seed(0, 0, number))
        return augmenter.execute(augmenter.for_pixels(plan)), plan.boxes, plan.warp

    bent = 0
    for number, found in enumerate(tf.data.Dataset.range(12).map(made)):
        for value, wanted in zip(found, made(tf.constant(number, tf.int64)), strict=True):
            np.testing.assert_array_equal(value, wanted)
        bent += bool((found[2].numpy()[2] != [0, 0, 1]).any())
    assert 2 <= bent <= 10
