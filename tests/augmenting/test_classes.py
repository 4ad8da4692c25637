"""Ops and policies by class, and CopyPaste: what happens to which objects, by label and by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import annotools
from annotools import augment as a
from annotools.errors import OptionError
from annotools.loader import make_dataset
from annotools.testing.box_consistency import check_box_consistency

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
NAMES = {"shoe": 0, "text": 1, "box of text": 2}


def planned(op: Any, boxes: Any, labels: Any, count: int = 200, **options: Any) -> a.Plan:
    augmenter = a.Augmenter(op, (40, 60), classes=NAMES, **options)
    one = a.make_sample(IMAGE, boxes, labels)
    samples: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], count, 0), one)
    draws = [augmenter.draw(a.example_seed(0, 0, number)) for number in range(count)]
    together = tf.nest.map_structure(lambda *values: tf.stack(values), *draws)
    partner = a.make_sample(PARTNER, PARTNER_BOXES, [0, 1, 2])
    other: a.Sample = tf.nest.map_structure(lambda value: tf.repeat(value[None], count, 0), partner)
    return augmenter.plan(samples, together, partners=[other] * augmenter.partners)


PARTNER = np.zeros((50, 50, 3), np.uint8)
PARTNER_BOXES = [[0, 0, 10, 20], [20, 20, 40, 30], [44, 44, 48, 48]]
for box, color in zip(PARTNER_BOXES, ((200, 0, 0), (0, 200, 0), (0, 0, 200)), strict=True):
    PARTNER[box[1] : box[3], box[0] : box[2]] = color


def flipped(plan: a.Plan) -> Any:
    return plan.matrices.numpy()[:, 0, 0, 0] < 0


# ----- ops by class -----


@pytest.mark.parametrize("text", [1, "text"])
def test_no_flip_where_there_is_text(text: Any) -> None:
    op = a.IfClasses(a.HorizontalFlip(1.0), none=(text,))
    assert not flipped(planned(op, [[2, 2, 9, 9], [20, 2, 29, 9]], [0, 1])).any()
    assert flipped(planned(op, [[2, 2, 9, 9], [20, 2, 29, 9]], [0, 2])).all()
    assert flipped(planned(op, [], [])).all()


def test_only_where_there_is_one_of_some() -> None:
    op = a.IfClasses(a.HorizontalFlip(), some=("shoe", 2), none="text")  # type: ignore[arg-type]
    assert flipped(planned(op, [[2, 2, 9, 9]], [2])).mean() == pytest.approx(0.5, abs=0.12)
    for labels in ([1], [0, 1]):
        assert not flipped(planned(op, [[2, 2, 9, 9]] * len(labels), labels)).any()
    assert not flipped(planned(op, [], [])).any()


def test_what_a_crop_has_cut_off_is_no_longer_there() -> None:
    op = (a.RandomCrop((10, 10)), a.IfClasses(a.HorizontalFlip(1.0), none=("text",)))
    plan = planned(op, [[0, 0, 10, 40]], [1], policy=a.BoxPolicy(min_size=0.0))
    seen = plan.num_boxes.numpy() > 0
    np.testing.assert_array_equal(flipped(plan), ~seen)
    assert 0 < seen.mean() < 1


@pytest.mark.parametrize(
    ("name", "told"), [("texd", "did you mean text"), ("lorry", "shoe, text, box of text")]
)
def test_names_that_nobody_knows(name: str, told: str) -> None:
    for op in (a.IfClasses(a.Rot90(), none=(name,)), a.CopyPaste(classes=(name,))):
        with pytest.raises(OptionError, match=told):
            planned(op, [], [])
    with pytest.raises(OptionError, match=told):
        planned([], [], [], policy=a.BoxPolicy(by_class={name: a.BoxPolicy()}))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="known in a data set"):
        a.apply(a.IfClasses(a.Rot90(), none=(name,)), IMAGE, [], [])


def test_boxes_stay_on_their_objects() -> None:
    check_box_consistency(a.IfClasses(a.Rot90(p=1.0), none=(2, 3)), tolerance=0.0)
    check_box_consistency([a.IfClasses(a.RandomCrop(), some=(0, 4)), a.Expand(p=1.0)], tolerance=0.0)
    pasted = a.CopyPaste(3, p=1.0)
    check_box_consistency(pasted, image_size=(150, 150), partly_hidden=True)
    check_box_consistency([a.RandomCrop(), pasted, a.Rot90(), a.Translate()], partly_hidden=True)
    large: Any = {"size": (300, 420), "tolerance": 1.5, "thinnest": 16, "partly_hidden": True}
    check_box_consistency([pasted, a.Rotate(30), a.HorizontalFlip()], **large)


# ----- policies by class -----


def test_each_class_by_its_policy() -> None:
    boxes = [[0, 0, 6, 6], [10, 0, 16, 6], [20, 0, 26, 6], [30, 0, 50, 20]]
    policy = a.BoxPolicy(min_size=5, by_class={"text": a.BoxPolicy(min_size=9), 2: a.BoxPolicy(min_area=40)})  # type: ignore[arg-type]
    plan = planned([], boxes, [0, 1, 2, 1], 1, policy=policy)
    assert plan.ids.numpy()[0, : int(plan.num_boxes[0])].tolist() == [0, 3]
    assert plan.drops.numpy().sum() == 2


def test_one_class_is_ignored_where_others_are_dropped() -> None:
    half = a.BoxPolicy(0.9)
    policy = a.BoxPolicy(0.9, by_class={"text": a.BoxPolicy(0.9, low_visibility="ignore")})  # type: ignore[arg-type]
    boxes = [[0, 0, 60, 40], [0, 0, 60, 40]]
    plan = planned(a.RandomCrop((20, 30)), boxes, [0, 1], 8, policy=policy)
    assert plan.labels.numpy()[:, 0].tolist() == [1] * 8
    assert plan.ignore.numpy()[:, 0].all()
    assert planned(a.RandomCrop((20, 30)), boxes, [0, 1], 8, policy=half).num_boxes.numpy().sum() == 0


def test_a_policy_by_class_in_text() -> None:
    policy = a.BoxPolicy(by_class={"box of text": a.BoxPolicy(min_size=8), 3: a.BoxPolicy(0.5)})  # type: ignore[arg-type]
    ops = (a.IfClasses(a.HorizontalFlip(), none=("text", "box of text", 4)),)
    augmentation = a.Augmentation(ops, policy)
    assert a.from_text(augmentation.text) == augmentation
    assert a.from_json(augmentation.to_json()) == augmentation
    assert "none=(text, 'box of text', 4)" in augmentation.text


@pytest.mark.parametrize(
    "by_class", ["text", None, {"text": 3}, {"text": a.BoxPolicy(low_visibility="reject")}, [("text",)]]
)
def test_what_is_no_policy_by_class(by_class: Any) -> None:
    with pytest.raises(OptionError) as caught:
        a.BoxPolicy(by_class=by_class)
    assert caught.value.field == "by_class"


# ----- CopyPaste -----


def test_objects_of_another_image_in_their_boxes() -> None:
    partner = a.make_sample(PARTNER, PARTNER_BOXES, [0, 1, 2])
    image = np.full((50, 50, 3), 99, np.uint8)
    seen = []
    for example in range(12):
        paste = a.CopyPaste(2, scale=(1.0, 1.0), p=1.0)
        found = a.apply(paste, image, [], [], example_id=example, partner=lambda k, seed: partner)
        labels = found.labels.numpy().tolist()
        assert 1 <= len(set(labels)) == len(labels) <= 2  # each once
        assert len(labels) + found.dropped().get("erased", 0) == 2
        seen += labels
        for box, label in zip(found.boxes.numpy().astype(int), labels, strict=True):
            given = PARTNER_BOXES[label]
            assert (box[2:] - box[:2]).tolist() == [given[2] - given[0], given[3] - given[1]]
            inside = found.image.numpy()[box[1] : box[3], box[0] : box[2]]
            assert (inside[..., label] == 200).any()
        colors = {tuple(pixel) for pixel in found.image.numpy().reshape(-1, 3)}
        assert (0, 0, 0) not in colors  # nothing of the image but its objects
    assert {0, 1, 2} == set(seen)


def test_how_large_and_where() -> None:
    plan = planned(a.CopyPaste(1, scale=(0.5, 1.5), classes=("text",), p=1.0), [], [])
    boxes = plan.boxes.numpy()[:, 0]
    width = boxes[:, 2] - boxes[:, 0]
    factor = width / 20 / (40 / 50)  # 20 wide; 50x50 fitted into 40 high
    assert 0.48 < factor.min() < 0.6
    assert 1.4 < factor.max() < 1.55
    assert (plan.labels.numpy()[:, 0] == 1).all()
    centers = (boxes[:, 0] + boxes[:, 2]) / 2
    assert centers.min() < 15
    assert centers.max() > 45


def test_p_and_what_is_covered() -> None:
    plan = planned(a.CopyPaste(1, scale=(3.0, 3.0), classes=(1,), p=0.5), [[25, 15, 35, 25]], [0])
    happened = plan.shown.numpy()[:, 1]
    assert happened.mean() == pytest.approx(0.5, abs=0.12)
    kept = (plan.labels.numpy() == 0).any(1)
    assert kept[~happened].all()
    assert not kept[happened].all()
    erased = plan.drops.numpy()[:, a.DROP_REASONS.index("erased")]
    np.testing.assert_array_equal(erased == 1, ~kept)


def test_what_lies_over_another_object_is_not_pasted() -> None:
    boxes = [[0, 0, 20, 20], [5, 5, 12, 12], [30, 30, 45, 45]]
    partner = a.make_sample(PARTNER, boxes, [0, 1, 2])
    for example in range(6):
        paste = a.CopyPaste(3, p=1.0, max_cover=9.0)
        found = a.apply(paste, IMAGE, [], [], example_id=example, partner=lambda k, seed: partner)
        assert sorted(found.labels.numpy()) == [1, 2], example


def test_an_image_without_objects_gives_nothing() -> None:
    partner = a.make_sample(PARTNER, [], [])
    found = a.apply(a.CopyPaste(p=1.0), IMAGE, [[1, 1, 9, 9]], [0], partner=lambda k, seed: partner)
    np.testing.assert_array_equal(found.image, IMAGE)
    assert found.labels.numpy().tolist() == [0]


# ----- in a data set, whose names are known -----


def test_names_of_a_data_set(tmp_path: Path) -> None:
    annotools.convert(SAMPLE_DATA, tmp_path / "out", to="tfrecord", shards=1)
    options: Any = {"split": "train", "image_size": (60, 60), "batch_size": 4, "seed": 1, "epochs": 1}
    plain = make_dataset(tmp_path / "out", **options)
    name = plain.class_names[0]
    text = f"if_classes(horizontal_flip(1.0), none=({name!r},))|copy_paste(2, classes=({name!r},), p=1.0)"
    ds = make_dataset(tmp_path / "out", augment=text, **options)
    pasted = 0
    for batch, before in zip(ds, plain, strict=True):
        labels = batch["bounding_boxes"]["labels"].numpy()
        pasted += int((labels == 0).sum() - (before["bounding_boxes"]["labels"].numpy() == 0).sum())
    assert pasted > 0
    with pytest.raises(OptionError, match="did you mean"):
        make_dataset(tmp_path / "out", augment=f"if_classes(rot90, none=('{name}x',))", **options)
