"""The detector, 0.8 million parameters with strides 8, 16 and 32, and its loss. Nothing is pretrained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from annotools.targets import Anchors, grid_anchors

SIZE, STRIDES = 192, (8, 16, 32)
PER_STRIDE = (5, 4, 3)


def make_anchors(shapes: Any) -> Anchors:
    """The 12 k-means shapes, the smallest on the finest grid: a centre in each cell of the three maps."""
    stops = np.cumsum(PER_STRIDE)
    parts = np.split(np.asarray(shapes), stops[:-1])
    return grid_anchors([SIZE // stride for stride in STRIDES], SIZE, parts)


def conv(x: Any, filters: int, stride: int = 1, kernel: int = 3) -> Any:
    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False)(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x))


def residual(x: Any, filters: int) -> Any:
    return layers.Add()([x, conv(conv(x, filters), filters)])


class Detector(keras.Model):  # type: ignore[misc]
    """A Keras model with the loss of SSD; what it answers is what `SSDTargets` makes."""

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        return ssd_loss(y, y_pred)


def build(classes: int, anchors: Anchors) -> Detector:
    """(B, 192, 192, 3), 0 to 255 -> {"boxes": (B, A, 4) offsets, "scores": (B, A, C + 1) logits}.

    The background's score is the first.
    """
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = conv(conv(x, 16, 2), 32, 2)
    fine = residual(conv(x, 64, 2), 64)
    middle = residual(conv(fine, 96, 2), 96)
    coarse = conv(conv(middle, 128, 2), 128)
    top = conv(coarse, 64, kernel=1)
    maps = [top]
    for lower in (middle, fine):  # each finer map sees the coarser one
        top = layers.Add()([layers.UpSampling2D()(top), conv(lower, 64, kernel=1)])
        top = conv(top, 64)
        maps.insert(0, top)
    boxes, scores = [], []
    for x, count in zip(maps, anchors.per_cell, strict=True):
        x = conv(x, 64)
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(4 * count, 1)(x)))
        rare = keras.initializers.Constant(np.tile([4.0] + [0.0] * classes, count).tolist())
        logits = layers.Conv2D((classes + 1) * count, 1, bias_initializer=rare)(x)
        scores.append(layers.Reshape((-1, classes + 1))(logits))
    outputs = {"boxes": layers.Concatenate(1)(boxes), "scores": layers.Concatenate(1)(scores)}
    return Detector(image, outputs)


def ssd_loss(wanted: dict[str, tf.Tensor], found: dict[str, tf.Tensor]) -> tf.Tensor:
    """Cross-entropy of the objects and of the three times as many hardest background anchors, at least 10 an
    image, and smooth L1 of the objects' offsets; both divided by the objects' anchors of the batch. Labels of
    -2 count for nothing.
    """
    labels = wanted["labels"]
    is_object = tf.cast(labels >= 0, tf.float32)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, -1) + 1, found["scores"])
    background = tf.where(labels == -1, each, 0.0)
    objects = tf.reduce_sum(is_object, 1)
    wanted_negatives = tf.cast(tf.maximum(3 * objects, 10), tf.int32)
    ranked = tf.sort(background, direction="DESCENDING", axis=1)
    last = tf.gather(ranked, tf.minimum(wanted_negatives, tf.shape(ranked)[1] - 1), batch_dims=1)
    hard = tf.where(background > last[:, None], background, 0.0)
    distance = tf.abs(wanted["boxes"] - found["boxes"])
    smooth = tf.where(distance < 1, 0.5 * distance**2, distance - 0.5)
    total = tf.reduce_sum(is_object * (each + tf.reduce_sum(smooth, -1))) + tf.reduce_sum(hard)
    return total / tf.maximum(tf.reduce_sum(objects), 1.0)
