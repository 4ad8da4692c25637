"""Crops that keep an object, and the smallest area of a box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import BoxPolicy
from annotools.testing.box_consistency import check_box_consistency

HEIGHT, WIDTH, PICTURES = 90, 140, 400
BOXES = [[2, 3, 12, 15], [100, 60, 139, 89], [60, 0, 70, 6], [0, 0, 1, 1]]


def planned(ops: Any, boxes: Any = BOXES, **options: Any) -> a.Plan:
    """The plan of many pictures of the same boxes."""
    augmenter = a.Augmenter(ops, (60, 80), **options)
    one = a.make_sample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), boxes, list(range(len(boxes))))
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], PICTURES, 0), one)
    draws = [augmenter.draw(a.example_seed(0, 0, number)) for number in range(PICTURES)]
    return augmenter.plan(samples, tf.nest.map_structure(lambda *values: tf.stack(values), *draws))


def windows(plan: a.Plan) -> Any:
    """(B, 4) xyxy of what is read of the image."""
    y, x, height, width = plan.reads.numpy()[:, 0].T
    return np.stack([x, y, x + width, y + height], 1)


def centers_inside(plan: a.Plan, boxes: Any = BOXES) -> Any:
    """(B,) how many centres lie in the window."""
    center = (np.array(boxes)[:, :2] + np.array(boxes)[:, 2:]) / 2
    low, high = windows(plan)[:, None, :2], windows(plan)[:, None, 2:]
    return ((center >= low) & (center <= high)).all(2).sum(1)


CROPS: dict[str, Any] = {
    "IoUCrop": lambda keep_one: a.IoUCrop(thresholds=(0.0,), keep_one=keep_one),
    "IoUCrop of torchvision": lambda keep_one: a.IoUCrop((0.0,), rule="torchvision", keep_one=keep_one),
    "RandomCrop": lambda keep_one: a.RandomCrop(scale=(0.05, 0.3), keep_one=keep_one),
    "RandomCrop of a size": lambda keep_one: a.RandomCrop((20, 25), keep_one=keep_one),
}


@pytest.mark.parametrize("name", CROPS)
def test_with_keep_one_some_object_stays(name: str) -> None:
    kept, lost = planned(CROPS[name](True)), planned(CROPS[name](False))
    assert (centers_inside(kept) >= 1).all()
    assert kept.num_boxes.numpy().min() >= 1
    if name != "IoUCrop of torchvision":  # whose own rule keeps one
        assert (centers_inside(lost) == 0).mean() > 0.05
    assert len(np.unique(windows(kept), axis=0)) > PICTURES / 3


@pytest.mark.parametrize("name", CROPS)
def test_without_objects_keep_one_changes_nothing(name: str) -> None:
    one, other = planned(CROPS[name](True), []), planned(CROPS[name](False), [])
    np.testing.assert_array_equal(one.reads, other.reads)


def test_each_object_is_cropped_around_as_often() -> None:
    boxes = [[0, 0, 10, 10], [120, 0, 130, 10], [0, 70, 10, 80], [120, 70, 130, 80]]
    found = planned(a.RandomCrop((20, 20), keep_one=True), boxes)
    labels = found.labels.numpy()[:, 0]
    assert (found.num_boxes.numpy() == 1).all()
    np.testing.assert_allclose(np.bincount(labels, minlength=4) / PICTURES, 0.25, atol=0.07)


def test_the_place_around_an_object_is_drawn_evenly() -> None:
    found = planned(a.RandomCrop((20, 20), keep_one=True), [[60, 40, 70, 50]])
    low = windows(found)[:, :2]
    assert low.min(0).tolist() == [46, 26]  # the centre half a pixel inside, at (65, 45)
    assert low.max(0).tolist() == [64, 44]
    assert low.mean(0) == pytest.approx([55, 35], abs=1)


def test_a_window_that_is_larger_than_the_picture_holds_everything() -> None:
    assert (planned(a.RandomCrop((200, 300), keep_one=True)).num_boxes.numpy() >= 3).all()


@pytest.mark.parametrize("crop", [a.IoUCrop(keep_one=True), a.RandomCrop(keep_one=True)])
def test_boxes_stay_on_their_objects(crop: Any) -> None:
    check_box_consistency([crop, a.HorizontalFlip()], tolerance=0.0)


def test_ssd_that_keeps_one_has_no_picture_without_objects() -> None:
    boxes = [[2, 3, 12, 15], [100, 60, 139, 89]]
    empty = planned(a.ssd(), boxes).num_boxes.numpy() == 0
    assert empty.mean() > 0.01
    kept = planned(a.ssd(keep_one=True), boxes)
    assert (centers_inside(kept, boxes) >= 1).all()
    # an object that is smaller than a pixel of the output is dropped in any case
    assert (kept.num_boxes.numpy() == 0).mean() < 0.01


def test_min_area_is_in_square_pixels_of_the_output() -> None:
    boxes = [[0, 0, 70, 3], [0, 0, 14, 9], [0, 0, 14, 18]]  # 40 x 2, 8 x 6, 8 x 12 in the output
    found = a.apply(
        None,
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        boxes,
        [0, 1, 2],
        image_size=(60, 80),
        policy=BoxPolicy(min_area=48.0),
    )
    assert found.labels.numpy().tolist() == [0, 1, 2]
    fewer = a.apply(
        None,
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        boxes,
        [0, 1, 2],
        image_size=(60, 80),
        policy=BoxPolicy(min_area=60.0),
    )
    assert fewer.labels.numpy().tolist() == [0, 2]
    assert fewer.dropped() == {"too-small": 1}
