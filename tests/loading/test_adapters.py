from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import boxes
from annotools.errors import OptionError
from annotools.loader import make_dataset, to_keras_cv, to_keras_hub, to_tfod

SIZE = (60, 80)
OPTIONS: dict[str, Any] = {"split": "train", "image_size": SIZE, "batch_size": 16}


@pytest.fixture(scope="module")
def plain(converted: Path) -> dict[str, Any]:
    """The one batch of the epoch, boxes as xyxy."""
    (batch,) = make_dataset(converted, **OPTIONS)
    found: dict[str, Any] = tf.nest.map_structure(lambda values: values.numpy(), batch)
    return found


@pytest.mark.parametrize("box_format", ["xyxy", "rel_center_xywh"])
def test_keras_hub_gets_yxyx_whatever_the_data_set_has(
    converted: Path, plain: dict[str, Any], box_format: str
) -> None:
    ((images, targets),) = to_keras_hub(make_dataset(converted, box_format=box_format, **OPTIONS))
    assert images.dtype == tf.uint8
    assert set(targets) == {"boxes", "labels"}
    np.testing.assert_array_equal(targets["labels"], plain["bounding_boxes"]["labels"])
    for i, count in enumerate(plain["num_boxes"]):
        expected = plain["bounding_boxes"]["boxes"][i][:count][:, [1, 0, 3, 2]]
        np.testing.assert_allclose(targets["boxes"][i][:count], expected, atol=1e-4)
        assert (targets["boxes"][i][count:].numpy() == -1).all()


def test_keras_cv_gets_float_classes(converted: Path, plain: dict[str, Any]) -> None:
    (batch,) = to_keras_cv(make_dataset(converted, **OPTIONS), box_format="xywh")
    assert set(batch) == {"images", "bounding_boxes"}
    assert set(batch["bounding_boxes"]) == {"boxes", "classes"}
    assert batch["bounding_boxes"]["classes"].dtype == tf.float32
    np.testing.assert_array_equal(batch["bounding_boxes"]["classes"], plain["bounding_boxes"]["labels"])
    count = plain["num_boxes"][0]
    expected = boxes.convert(plain["bounding_boxes"]["boxes"][0][:count], "xyxy", "xywh")
    np.testing.assert_allclose(batch["bounding_boxes"]["boxes"][0][:count], expected)


def test_the_object_detection_api_gets_one_hot_classes_and_weights(
    converted: Path, plain: dict[str, Any]
) -> None:
    ((features, labels),) = to_tfod(make_dataset(converted, keep_difficult="ignore", **OPTIONS))
    assert features["image"].dtype == tf.float32
    assert features["true_image_shape"].numpy().tolist() == [[*SIZE, 3]] * 16
    assert labels["groundtruth_classes"].shape[2] == 8
    ignored = 0
    for i, count in enumerate(plain["num_boxes"]):
        assert labels["num_groundtruth_boxes"][i] == count
        classes = labels["groundtruth_classes"][i].numpy()
        weights = labels["groundtruth_weights"][i].numpy()
        assert (weights == classes.sum(-1)).all()
        assert (weights[count:] == 0).all()
        real = weights == 1
        assert classes[real].argmax(-1).tolist() == plain["bounding_boxes"]["labels"][i][real].tolist()
        ignored += int(count - real.sum())
        expected = boxes.convert(plain["bounding_boxes"]["boxes"][i], "xyxy", "rel_yxyx", image_size=SIZE)
        np.testing.assert_allclose(labels["groundtruth_boxes"][i][real], expected[real], atol=1e-6)
        assert (labels["groundtruth_boxes"][i][~real].numpy() == 0).all()
    assert ignored > 0


def test_single_samples_for_the_object_detection_api(converted: Path) -> None:
    """The same as in the batch, without its axis."""
    single = OPTIONS | {"batch_size": None}
    batch_features, batch_labels = next(iter(to_tfod(make_dataset(converted, **OPTIONS))))
    for i, (features, labels) in enumerate(to_tfod(make_dataset(converted, **single)).take(3)):
        assert features["true_image_shape"].numpy().tolist() == [*SIZE, 3]
        for key in ("image", "true_image_shape", "hash"):
            np.testing.assert_array_equal(features[key], batch_features[key][i])
        for key, values in labels.items():
            np.testing.assert_allclose(values, batch_labels[key][i], err_msg=key)


def test_adapters_need_padding_and_a_data_set_of_ours(converted: Path) -> None:
    ragged = make_dataset(converted, ragged=True, **OPTIONS)
    with pytest.raises(OptionError, match="padded"):
        to_keras_hub(ragged)
    with pytest.raises(OptionError, match="make_dataset"):
        to_keras_hub(ragged.map(lambda batch: batch))
    with pytest.raises(OptionError) as caught:
        to_keras_cv(make_dataset(converted, **OPTIONS), box_format="xyhw")
    assert caught.value.field == "box_format"
