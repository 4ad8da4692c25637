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
    names = {"light", "ssd", "torchvision_ssd", "yolo", "ssd512", "yolox", "detr", "lsj"}
    assert set(a.PRESETS) == names
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


def scales(plan: a.Plan) -> Any:
    """(B,) by how much each picture was scaled; the picture is upright."""
    return np.abs(plan.matrices.numpy()[:, 0, 0, 0])


def test_ssd512_is_ssd_with_a_size() -> None:
    assert a.ssd512().ops[:-1] == a.ssd().ops
    assert a.apply(a.ssd512(), GRAY, [], []).image.shape == (512, 512, 3)
    assert a.apply(a.ssd512(), GRAY, [], [], image_size=OUTPUT).image.shape == (*OUTPUT, 3)
    sized = a.ssd512(hsv="exact", keep_one=True)
    assert sized.ops[:-1] == a.ssd(hsv="exact", keep_one=True).ops
    numbers, others = plans(a.ssd512()), plans(a.ssd())
    np.testing.assert_allclose(numbers.boxes.numpy(), others.boxes.numpy(), atol=0.02)


def test_yolox_mixes_a_mosaic_half_and_half_with_a_second_picture() -> None:
    augmenter = a.Augmenter(a.yolox(), OUTPUT)
    assert augmenter.partners == 4
    assert augmenter.kind.groups == (0, 0, 0, 0, 1)
    assert augmenter.kind.turned
    plan = plans(a.yolox())
    np.testing.assert_array_equal(plan.blend.numpy(), 0.5)
    second = plan.matrices.numpy()[:, 4]
    fitted = OUTPUT[1] / 90
    factor = np.hypot(second[:, 0, 0], second[:, 1, 0]) / fitted
    assert 0.49 < factor.min() < 0.6
    assert 1.4 < factor.max() < 1.51
    assert (second[:, 0, 0] < 0).mean() == pytest.approx(0.5, abs=0.1)  # its own coin and that of both
    smaller = plan.windows.numpy()[factor < 1, 4]
    np.testing.assert_array_equal(smaller, np.broadcast_to([0, 0, 90, 60], smaller.shape))
    first = plan.matrices.numpy()[:, 0]
    zoom = np.sqrt(np.abs(np.linalg.det(first[:, :, :2]))) / fitted
    assert 0.08 < zoom.min() < 0.3
    assert 1.7 < zoom.max() < 2.01
    labels = plan.labels.numpy() >= 0
    assert plan.visibility.numpy()[labels].min() >= 0.2 - 1e-5


def test_yolox_ends_with_plain_pictures() -> None:
    preset = a.yolox(epochs=300)
    assert plans(preset, epoch=284).shown.numpy()[:, 1:].any(1).mean() > 0.9
    closed = plans(preset, epoch=285)
    assert not closed.shown.numpy()[:, 1:].any()
    np.testing.assert_allclose(scales(closed), OUTPUT[1] / 90, rtol=0.02)
    np.testing.assert_allclose(closed.visibility.numpy()[:, 0], 1)
    with pytest.raises(OptionError, match="close_mosaic"):
        a.yolox(epochs=5)


def test_detr_resizes_to_its_sides_and_crops_half_of_the_time() -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    augmenter = a.Augmenter(a.detr(longest=667))
    one = a.make_sample(image, [[200, 200, 400, 400]], [0])
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], PICTURES, 0), one)
    draws = [augmenter.draw(a.example_seed(0, 0, number)) for number in range(PICTURES)]
    plan = augmenter.plan(samples, tf.nest.map_structure(lambda *values: tf.stack(values), *draws))
    size = plan.size.numpy()
    assert set(size.min(1)) <= {*(round(side / 2) for side in range(480, 801, 32)), *range(240, 401)}
    assert size.max() <= 667
    whole = (plan.reads.numpy()[:, 0, 2:] == [480, 640]).all(1)
    assert whole.mean() == pytest.approx(0.5, abs=0.1)
    sides = size.min(1)[whole]
    assert set(sides) == {round(side * 667 / 1333) for side in range(480, 801, 32)}  # 4:3 is never too long
    cut = plan.reads.numpy()[~whole, 0, 2:] / [480, 640]
    assert cut.min() > 0.3
    assert cut.max() > 0.95


def test_detr_fills_at_the_end_and_loses_nothing_without_its_crop() -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    for example in range(6):
        found = a.apply(
            a.detr(longest=200), image, [[9, 9, 630, 470]], [0], example_id=example, image_size=(200, 200)
        )
        covered = (found.image.numpy() != 114).all(-1)
        height, width = covered[:, 0].sum(), covered[0].sum()
        assert covered[:height, :width].all()
        assert covered.sum() == height * width
        assert min(height, width) <= 120
        assert len(found.boxes)


def test_lsj_scales_by_a_tenth_to_two() -> None:
    plan = plans(a.lsj(), boxes=((20, 20, 50, 40), (0, 0, 90, 60)))
    factor = scales(plan) / (OUTPUT[1] / 90)
    assert 0.08 < factor.min() < 0.2
    assert 1.9 < factor.max() < 2.03
    assert np.mean(factor) == pytest.approx(1.05, abs=0.1)
    small = plan.targets.numpy()[factor < 1, 0]
    flipped = plan.matrices.numpy()[factor < 1, 0, 0, 0] < 0
    assert (small[:, 1] == 0).all()
    assert (small[~flipped, 0] == 0).all()
    assert (small[flipped, 2] == OUTPUT[1]).all()
    large = plan.reads.numpy()[factor > 1.7, 0]
    assert len(np.unique(large[:, 1])) > 10  # cut at any place
    assert a.apply(a.lsj(scale=(1.0, 1.0)), GRAY, [], []).image.shape == GRAY.shape
