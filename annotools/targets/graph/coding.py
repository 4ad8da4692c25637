"""`annotools.targets.coding` for TensorFlow: offsets of boxes from anchors, and back, for any float dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from annotools.targets.anchors import VARIANCES
from annotools.targets.coding import corners_of


def encode_boxes(boxes: Any, anchors: Any, variances: Any = VARIANCES) -> tf.Tensor:
    """(..., 4) boxes and the (..., 4) anchor of each -> (..., 4) offsets; xyxy, both in one unit."""
    boxes = as_tensor(boxes)
    centre, size = _centre_and_size(boxes)
    anchor_centre, anchor_size = _centre_and_size(as_tensor(anchors, boxes.dtype))
    shift_scale, growth_scale = tf.split(as_tensor(variances, boxes.dtype), 2, axis=-1)
    shift = (centre - anchor_centre) / anchor_size / shift_scale
    growth = tf.math.log(size / anchor_size) / growth_scale
    return tf.concat([shift, growth], -1)


def decode_boxes(offsets: Any, anchors: Any, variances: Any = VARIANCES) -> tf.Tensor:
    """(..., 4) offsets and the (..., 4) anchor of each -> (..., 4) boxes, xyxy in the unit of the anchors."""
    offsets = as_tensor(offsets)
    shift, growth = tf.split(offsets, 2, axis=-1)
    anchor_centre, anchor_size = _centre_and_size(as_tensor(anchors, offsets.dtype))
    shift_scale, growth_scale = tf.split(as_tensor(variances, offsets.dtype), 2, axis=-1)
    centre = shift * shift_scale * anchor_size + anchor_centre
    half = 0.5 * (tf.exp(growth * growth_scale) * anchor_size)
    return tf.concat([centre - half, centre + half], -1)


def to_shares(boxes: tf.Tensor, box_format: str, image_size: tf.Tensor) -> tf.Tensor:
    """(..., 4) in a box format of Keras -> (..., 4) xyxy in shares of an image of (height, width) pixels."""
    matrix = corners_of(box_format)
    if box_format not in ("xyxy", "rel_xyxy"):
        boxes = tf.linalg.matmul(boxes, tf.constant(matrix, boxes.dtype))
    if box_format.startswith("rel_"):
        return boxes
    height, width = tf.unstack(tf.cast(image_size, boxes.dtype), num=2)
    return boxes / tf.stack([width, height, width, height])


def as_tensor(values: Any, dtype: tf.DType | None = None) -> tf.Tensor:
    """A float tensor: the dtype that is asked for, else that of the values, float32 for integers."""
    tensor = tf.convert_to_tensor(np.asarray(values) if isinstance(values, tuple | list) else values)
    if dtype is None:
        dtype = tensor.dtype if tensor.dtype.is_floating else tf.float32
    return tf.cast(tensor, dtype)


def _centre_and_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    low, high = tf.split(boxes, 2, axis=-1)
    return 0.5 * (low + high), high - low
