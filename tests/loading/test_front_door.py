"""From `make_dataset` to `model.fit`: what a data set knows, epochs that come back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from model_on_demand import ModelOnDemand

from annotools.augment import HorizontalFlip, light
from annotools.errors import OptionError
from annotools.loader import make_dataset, pipeline_of, steps_per_epoch, to_keras

OPTIONS: dict[str, Any] = {"split": "train", "image_size": (32, 48), "batch_size": 5}
NAMES = ("audio", "books", "clothes", "computer", "pants", "phone", "shoes", "watch")


def test_images_and_targets_have_static_shapes(converted: Path) -> None:
    dataset = make_dataset(converted, drop_remainder=True, max_boxes=7, overflow="drop_smallest", **OPTIONS)
    images, targets = to_keras(dataset).element_spec
    assert images.shape[1:] == (32, 48, 3)
    assert targets["boxes"].shape[1:] == (7, 4)
    assert targets["labels"].shape[1:] == (7,)
    batch = next(iter(dataset))
    images, targets = next(iter(to_keras(dataset)))
    np.testing.assert_array_equal(images, batch["images"])
    np.testing.assert_array_equal(targets["boxes"], batch["bounding_boxes"]["boxes"])
    np.testing.assert_array_equal(targets["labels"], batch["bounding_boxes"]["labels"])
    _, other = next(iter(to_keras(dataset, box_format="yxyx")))
    np.testing.assert_array_equal(other["boxes"], batch["bounding_boxes"]["boxes"].numpy()[..., [1, 0, 3, 2]])


def test_a_data_set_knows_its_classes_and_steps_also_after_map(converted: Path) -> None:
    dataset = make_dataset(converted, epochs=2, **OPTIONS)
    for one in (
        dataset,
        dataset.take(2),
        dataset.map(lambda batch: batch["images"]).prefetch(1),
        to_keras(dataset),
        dataset.map(lambda batch: batch)
        .unbatch()
        .batch(2)
        .apply(tf.data.experimental.assert_cardinality(16)),
    ):
        assert one.class_names == NAMES
        assert one.num_classes == 8
        assert one.steps_per_epoch == steps_per_epoch(one) == 4
        assert one.max_boxes == pipeline_of(dataset).max_boxes
        assert isinstance(one, tf.data.Dataset)


def test_labels_that_the_ids_leave_out_have_no_name(converted: Path, tmp_path: Path) -> None:
    ids = {name: 2 * number + 1 for number, name in enumerate(NAMES)}
    items = [f"item {{ name: '{name}' id: {id_} }}" for name, id_ in ids.items()]
    (tmp_path / "map.pbtxt").write_text("\n".join(items), encoding="utf-8")
    dataset = make_dataset(converted, classes=tmp_path / "map.pbtxt", **OPTIONS)
    assert dataset.num_classes == 15
    assert dataset.class_names[::2] == NAMES
    assert set(dataset.class_names[1::2]) == {""}


def test_a_list_of_names_is_a_class_map(converted: Path) -> None:
    reversed_names = list(NAMES[::-1])
    dataset = make_dataset(converted, classes=reversed_names, shuffle=False, **OPTIONS)
    plain = make_dataset(converted, shuffle=False, **OPTIONS)
    assert dataset.class_names == NAMES[::-1]
    one, two = (next(iter(each))["bounding_boxes"]["labels"].numpy() for each in (dataset, plain))
    np.testing.assert_array_equal(one[two >= 0], 7 - two[two >= 0])


def test_adapters_refuse_what_a_map_has_changed(converted: Path) -> None:
    dataset = make_dataset(converted, **OPTIONS)
    assert next(iter(to_keras(dataset.take(1).prefetch(1))))
    with pytest.raises(OptionError, match="before any map"):
        to_keras(dataset.map(lambda batch: batch).take(1))
    with pytest.raises(OptionError, match="make_dataset"):
        to_keras(tf.data.Dataset.range(3))


@pytest.mark.parametrize("epochs", [1, 2])
def test_augmented_epochs_that_begin_once_more_are_told(converted: Path, epochs: int) -> None:
    """Once one `fit` cannot have been all: it may begin a data set twice, and a second look is no harm."""
    dataset = to_keras(make_dataset(converted, augment=light(), epochs=epochs, **OPTIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            next(iter(dataset.take(1)))
        for _ in range(2):
            iter(dataset)
    with pytest.warns(UserWarning, match="once more.*steps_per_epoch"):
        iter(dataset)


def test_keras_is_warned_of_epochs_that_are_the_first_one_again(converted: Path) -> None:
    dataset = to_keras(make_dataset(converted, augment=light(), **OPTIONS))
    model = ModelOnDemand()
    with pytest.warns(UserWarning, match="once more"):
        model.fit(dataset, epochs=3, steps_per_epoch=None)


@pytest.mark.parametrize("options", [{}, {"augment": light(), "epochs": None}, {"shuffle": False}])
def test_nobody_is_warned_of_what_is_meant(converted: Path, options: dict[str, Any]) -> None:
    dataset = make_dataset(converted, **options, **OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            iter(dataset)


def test_a_step_counts_through_all_epochs(converted: Path) -> None:
    augment = HorizontalFlip()
    whole = list(make_dataset(converted, augment=augment, epochs=3, **OPTIONS))
    for step in (5, 11, 12):
        rest = list(make_dataset(converted, augment=augment, epochs=3, start_step=step, **OPTIONS))
        assert len(rest) == 12 - step
        for one, two in zip(rest, whole[step:], strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, one, two)
    with pytest.raises(OptionError, match="beyond the last epoch"):
        make_dataset(converted, augment=augment, epochs=3, start_step=13, **OPTIONS)
