"""Boxes lie on their objects under every op and preset; and the kit that shows it finds what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a
from annotools.augment import Draft
from annotools.augment.graph import boxes as graph_boxes
from annotools.boxes import BOX_FORMATS, convert, horizontal_flip
from annotools.testing.box_consistency import check_box_consistency, check_transform

WHOLE = 0.0  # flips, right angles, crops on whole pixels: not a pixel off
HALF = 0.51  # resampled: half a pixel, which is what sampled colours can show
TIPS = 1.5  # the tip of a turned corner may fall between two samples
LARGE = {"size": (300, 420), "tolerance": TIPS, "thinnest": 12}
OPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "HorizontalFlip": (a.HorizontalFlip(), {"tolerance": WHOLE}),
    "VerticalFlip": (a.VerticalFlip(), {"tolerance": WHOLE}),
    "Rot90": (a.Rot90(), {"tolerance": WHOLE}),
    "RandomCrop": (a.RandomCrop(), {"tolerance": WHOLE}),
    "RandomCrop of a size": (a.RandomCrop((70, 90)), {"tolerance": WHOLE}),
    "IoUCrop": (a.IoUCrop(), {"tolerance": WHOLE}),
    "IoUCrop of torchvision": (a.IoUCrop(rule="torchvision"), {"tolerance": WHOLE}),
    "Expand": (a.Expand(p=1.0), {"tolerance": WHOLE}),
    "Cutout": (a.Cutout(holes=3, p=1.0), {"tolerance": WHOLE}),
    "RandomErase": (a.RandomErase(p=1.0), {"tolerance": WHOLE}),
    "ColorJitter": (a.ColorJitter(), {"tolerance": WHOLE}),
    "ScaleJitter": (a.ScaleJitter(aspect=(0.5, 2.0)), {"tolerance": HALF}),
    "Translate": (a.Translate((0.4, 0.3)), {"tolerance": HALF}),
    "Resize": (a.Resize((50, 60)), {"tolerance": HALF}),
    "Letterbox": (a.Letterbox((90, 60)), {"tolerance": HALF}),
    "CenterCrop": (a.CenterCrop((50, 70)), {"tolerance": HALF}),
    "Rotate": (a.Rotate(180), LARGE),
    "Rotate, ellipse": (a.Rotate(45, boxes="ellipse"), LARGE | {"paint": "ellipse"}),
    "Shear": (a.Shear(15, 10), LARGE),
    "OneOf": (
        a.OneOf((a.HorizontalFlip(1.0), a.RandomCrop(), a.Expand(p=1.0), a.Rot90(p=1.0))),
        {"tolerance": WHOLE},
    ),
    "SomeOf": (
        a.SomeOf((a.RandomCrop(), a.Translate(), a.Cutout(p=1.0), a.ScaleJitter()), 2),
        {"tolerance": HALF},
    ),
    "Sometimes": (a.Sometimes(a.Rotate(30)), LARGE),
    "chosen crops": (
        [a.Sometimes(a.RandomCrop()), a.Expand(2.0), a.OneOf((a.IoUCrop(), a.Rot90()))],
        {"tolerance": WHOLE},
    ),
    "Mosaic": (a.Mosaic((100, 140)), {"tolerance": HALF}),
    "Mosaic or not": ([a.Mosaic((100, 140), p=0.5), a.Rot90()], {"tolerance": HALF}),
    "whole pixels in a row": (
        [a.Rot90(), a.Expand(p=1.0), a.IoUCrop(), a.HorizontalFlip(), a.RandomCrop(), a.Rot90()],
        {"tolerance": WHOLE},
    ),
    "everything upright": (
        [a.ScaleJitter(), a.Rot90(), a.RandomCrop(), a.Expand(2.0), a.Translate(), a.Letterbox((80, 130))],
        {"tolerance": HALF, "image_size": (120, 100)},
    ),
    "turned and then cut": (
        [a.RandomCrop(), a.Rotate(30), a.Shear(10), a.RandomCrop(), a.Expand(2.0), a.HorizontalFlip()],
        # sheared, stretched and cut, the tips are acute; test_boxes.py has the exact bounds
        LARGE | {"image_size": (300, 300), "tolerance": 3.5},
    ),
    "light": (a.light(), {"image_size": (200, 170)}),
    "ssd": (a.ssd(), {"image_size": (170, 200)}),
    "torchvision_ssd": (a.torchvision_ssd(), {"image_size": (200, 170)}),
    "yolo": (a.yolo(), {"image_size": (180, 130)}),
    "ssd512": (a.ssd512(), {}),
    "detr": (a.detr(longest=260), {"image_size": (260, 260)}),
    "lsj": (a.lsj(), {"image_size": (200, 170)}),
    "ResizeScale": (a.ResizeScale((0.5, 2.0), (90, 120)), {"tolerance": HALF}),
    "ResizeShortestEdge": (a.ResizeShortestEdge((40, 150), 180), {"tolerance": HALF}),
    "RandomSizeCrop": (a.RandomSizeCrop(30, 90), {"tolerance": WHOLE}),
    "FixedSizeCrop": (a.FixedSizeCrop((50, 110)), {"tolerance": WHOLE}),
}


@pytest.mark.parametrize("name", OPS)
def test_boxes_stay_on_their_objects(name: str) -> None:
    ops, options = OPS[name]
    check_box_consistency(ops, **options)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_every_way_to_the_output_size(resize: Any) -> None:
    augmentation = a.Augmentation((a.Expand(2.0),), resize=resize)
    check_box_consistency(augmentation, image_size=(90, 130), cases=8)


@pytest.mark.parametrize("box_format", BOX_FORMATS)
def test_every_box_format(box_format: str) -> None:
    def transform(image: Any, boxes: Any, labels: Any, case: int) -> Any:
        given = convert(boxes, box_format, "xyxy", image_size=image.shape[:2])
        result = a.apply(a.HorizontalFlip(), image, given, labels, example_id=case)
        size = result.image.shape[:2]
        found = graph_boxes.convert(result.boxes, "xyxy", box_format, image_size=size)
        return result.image, found, result.labels

    check_transform(transform, box_format=box_format, tolerance=1e-3, cases=4)


SECOND: dict[str, tuple[Any, float]] = {
    "that of yolox": ((a.ResizeScale((0.5, 1.5)), a.FixedSizeCrop(), a.HorizontalFlip()), HALF),
    "cut and turned": ((a.RandomCrop(), a.Rot90(), a.Translate()), HALF),
    "letterboxed": ((), HALF),
}


@pytest.mark.parametrize("name", SECOND)
def test_the_second_picture_of_mixup(name: str) -> None:
    """Alone: the first one is black, has no objects and no weight."""
    ops, tolerance = SECOND[name]

    def transform(image: Any, boxes: Any, labels: Any, case: int) -> Any:
        second = a.make_sample(image, boxes, labels)
        mixed = a.MixUp(p=1.0, share=0.0, ops=ops)
        options: Any = {"image_size": (150, 130), "example_id": case, "interpolation": "nearest"}
        found = a.apply(mixed, np.zeros_like(image), [], [], partner=lambda k, seed: second, **options)
        return found.image, found.boxes, found.labels

    check_transform(transform, tolerance=tolerance)


# ----- the kit itself: a fault of each kind must be found -----


def swapped_axes(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.replace(boxes=tf.gather(draft.boxes, [1, 0, 3, 2], axis=2))


def one_pixel_late(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.replace(boxes=draft.boxes + tf.constant([1, 0, 1, 0], tf.float64))


def labels_of_the_neighbour(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.replace(labels=tf.roll(draft.labels, 1, axis=1))


def boxes_left_behind(draft: Draft, draws: tf.Tensor) -> Draft:
    flipped = a.HorizontalFlip(1.0)(draft, draws)
    # as if the boxes had been mirrored already
    return flipped.replace(boxes=flipped.whole_boxes())


@pytest.mark.parametrize("fault", [swapped_axes, one_pixel_late, labels_of_the_neighbour, boxes_left_behind])
def test_the_kit_finds_a_fault(fault: Any) -> None:
    with pytest.raises(AssertionError, match="object"):
        check_box_consistency([fault], tolerance=HALF)


def test_the_kit_judges_functions_of_other_libraries() -> None:
    def flip(image: Any, boxes: Any, labels: Any, case: int) -> Any:
        return image[:, ::-1], horizontal_flip(boxes, image.shape[1]), labels

    def flip_counting_from_one(image: Any, boxes: Any, labels: Any, case: int) -> Any:
        return image[:, ::-1], horizontal_flip(boxes, image.shape[1] - 1), labels

    check_transform(flip, tolerance=0)
    with pytest.raises(AssertionError, match="off by 1"):
        check_transform(flip_counting_from_one, tolerance=0.5)


def test_the_kit_is_part_of_annotools_testing() -> None:
    from annotools import testing

    assert testing.check_box_consistency is check_box_consistency


def test_random_numbers_decide_what_happens() -> None:
    """Guard: the checks above would pass for ops that never do anything."""
    image = np.zeros((60, 80, 3), np.uint8)
    sample = a.make_sample(image, [[10, 20, 50, 40]], [0])
    batch = tf.nest.map_structure(lambda value: tf.repeat(value[None], 8, axis=0), sample)
    for name, (ops, _) in OPS.items():
        augmenter = a.Augmenter(ops)
        if augmenter.partners or name in ("ColorJitter", "light"):
            continue
        draws = [augmenter.draw(a.example_seed(0, 0, case)) for case in range(8)]
        plan = augmenter.plan(batch, tf.nest.map_structure(lambda *values: tf.stack(values), *draws))
        moved = (plan.matrices[:, 0].numpy() != np.eye(2, 3)).any((1, 2))
        assert (moved | plan.erased.numpy().any((1, 2))).any(), name
