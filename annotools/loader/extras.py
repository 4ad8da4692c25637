"""What a batch holds on request beside pictures, boxes and labels, and the way back to the original image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from annotools.augment import Plan, Sample
from annotools.augment.graph import boxes as graph_boxes
from annotools.boxes import check_format
from annotools.errors import OptionError

OF_IMAGES = ("original_size", "map_back")
OF_OBJECTS: dict[str, float | bool] = {
    "difficult": False,
    "ids": -1,
    "weights": 0.0,
    "visibility": 0.0,
    "area": 0.0,
}
"""What rows without an object hold."""
EXTRAS = (*OF_IMAGES, *OF_OBJECTS)


def check_extras(asked: Any) -> None:
    """A tuple or list of some of EXTRAS."""
    if not isinstance(asked, (tuple, list)) or not all(one in EXTRAS for one in asked):
        raise OptionError("unknown extras", field="extras", found=asked, expected=f"some of {list(EXTRAS)}")


def extras_of_images(samples: Sample, plan: Plan) -> dict[str, tf.Tensor]:
    """original_size (B, 2) int32 and map_back (B, 2, 3) float32."""
    back = graph_boxes.inverse(plan.matrices[:, 0])
    return {"original_size": samples.size, "map_back": tf.cast(back, tf.float32)}


def extras_of_objects(plan: Plan) -> dict[str, tf.Tensor]:
    """(B, R) each, in the order of the plan."""
    linear = tf.gather(plan.matrices, plan.layer, axis=1, batch_dims=1)[..., :2]  # (B, R, 2, 2)
    grown = tf.abs(linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0])
    return {
        "difficult": plan.difficult,
        "ids": plan.ids,
        "weights": plan.weights,
        "visibility": plan.visibility,
        "area": graph_boxes.area(plan.boxes) / tf.cast(grown, tf.float32),
    }


def boxes_to_original(
    boxes: tf.Tensor, batch: Mapping[str, tf.Tensor], *, box_format: str = "xyxy"
) -> tf.Tensor:
    """Boxes (B, K, 4) of a batch's pictures, such as detections, as xyxy in pixels of the original images,
    cut to them; float32.

    batch  made with `extras=("original_size", "map_back")`. Under a rotation the boxes are those around the
           turned ones; of Mosaic and MixUp only what is of the image itself goes back
    """
    missing = [name for name in OF_IMAGES if name not in batch]
    if missing:
        raise OptionError("not in the batch", field="batch", found=missing, expected=f"extras={OF_IMAGES}")
    check_format(box_format)
    size = tf.shape(batch["images"])[-3:-1]
    given = graph_boxes.convert(tf.cast(boxes, tf.float32), box_format, "xyxy", image_size=size)
    back = tf.cast(batch["map_back"], tf.float64)[:, None]
    moved = graph_boxes.affine(tf.cast(given, tf.float64), back)
    height, width = tf.unstack(tf.cast(batch["original_size"], tf.float64)[:, None], num=2, axis=-1)
    whole = tf.stack([tf.zeros_like(width), tf.zeros_like(width), width, height], -1)
    return tf.cast(graph_boxes.clip(moved, whole), tf.float32)
