"""Which objects are left: visibility of the original box, sizes in the output, and an account of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import BoxPolicy, Draft
from annotools.errors import OptionError

IMAGE = np.zeros((100, 200, 3), np.uint8)


def crop(x1: float, y1: float, x2: float, y2: float) -> Any:
    """An op that always cuts out the same window."""

    def op(draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.cropped(tf.constant([[x1, y1, x2, y2]], tf.float64))

    return op


def test_visibility_is_that_of_the_original_box_through_all_crops() -> None:
    """Two crops that leave 0.6 each leave 0.36: below 0.5, whatever each of them is."""
    box = [[0, 0, 100, 50]]
    steps = [crop(40, 0, 200, 100), crop(24, 0, 160, 100)]
    for min_visibility, left in ((0.36, 1), (0.37, 0)):
        found = a.apply(steps, IMAGE, box, [1], policy=BoxPolicy(min_visibility))
        assert len(found.boxes) == left
    once = a.apply([crop(64, 0, 200, 100)], IMAGE, box, [1], policy=BoxPolicy(0.37))
    assert once.dropped() == {"low-visibility": 1}
    kept = a.apply(steps, IMAGE, box, [1])
    np.testing.assert_allclose(kept.plan.visibility, [0.36], atol=1e-6)
    np.testing.assert_allclose(kept.boxes, [[0, 0, 36, 50]])


def test_full_visibility_keeps_a_box_that_nothing_touched() -> None:
    for size in (None, (37, 311)):
        found = a.apply(
            None,
            IMAGE,
            [[0, 0, 200, 100], [3.3, 4.7, 9.1, 88.8]],
            [1, 2],
            image_size=size,
            policy=BoxPolicy(1.0),
        )
        assert found.labels.numpy().tolist() == [1, 2]


def test_labels_flags_and_ids_follow_their_box() -> None:
    boxes = [[0, 0, 10, 10], [90, 10, 120, 40], [5, 50, 15, 70], [100, 60, 150, 90]]
    found = a.apply(
        [crop(80, 0, 200, 100)], IMAGE, boxes, [7, 8, 9, 10], difficult=[True, False, False, True]
    )
    assert found.labels.numpy().tolist() == [8, 10]
    assert found.ids.numpy().tolist() == [1, 3]
    assert found.difficult.numpy().tolist() == [False, True]
    np.testing.assert_allclose(found.boxes, [[10, 10, 40, 40], [20, 60, 70, 90]])
    assert found.dropped() == {"outside": 2}


def test_ignore_keeps_the_object_and_marks_it() -> None:
    policy = BoxPolicy(min_visibility=0.5, low_visibility="ignore")
    found = a.apply(
        [crop(80, 0, 200, 100)], IMAGE, [[20, 0, 90, 50], [70, 0, 120, 50]], [1, 2], policy=policy
    )
    assert found.labels.numpy().tolist() == [1, 2]
    assert found.ignore.numpy().tolist() == [True, False]
    assert found.dropped() == {}


def test_reject_leaves_out_the_step_that_would_hide_half_an_object() -> None:
    policy = BoxPolicy(min_visibility=0.5, low_visibility="reject")
    always = a.apply([crop(80, 0, 200, 100)], IMAGE, [[20, 0, 90, 50]], [1], policy=policy)
    np.testing.assert_allclose(always.boxes, [[20, 0, 90, 50]])
    assert always.image.shape == (100, 200, 3)
    sometimes = BoxPolicy(min_visibility=0.9, low_visibility="reject", attempts=6)
    moved = 0
    for example in range(12):
        shifted = a.apply(
            a.Translate((0.5, 0)), IMAGE, [[60, 0, 140, 50]], [1], policy=sometimes, example_id=example
        )
        assert shifted.plan.visibility.numpy().tolist() == pytest.approx([1.0], abs=0.1)
        moved += int(shifted.plan.matrices[0, 0, 2] != 0)
    assert moved >= 10  # a second and a third draw found a place


def test_size_counts_in_the_output() -> None:
    boxes = [[0, 0, 8, 50], [0, 0, 12, 50]]
    found = a.apply(None, IMAGE, boxes, [1, 2], image_size=(50, 50), policy=BoxPolicy(min_size=3))
    assert found.labels.numpy().tolist() == [2]
    assert found.dropped() == {"too-small": 1}
    assert len(a.apply(None, IMAGE, boxes, [1, 2], policy=BoxPolicy(min_size=8)).boxes) == 2


def test_aspect() -> None:
    found = a.apply(None, IMAGE, [[0, 0, 101, 10], [0, 0, 99, 10]], [1, 2], policy=BoxPolicy(max_aspect=10))
    assert found.labels.numpy().tolist() == [2]
    assert found.dropped() == {"too-long": 1}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([0, 0, 200, 100], [0, 0, 200, 100]),
        ([-1e-6, 0, 200 + 1e-5, 100], [0, 0, 200, 100]),
        ([-0.9, 50, 10, 100.9], [0, 50, 10, 100]),
        ([199, 99, 200, 100], [199, 99, 200, 100]),
    ],
)
def test_boxes_on_and_a_hair_over_the_border(box: Any, expected: Any) -> None:
    found = a.apply(None, IMAGE, [box], [1])
    np.testing.assert_allclose(found.boxes, [expected], atol=1e-4)


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 5, 5, 9], [200, 100, 200, 100]])
def test_a_box_without_area_is_dropped_as_degenerate(box: Any) -> None:
    found = a.apply(a.ssd(), IMAGE, [box, [10, 10, 90, 90]], [1, 2])
    assert found.dropped()["degenerate"] == 1
    assert 1 not in found.labels.numpy()


@pytest.mark.parametrize("box", [[0, 0, 202, 50], [0, -1.5, 10, 50], [float("nan"), 0, 10, 50]])
def test_a_box_outside_the_image_is_an_error_that_names_the_image(box: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)boxes outside their image.*cups_17"):
        a.apply(None, IMAGE, [[1, 1, 5, 5], box], [1, 2], name="cups_17")


def test_no_objects() -> None:
    for ops in (None, a.ssd(), a.light(), a.Rotate(), a.Cutout(p=1.0)):
        found = a.apply(ops, IMAGE, [], [], image_size=(60, 80))
        assert found.image.shape == (60, 80, 3)
        assert found.boxes.shape == (0, 4)
        assert found.labels.shape == (0,)
        assert found.dropped() == {}


def test_erased_objects_are_gone() -> None:
    cover = a.Cutout(size=(1.0, 1.0), p=1.0, fill=(9, 9, 9))
    found = a.apply(cover, IMAGE, [[10, 10, 50, 50]], [1])
    assert found.dropped() == {"erased": 1}
    assert (found.image.numpy() == 9).all()
    light_touch = a.Cutout(size=(0.01, 0.02), p=1.0)
    assert len(a.apply(light_touch, IMAGE, [[10, 10, 150, 90]], [1]).boxes) == 1


def test_what_is_cut_stays_cut_when_the_canvas_grows_again() -> None:
    image = np.full((100, 200, 3), 50, np.uint8)
    grow = lambda draft, draws: draft.scaled([1.0, 1.0], [30.0, 20.0], [200.0, 150.0])  # noqa: E731
    found = a.apply([crop(50, 0, 150, 100), grow], image, [[0, 0, 80, 100]], [1])
    pixels = found.image.numpy()
    assert (pixels[20:120, 30:130] == 50).all()
    assert (pixels[:, :30] == 114).all()
    assert (pixels[:, 130:] == 114).all()
    np.testing.assert_allclose(found.boxes, [[30, 20, 60, 120]])


def test_a_rotation_on_both_sides_of_a_crop_of_a_rotation_is_refused() -> None:
    with pytest.raises(OptionError, match="one affine map"):
        a.apply([a.Rotate(), a.RandomCrop(), a.Rotate()], IMAGE, [], [])


@pytest.mark.parametrize(
    "make",
    [
        lambda: BoxPolicy(min_visibility=1.1),
        lambda: BoxPolicy(min_size=-1),
        lambda: BoxPolicy(low_visibility="maybe"),  # type: ignore[arg-type]
        lambda: a.HorizontalFlip(1.5),
        lambda: a.Rot90(turns=(4,)),
        lambda: a.RandomCrop((0, 5)),
        lambda: a.Resize(200),  # type: ignore[arg-type]
        lambda: a.RandomCrop(scale=(0.9, 0.1)),
        lambda: a.IoUCrop(thresholds=()),
        lambda: a.IoUCrop(rule="all"),  # type: ignore[arg-type]
        lambda: a.Expand(0.5),
        lambda: a.ScaleJitter((0, 1)),
        lambda: a.Rotate(boxes="circle"),  # type: ignore[arg-type]
        lambda: a.ColorJitter(hsv="fast"),  # type: ignore[arg-type]
        lambda: a.ColorJitter(hue=0.7),
        lambda: a.Cutout(fill=(0, 0, 300)),
        lambda: a.Mosaic(center=(0.5, 2.0)),
        lambda: a.MixUp(alpha=0),
        lambda: a.Schedule(((5, 1.0), (3, 0.0))),
        lambda: a.Augmentation((a.Rotate,)),  # type: ignore[arg-type]
        lambda: a.Augmentation(("flip",)),  # type: ignore[arg-type]
        lambda: a.Augmenter(None, (300, 0)),
        lambda: a.Augmenter(None, (300, 300), resize="zoom"),  # type: ignore[arg-type]
        lambda: a.yolo(epochs=5, close_mosaic=6),
    ],
)
def test_options_that_make_no_sense(make: Any) -> None:
    with pytest.raises(OptionError, match="found") as caught:
        make()
    assert caught.value.field


def test_what_a_crop_has_cut_off_does_not_come_back_under_a_rotation() -> None:
    """A box that is cut off is a line at the edge of the crop; slanted, that line has an extent."""
    image, boxes = np.zeros((100, 100, 3), np.uint8), [[0, 10, 8, 90], [92, 10, 100, 90]]
    outside = 0
    for example in range(12):
        ops = (a.RandomCrop((100, 50)), a.Rotate(40), a.Translate(0.0))  # type: ignore[arg-type]
        found = a.apply(ops, image, boxes, [0, 1], example_id=example)
        left, _, right, _ = found.plan.windows.numpy()[0]
        labels = set(found.labels.numpy().tolist())
        assert labels <= ({0} if left < 8 else set()) | ({1} if right > 92 else set())
        outside += found.dropped().get("outside", 0)
    assert outside > 12
