"""The presets: what they do to pictures, and the numbers that they are documented with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.errors import OptionError

GRAY = np.full((60, 90, 3), 128, np.uint8)
OUTPUT = (80, 80)
PICTURES = 300


def plans(augmentation: a.Augmentation, *, epoch: int = 0, boxes: Any = ((20, 20, 50, 40),)) -> a.Plan:
    """The plan of many pictures of the same image."""
    augmenter = a.Augmenter(augmentation, OUTPUT)
    one = a.make_sample(GRAY, boxes, list(range(len(boxes))))
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], PICTURES, 0), one)
    draws = [augmenter.draw(a.example_seed(0, epoch, number)) for number in range(PICTURES)]
    together = tf.nest.map_structure(lambda *values: tf.stack(values), *draws)
    return augmenter.plan(samples, together, epoch=epoch, partners=[samples] * augmenter.partners)


def mirrored(plan: a.Plan) -> float:
    return float((plan.matrices[:, 0, 0, 0].numpy() < 0).mean())


def test_presets_are_found_by_name() -> None:
    assert set(a.PRESETS) == {"light", "ssd", "torchvision_ssd", "yolo"}
    for make in a.PRESETS.values():
        assert isinstance(make(), a.Augmentation)


@pytest.mark.parametrize("name", sorted(a.PRESETS))
def test_half_of_the_pictures_are_mirrored(name: str) -> None:
    assert mirrored(plans(a.PRESETS[name]())) == pytest.approx(0.5, abs=0.1)


def test_light_moves_nothing_but_for_the_flip_and_loses_no_object() -> None:
    plan = plans(a.light())
    assert plan.num_boxes.numpy().all()
    assert not plan.drops.numpy().any()
    np.testing.assert_allclose(plan.visibility.numpy()[:, 0], 1)
    assert (np.abs(plan.color_matrix.numpy()[:, :, 3]) <= 16 * 1.2 + 1e-3).all()


@pytest.mark.parametrize("name", ["ssd", "torchvision_ssd"])
def test_ssd_zooms_out_on_the_mean_colour_in_half_of_the_pictures(name: str) -> None:
    preset = a.PRESETS[name]()
    assert preset.fill == (123, 117, 104)
    assert preset.resize == "stretch"
    # the fraction of the output that the image covers, where the crop has not cut it out again
    targets = plans(preset).targets.numpy()[:, 0].astype(float)
    covered = (targets[:, 2] - targets[:, 0]) * (targets[:, 3] - targets[:, 1]) / (OUTPUT[0] * OUTPUT[1])
    assert 0.1 < (covered < 1).mean() < 0.55
    assert covered.min() < 0.2


def test_ssd_crops_most_pictures() -> None:
    """Caffe crops 74% to 78% of pictures with several boxes; with one box fewer thresholds find a window."""
    plan = plans(a.ssd(), boxes=((5, 5, 40, 50), (30, 10, 80, 55), (60, 20, 70, 30)))
    whole = np.abs(plan.matrices.numpy()[:, 0, 0, 0]) * 90 / OUTPUT[1]
    assert (whole > 1.02).mean() > 0.4


def test_exact_hsv_is_a_choice() -> None:
    for make in (a.ssd, a.torchvision_ssd, a.yolo):
        assert a.Augmenter(make(hsv="linear"), OUTPUT).is_linear
        assert not a.Augmenter(make(hsv="exact"), OUTPUT).is_linear


def test_only_torchvision_changes_the_order_of_channels() -> None:
    def moves_red(preset: a.Augmentation) -> float:
        red = plans(preset).color_matrix.numpy()[:, :, 0]
        return float((np.abs(red).argmax(1) != 0).mean())

    assert moves_red(a.ssd()) == 0
    assert moves_red(a.torchvision_ssd()) == pytest.approx(1 / 3, abs=0.1)


def test_yolo_is_a_mosaic_of_four_until_it_is_closed() -> None:
    preset = a.yolo(epochs=30)
    assert a.Augmenter(preset, OUTPUT).partners == 3
    assert plans(preset, epoch=19).shown.numpy()[:, 1:].any(1).mean() > 0.9
    closed = plans(preset, epoch=20)
    assert not closed.shown.numpy()[:, 1:].any()
    assert closed.shown.numpy()[:, 0].all()


def test_yolo_keeps_boxes_of_two_pixels_and_a_tenth() -> None:
    plan = plans(a.yolo(), boxes=((20, 20, 50, 40), (1, 1, 4, 4)))
    real = plan.labels.numpy() >= 0
    boxes = plan.boxes.numpy()[real]
    assert np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]).min() >= 2 - 1e-3
    assert plan.visibility.numpy()[real].min() >= 0.1 - 1e-5


def test_what_yolo_can_add() -> None:
    assert a.Augmenter(a.yolo(mixup=0.3), OUTPUT).partners == 4
    assert a.Augmenter(a.yolo(degrees=5.0), OUTPUT).kind.turned
    assert a.Augmenter(a.yolo(shear=5.0), OUTPUT).kind.turned
    assert not a.Augmenter(a.yolo(), OUTPUT).kind.turned


def test_mosaic_cannot_close_before_the_first_epoch() -> None:
    with pytest.raises(OptionError, match="close_mosaic"):
        a.yolo(epochs=5, close_mosaic=6)
    assert not plans(a.yolo(epochs=5, close_mosaic=5)).shown.numpy()[:, 1:].any()
