"""Batches in the form that other projects train on. Each takes and returns a `tf.data.Dataset`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.boxes import check_format
from annotools.errors import OptionError
from annotools.loader.training_set import pipeline_of

_HASH_BINS = 1 << 31


def to_keras(dataset: tf.data.Dataset, *, box_format: str | None = None) -> tf.data.Dataset:
    """(images (B, H, W, 3), {"boxes": (B, M, 4) float32, "labels": (B, M) int32}): inputs and targets for any
    Keras model whose outputs are called boxes and labels; M is static.

    box_format  of the boxes, None: that of the data set. Padding is -1, also in the boxes
    """
    target = pipeline_of(dataset).options.box_format if box_format is None else box_format
    return to_keras_hub(dataset, box_format=target)


def to_keras_hub(dataset: tf.data.Dataset, *, box_format: str = "yxyx") -> tf.data.Dataset:
    """(images, {"boxes": (B, M, 4), "labels": (B, M)}), boxes yxyx in pixels: for KerasHub's detectors.

    Their docstrings also say "classes", but RetinaNet's `compute_loss` reads y["labels"]
    (https://github.com/keras-team/keras-hub, retinanet_object_detector.py).
    """
    convert = _converter(dataset, box_format)
    return _map(
        dataset,
        lambda batch: (
            batch["images"],
            {"boxes": convert(batch), "labels": batch["bounding_boxes"]["labels"]},
        ),
    )


def to_keras_cv(dataset: tf.data.Dataset, *, box_format: str = "xyxy") -> tf.data.Dataset:
    """{"images", "bounding_boxes": {"boxes", "classes"}}, both float32, as KerasCV's layers have it."""
    convert = _converter(dataset, box_format)
    return _map(
        dataset,
        lambda batch: {
            "images": batch["images"],
            "bounding_boxes": {
                "boxes": convert(batch),
                "classes": tf.cast(batch["bounding_boxes"]["labels"], tf.float32),
            },
        },
    )


def to_tfod(dataset: tf.data.Dataset, *, num_classes: int | None = None) -> tf.data.Dataset:
    """(features, labels) as the TF Object Detection API's input functions give them to a model.

    features  image (B, H, W, 3) float32, true_image_shape (B, 3) int32, hash (B,) int32
    labels    groundtruth_boxes (B, M, 4) float32, yxyx in shares of the image; groundtruth_classes (B, M, C)
              one-hot; groundtruth_weights (B, M); num_groundtruth_boxes (B,). Rows of padding and of ignored
              objects are zeros with weight 0
    num_classes   C; None: the largest id of the class map

    (https://github.com/tensorflow/models/blob/master/research/object_detection/inputs.py)
    """
    pipeline = pipeline_of(dataset)
    if num_classes is None and pipeline.examples.classes is not None:
        num_classes = max(pipeline.examples.classes.ids.values())
    if num_classes is None:
        raise OptionError("nobody has said how many classes there are", field="num_classes")
    convert = _converter(dataset, "rel_yxyx")

    def convert_batch(batch: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        labels = batch["bounding_boxes"]["labels"]
        shape = tf.shape(batch["images"])
        real = tf.cast(labels >= 0, tf.float32)
        features = {
            "image": tf.cast(batch["images"], tf.float32),
            "true_image_shape": tf.broadcast_to(shape[-3:], tf.concat([shape[:-3], [3]], 0)),
            "hash": tf.cast(tf.strings.to_hash_bucket_fast(batch["image_id"], _HASH_BINS), tf.int32),
        }
        return features, {
            "groundtruth_boxes": convert(batch) * real[..., None],
            "groundtruth_classes": tf.one_hot(labels, num_classes),
            "groundtruth_weights": real,
            "num_groundtruth_boxes": batch["num_boxes"],
        }

    return _map(dataset, convert_batch)


def _converter(dataset: tf.data.Dataset, target: str) -> Callable[[dict[str, Any]], Any]:
    """A function of a batch: its boxes in format `target`, padding rows left at -1."""
    source = pipeline_of(dataset).options.box_format
    check_format(target)
    if pipeline_of(dataset).options.ragged:
        raise OptionError("adapters need padded boxes", field="ragged", found=True, expected="False")

    def convert(batch: dict[str, Any]) -> Any:
        boxes = batch["bounding_boxes"]["boxes"]
        image_size = tf.shape(batch["images"])[-3:-1]
        converted = graph_boxes.convert(boxes, source, target, image_size=image_size)
        is_row = tf.range(tf.shape(boxes)[-2]) < batch["num_boxes"][..., None]
        return tf.where(is_row[..., None], converted, boxes)

    return convert


def _map(dataset: tf.data.Dataset, function: Callable[[dict[str, Any]], Any]) -> tf.data.Dataset:
    as_is = tf.autograph.experimental.do_not_convert(function)
    return dataset.map(as_is, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
