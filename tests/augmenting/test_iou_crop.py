"""IoUCrop against SSD's sampler, written again in plain Python from the algorithm of Caffe's sampler.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from annotools import augment as a
from annotools.augment import Sample

IMAGES = 1500
SIZE = (375, 500)
Float = NDArray[np.float64]


def random_boxes(draw: np.random.Generator, count: int) -> Float:
    """(count, 4) in shares of the image: side and aspect evenly spread on a log scale, anywhere."""
    sides = np.exp(draw.uniform(np.log(0.05), np.log(0.9), (count, 2)))
    low = draw.uniform(0, 1 - sides)
    return np.concatenate([low, low + sides], 1)


def jaccard(crops: Float, boxes: Float) -> Float:
    """(S, 4) or (4,), and (R, 4) -> (S, R) or (R,)"""
    crops = crops[..., None, :]
    width = np.clip(np.minimum(crops[..., 2], boxes[:, 2]) - np.maximum(crops[..., 0], boxes[:, 0]), 0, None)
    height = np.clip(np.minimum(crops[..., 3], boxes[:, 3]) - np.maximum(crops[..., 1], boxes[:, 1]), 0, None)
    common = width * height
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    own = (crops[..., 2] - crops[..., 0]) * (crops[..., 3] - crops[..., 1])
    result: Float = common / (own + areas - common)
    return result


def caffe_crop(draw: np.random.Generator, boxes: Float) -> Float | None:
    """The crop in shares of the image, None for the whole of it."""
    found: list[Float | None] = [None]  # the first sampler of the batch is the image itself
    for least in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9):
        # fifty trials; the first that succeeds is taken
        scale = draw.uniform(0.3, 1, 50)
        aspect = draw.uniform(np.maximum(0.5, scale**2), np.minimum(2, 1 / scale**2))
        width, height = scale * np.sqrt(aspect), scale / np.sqrt(aspect)
        x, y = draw.uniform(0, 1 - width), draw.uniform(0, 1 - height)
        crops = np.stack([x, y, x + width, y + height], 1)
        good = np.flatnonzero((jaccard(crops, boxes) >= least).any(1))
        if len(good):
            found.append(crops[good[0]])
    return found[draw.integers(len(found))]


def planned_crops(op: Any, boxes: Float, seed: int = 0) -> tuple[Float, NDArray[np.int32]]:
    """(B, 4) crops in shares of the image from (B, R, 4) boxes, and the numbers of boxes left."""
    count, rows = boxes.shape[:2]
    pixels = (boxes * [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]).astype(np.float32)
    sample = Sample(
        encoded=tf.fill([count], b""),
        size=tf.tile([SIZE], [count, 1]),
        boxes=tf.constant(pixels),
        labels=tf.zeros([count, rows], tf.int32),
        difficult=tf.zeros([count, rows], tf.bool),
        ids=tf.tile(tf.range(rows)[None], [count, 1]),
        name=tf.strings.as_string(tf.range(count)),
    )
    augmenter = a.Augmenter(op, (300, 300))
    numbers = tf.data.Dataset.range(count).map(lambda n: augmenter.draw(a.example_seed(seed, 0, n)))
    plan = augmenter.plan(sample, numbers.batch(count).get_single_element())
    reads = plan.reads[:, 0].numpy().astype(float)
    y, x, height, width = reads.T
    crops = np.stack([x, y, x + width, y + height], 1) / [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]
    return crops, plan.num_boxes.numpy()


@pytest.mark.parametrize(("objects", "expected"), [(3, 0.74), (8, 0.78)])
def test_crops_as_often_and_as_tightly_as_caffe(objects: int, expected: float) -> None:
    draw = np.random.default_rng(objects)
    boxes = np.stack([random_boxes(draw, objects) for _ in range(IMAGES)])
    crops, left = planned_crops(a.IoUCrop(), boxes)
    cropped = (crops != [0, 0, 1, 1]).any(1)
    reference = [caffe_crop(draw, one) for one in boxes]
    reference_rate = np.mean([crop is not None for crop in reference])
    # two standard deviations of the difference of two shares of IMAGES are 0.032
    assert cropped.mean() == pytest.approx(reference_rate, abs=0.04)
    assert cropped.mean() == pytest.approx(expected, abs=0.04)

    ours = np.array(
        [jaccard(crop, one).max() for crop, one in zip(crops[cropped], boxes[cropped], strict=True)]
    )
    theirs = np.array(
        [jaccard(c, one).max() for c, one in zip(reference, boxes, strict=True) if c is not None]
    )
    edges = np.linspace(0, 1, 11)
    histograms = [np.histogram(values, edges)[0] / len(values) for values in (ours, theirs)]
    np.testing.assert_allclose(histograms[0], histograms[1], atol=0.04)
    areas = [np.prod(c[2:] - c[:2]) for c in reference if c is not None]
    assert np.prod(crops[cropped, 2:] - crops[cropped, :2], axis=1).mean() == pytest.approx(
        np.mean(areas), abs=0.02
    )

    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    kept = [
        objects if c is None else int(((center >= c[:2]) & (center <= c[2:])).all(1).sum())
        for c, center in zip(reference, centers, strict=True)
    ]
    assert left.mean() == pytest.approx(np.mean(kept), abs=0.1 * objects / 3)


def test_the_rule_that_takes_one_threshold_and_gives_up_would_be_noticed() -> None:
    """Guard: "pick one option, fall back to the whole image" crops 44% with 3 boxes; the test would tell."""
    boxes = np.stack([random_boxes(np.random.default_rng(n), 3) for n in range(300)])
    crops, _ = planned_crops(a.IoUCrop(thresholds=(0.9,)), boxes)
    assert (crops != [0, 0, 1, 1]).any(1).mean() < 0.5


def torchvision_crop(draw: np.random.Generator, boxes: Float) -> Float | None:
    """RandomIoUCrop: options with the whole image among them, drawn again until one is satisfied."""
    height, width = SIZE
    while True:
        least = draw.choice([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
        if least >= 1:
            return None
        w, h = (width * draw.uniform(0.3, 1, 40)).astype(int), (height * draw.uniform(0.3, 1, 40)).astype(int)
        x, y = (
            ((width - w) * draw.uniform(size=40)).astype(int),
            ((height - h) * draw.uniform(size=40)).astype(int),
        )
        crops = np.stack([x / width, y / height, (x + w) / width, (y + h) / height], 1)
        center = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((center > crops[:, None, :2]) & (center < crops[:, None, 2:])).all(2)
        best = np.where(inside, jaccard(crops, boxes), -1).max(1)
        good = np.flatnonzero((w / h >= 0.5) & (w / h <= 2) & (best >= least))
        if len(good):
            picked: Float = crops[good[0]]
            return picked


def test_the_torchvision_rule() -> None:
    draw = np.random.default_rng(1)
    boxes = np.stack([random_boxes(draw, 3) for _ in range(IMAGES)])
    op = a.IoUCrop(trials=40, rule="torchvision")
    crops, left = planned_crops(op, boxes)
    cropped = (crops != [0, 0, 1, 1]).any(1)
    reference = [torchvision_crop(draw, one) for one in boxes]
    # theirs tries a failing threshold again, so it crops a little more often
    assert cropped.mean() == pytest.approx(np.mean([crop is not None for crop in reference]), abs=0.05)
    assert (left >= 1).all()  # a centre is always inside
    sides = (crops[cropped, 2:] - crops[cropped, :2]) * [SIZE[1], SIZE[0]]
    ratio = sides[:, 0] / sides[:, 1]
    assert (ratio > 0.49).all()
    assert (ratio < 2.04).all()


def test_without_objects_the_picture_stays_whole() -> None:
    crops, left = planned_crops(a.IoUCrop(), np.zeros((20, 1, 4)))
    np.testing.assert_array_equal(crops, np.tile([0.0, 0, 1, 1], (20, 1)))
    assert not left.any()


def test_rejected_are_crops_that_leave_an_object_half_visible() -> None:
    boxes = np.stack([random_boxes(np.random.default_rng(n), 3) for n in range(300)])
    policy = a.BoxPolicy(min_visibility=0.6, low_visibility="reject")
    crops, _ = planned_crops(a.Augmentation((a.IoUCrop(),), policy=policy), boxes)
    low = np.maximum(crops[:, None, :2], boxes[..., :2])
    high = np.minimum(crops[:, None, 2:], boxes[..., 2:])
    share = np.prod(np.clip(high - low, 0, None), -1) / np.prod(boxes[..., 2:] - boxes[..., :2], -1)
    # crops are rounded to pixels after they were judged, which a thin box feels
    half_seen = (share > 0.05) & (share < 0.55)
    assert half_seen.mean() < 0.005
    assert (crops != [0, 0, 1, 1]).any(1).mean() > 0.4  # and it still crops
