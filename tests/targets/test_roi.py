"""RoiSamples: how many of which kind, the same in NumPy and in the graph, the same again every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools.errors import OptionError
from annotools.targets import RoiSamples, decode_boxes
from annotools.targets.matching import iou


def without_ids(batch: dict[str, Any]) -> dict[str, Any]:
    return {key: batch[key] for key in ("images", "bounding_boxes")}


@pytest.mark.parametrize(
    "spec",
    [RoiSamples(), RoiSamples(num=300, add_boxes=False), RoiSamples(num=32, jitter=0), RoiSamples(windows=0)],
    ids=["usual", "many", "windows", "copies"],
)
def test_the_graph_equals_numpy(batch: dict[str, Any], spec: RoiSamples) -> None:
    inputs, eager = spec(without_ids(batch))
    ds = tf.data.Dataset.from_tensor_slices(without_ids(batch)).batch(8).map(spec)
    assert ds.element_spec[0]["rois"].shape.as_list() == [None, spec.num, 4]
    assert ds.element_spec[1]["labels"].shape.as_list() == [None, spec.num]
    ((mapped_inputs, mapped),) = ds
    for index in range(8):
        boxes, labels = (batch["bounding_boxes"][key][index] for key in ("boxes", "labels"))
        rows = batch["num_boxes"][index]
        for several in (len(labels), rows):  # padding changes nothing
            expected = spec.for_image(boxes[:several], labels[:several], (300, 300))
            for rois, found in ((inputs["rois"], eager), (mapped_inputs["rois"], mapped)):
                np.testing.assert_array_equal(found["labels"][index], expected["labels"])
                np.testing.assert_allclose(rois[index], expected["rois"], atol=1e-3)
                np.testing.assert_allclose(found["boxes"][index], expected["boxes"], atol=1e-4)


def test_the_rule(batch: dict[str, Any]) -> None:
    spec = RoiSamples(num=64)
    boxes, labels = (batch["bounding_boxes"][key] for key in ("boxes", "labels"))
    inputs, found = spec(batch)
    for index in range(8):
        kinds, rois = found["labels"][index].numpy(), inputs["rois"][index].numpy()
        real = labels[index] >= 0
        overlap = iou(boxes[index][real], rois).max(axis=0, initial=0)
        assert (overlap[kinds >= 0] >= 0.5 - 1e-5).all()
        assert ((overlap[kinds == -1] >= 0.1 - 1e-5) & (overlap[kinds == -1] < 0.5)).all()
        assert not rois[kinds == -2].any()
        assert rois.min() >= 0
        assert rois.max() <= 300
        if (kinds == -1).sum() > 0 and (kinds == -2).sum() == 0:
            assert (kinds >= 0).sum() >= 16 or (kinds >= 0).sum() + (kinds == -1).sum() == 64
        some = np.flatnonzero(kinds >= 0)
        if len(some):
            back = decode_boxes(found["boxes"][index].numpy()[some], rois[some], spec.variances)
            owner = iou(boxes[index][real], rois[some]).argmax(axis=0)
            np.testing.assert_allclose(back, boxes[index][real][owner], atol=1e-2)
            np.testing.assert_array_equal(kinds[some], labels[index][real][owner])
        else:
            assert not real.any()


def test_a_quarter_of_objects_while_there_is_background() -> None:
    box = [[100, 100, 200, 200]]
    found = RoiSamples(num=32, jitter=200).for_image(box, [3], (300, 300))
    assert ((found["labels"] == 3).sum(), (found["labels"] == -1).sum()) == (8, 24)
    only_objects = np.repeat([[100, 100, 200, 199.0]], 40, axis=0)
    filled = RoiSamples(num=32).for_image(box, [3], (300, 300), proposals=only_objects)
    assert (filled["labels"] == 3).sum() == 32
    few = RoiSamples(num=32).for_image(box, [3], (300, 300), proposals=only_objects[:5])
    assert ((few["labels"] == 3).sum(), (few["labels"] == -2).sum()) == (6, 26)  # with the box itself


def test_proposals_of_one_s_own() -> None:
    boxes = np.array([[[100, 100, 200, 200]]], np.float32)
    proposals = np.array(
        [[[100, 100, 200, 180], [120, 120, 260, 260], [0, 0, 20, 20], [9, 9, 5, 5]]], np.float32
    )
    batch = {
        "images": np.zeros((1, 300, 300, 3), np.uint8),
        "bounding_boxes": {"boxes": boxes, "labels": np.array([[3]])},
        "proposals": proposals,
    }
    spec = RoiSamples(num=6, add_boxes=False)
    inputs, found = spec(batch)
    expected = spec.for_image(boxes[0], [3], (300, 300), proposals=proposals[0])
    np.testing.assert_array_equal(found["labels"][0], expected["labels"])
    np.testing.assert_allclose(inputs["rois"][0], expected["rois"], atol=1e-3)
    assert sorted(expected["labels"]) == [-2, -2, -2, -2, -1, 3]
    with pytest.raises(OptionError, match="proposals"):
        spec(dict(batch, proposals=proposals[..., :3]))


def test_a_region_on_an_ignored_object_is_no_background() -> None:
    boxes = [[100, 100, 200, 200], [110, 110, 210, 210]]
    on_it = [[112, 112, 208, 208], [60, 60, 170, 170]]
    spec = RoiSamples(num=4, add_boxes=False, positive=0.9, background=(0.1, 0.9))
    assert sorted(spec.for_image(boxes, [1, 1], (300, 300), proposals=on_it)["labels"]) == [-2, -2, -1, 1]
    spec = RoiSamples(num=4, add_boxes=False, positive=0.8, background=(0.1, 0.8))
    assert sorted(spec.for_image(boxes, [1, -2], (300, 300), proposals=on_it)["labels"]) == [-2, -2, -2, -1]


def test_draws_follow_seed_image_and_boxes(batch: dict[str, Any]) -> None:
    def rois(spec: RoiSamples, batch: dict[str, Any]) -> Any:
        return spec(batch)[0]["rois"].numpy()

    once = rois(RoiSamples(), batch)
    np.testing.assert_array_equal(once, rois(RoiSamples(), batch))
    assert (once != rois(RoiSamples(seed=1), batch)).any()
    assert (once != rois(RoiSamples(), dict(batch, image_id=batch["image_id"][::-1]))).any()
    one = {key: value[3:4] for key, value in batch.items() if key != "bounding_boxes"}
    one["bounding_boxes"] = {key: value[3:4] for key, value in batch["bounding_boxes"].items()}
    np.testing.assert_array_equal(once[3:4], rois(RoiSamples(), one))  # whatever else is in the batch


def test_pictures_without_objects() -> None:
    empty = {
        "images": np.zeros((2, 50, 50, 3)),
        "bounding_boxes": {"boxes": np.zeros((2, 0, 4)), "labels": np.zeros((2, 0))},
    }
    for spec in (RoiSamples(num=8), RoiSamples(num=8, background=(0.0, 0.5))):
        inputs, found = spec(empty)
        expected = -1 if spec.background[0] == 0 else -2
        assert (found["labels"].numpy() == expected).all()
        np.testing.assert_array_equal(spec.for_image([], [], (50, 50))["labels"], found["labels"][0])
        assert inputs["rois"].shape == (2, 8, 4)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("num", {"num": 0}),
        ("positive_fraction", {"positive_fraction": 1.5}),
        ("positive", {"positive": "half"}),
        ("background", {"background": (0.5, 0.1)}),
        ("background", {"background": (0.1, 0.7)}),
        ("jitter", {"jitter": -1}),
        ("seed", {"seed": 1.5}),
        ("box_format", {"box_format": "voc"}),
    ],
)
def test_what_makes_no_sense(field: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        RoiSamples(**options)
    assert caught.value.field == field
