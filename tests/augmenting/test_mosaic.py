"""Pictures of several images: where each one goes, whose boxes stay, and when it stops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.errors import OptionError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SHAPES = ((60, 90), (80, 50), (40, 40), (30, 100), (50, 50))


def plain(color: tuple[int, int, int], shape: tuple[int, int]) -> Any:
    return np.full((*shape, 3), color, np.uint8)


def partner(k: int, seed: tf.Tensor) -> a.Sample:
    """A picture of one colour, with one box around all of it, labelled with its number."""
    height, width = SHAPES[(k + 1) % 5]
    return a.make_sample(
        plain((GREEN, BLUE, WHITE, GREEN)[k % 4], (height, width)), [[0, 0, width, height]], [k + 1]
    )


def mosaic(ops: Any, example: int = 0, **options: Any) -> Any:
    height, width = SHAPES[0]
    return a.apply(
        ops,
        plain(RED, SHAPES[0]),
        [[0, 0, width, height]],
        [0],
        example_id=example,
        partner=partner,
        **options,
    )


def test_each_image_fills_its_box_around_one_point() -> None:
    for example in range(12):
        found = mosaic(a.Mosaic((100, 140)), example)
        assert found.image.shape == (100, 140, 3)
        pixels = found.image.numpy()
        covered = np.zeros(pixels.shape[:2], bool)
        for box, label in zip(found.boxes.numpy(), found.labels.numpy(), strict=True):
            rows, columns = np.nonzero((pixels == (RED, GREEN, BLUE, WHITE)[label]).all(-1))
            extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box, extent, atol=1e-4)
            assert not covered[rows, columns].any()
            covered[rows, columns] = True
        assert (pixels[~covered] == 114).all()
        assert sorted(found.labels.numpy()) + [0] * found.dropped().get("outside", 0)


def test_images_keep_their_proportions() -> None:
    found = mosaic([a.Mosaic((100, 140)), a.ScaleJitter((0.5, 0.5))])
    for matrix in found.plan.matrices.numpy():
        assert matrix[0, 0] == pytest.approx(matrix[1, 1], rel=0.05)
    # at half size the whole double canvas is seen, and on it each of the four images
    assert sorted(found.labels.numpy()) == [0, 1, 2, 3]


def test_the_point_lies_in_the_given_range() -> None:
    """The middle of the double canvas: then each image has a quarter of the picture to itself."""
    found = mosaic(a.Mosaic((100, 140), center=(0.5, 0.5)))
    boxes = {int(label): box for box, label in zip(found.boxes.numpy(), found.labels.numpy(), strict=True)}
    # the first lies up and to the left of the point (70, 50), the last below and to the right
    assert boxes[0][2:].tolist() == [70, 50]
    assert [boxes[1][0], boxes[1][3]] == [70, 50]
    assert [boxes[2][2], boxes[2][1]] == [70, 50]
    assert boxes[3][:2].tolist() == [70, 50]


def test_not_applied_it_is_a_letterbox_and_partners_count_for_nothing() -> None:
    found = mosaic(a.Mosaic((100, 140), p=0.0))
    letterbox = a.apply(a.Letterbox((100, 140)), plain(RED, SHAPES[0]), [[0, 0, 90, 60]], [0])
    np.testing.assert_array_equal(found.image, letterbox.image)
    np.testing.assert_allclose(found.boxes, letterbox.boxes)
    assert found.labels.numpy().tolist() == [0]
    assert found.dropped() == {}


def test_it_closes_at_its_epoch_inside_the_graph() -> None:
    preset = a.yolo(epochs=20, close_mosaic=5)
    labels: dict[int, set[int]] = {epoch: set() for epoch in (0, 14, 15, 19)}
    for epoch, seen in labels.items():
        for example in range(3):
            seen |= set(mosaic(preset, example, epoch=epoch, image_size=(100, 100)).labels.numpy().tolist())
    assert labels[14] > {0}
    assert labels[0] > {0}
    assert labels[15] == labels[19] == {0}


def test_a_tile_that_is_cut_counts_against_the_original_box() -> None:
    seen = []
    for example in range(10):
        found = mosaic(a.Mosaic((100, 140)), example)
        full = [
            np.prod(SHAPES[k]) * np.abs(np.linalg.det(found.plan.matrices.numpy()[k, :, :2]))
            for k in found.plan.layer
        ]
        area = np.prod(found.boxes.numpy()[:, 2:] - found.boxes.numpy()[:, :2], axis=1)
        np.testing.assert_allclose(found.plan.visibility, area / full, rtol=0.02)
        seen += found.plan.visibility.numpy().tolist()
    assert min(seen) < 0.6


def test_mixup_blends_by_its_weight_and_keeps_both_images_objects() -> None:
    shares = []
    for example in range(20):
        found = mosaic(a.MixUp(p=1.0), example)
        share = found.plan.blend.numpy()
        assert share.sum() == pytest.approx(1)
        pixels = found.image.numpy().astype(float)
        # partner 0 is green, 80 x 50 fitted into 60 x 90: columns 26 to 64
        np.testing.assert_allclose(pixels[30, 45], [255 * share[0], 255 * share[1], 0], atol=0.6)
        np.testing.assert_allclose(pixels[30, 2], np.array(RED) * share[0] + 114 * share[1], atol=0.6)
        assert found.labels.numpy().tolist() == [0, 1]
        np.testing.assert_allclose(found.plan.weights, share, rtol=1e-6)
        shares.append(share[0])
    # Beta(32, 32) has a standard deviation of 0.062
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert np.std(shares) == pytest.approx(0.062, abs=0.025)


def test_mixup_not_applied_leaves_the_picture_alone() -> None:
    found = mosaic(a.MixUp(p=0.0))
    np.testing.assert_array_equal(found.image, plain(RED, SHAPES[0]))
    assert found.labels.numpy().tolist() == [0]
    assert found.plan.weights.numpy().tolist() == [1.0]


def test_a_mosaic_in_a_mixup() -> None:
    found = mosaic([a.Mosaic((100, 140)), a.MixUp(p=1.0), a.Rot90((1,), 1.0)], example=3)
    assert found.image.shape == (140, 100, 3)
    assert a.Augmenter([a.Mosaic(), a.MixUp()]).partners == 4


def test_it_needs_partners_and_a_size() -> None:
    with pytest.raises(OptionError, match="other images"):
        a.apply(a.Mosaic((50, 50)), plain(RED, (40, 40)), [], [])
    with pytest.raises(OptionError, match="size"):
        mosaic(a.Mosaic())
    with pytest.raises(OptionError, match="before other ops that combine"):
        mosaic([a.Mosaic((50, 50)), a.Mosaic((50, 50))])


def test_two_mosaics_are_mixed() -> None:
    augmenter = a.Augmenter([a.Mosaic(), a.MixUp(p=1.0, share=0.75, ops=(a.Mosaic(),))], (40, 60))
    assert augmenter.partners == 7
    assert augmenter.kind.groups == (0,) * 4 + (1,) * 4
    image = np.full((30, 50, 3), 200, np.uint8)
    sample = a.make_sample(image, [[5, 5, 40, 25]], [3])
    plan = augmenter.plan_one(sample, a.example_seed(0, 0, 0), partner=lambda k, seed: sample)
    weights = plan.weights.numpy()[: int(plan.num_boxes)]
    layers = plan.layer.numpy()[: int(plan.num_boxes)]
    np.testing.assert_allclose(weights, np.where(layers < 4, 0.75, 0.25))
    assert (layers >= 4).any()
    assert augmenter.execute(plan).shape == (40, 60, 3)


@pytest.mark.parametrize("op", [a.Grayscale(1.0), a.Cutout(p=1.0), a.MixUp(p=1.0)])
def test_the_second_picture_of_mixup_is_only_moved(op: Any) -> None:
    sample = a.make_sample(np.zeros((20, 30, 3), np.uint8), [], [])
    augmenter = a.Augmenter([a.MixUp(p=1.0, ops=(op,))])
    with pytest.raises(OptionError, match="only be moved"):
        augmenter.plan_one(sample, a.example_seed(0, 0, 0), partner=lambda k, seed: sample)
