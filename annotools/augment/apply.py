"""One image at a time: for notebooks, for tests, and for loops that are not TensorFlow's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from annotools.augment.augmenter import Augmenter
from annotools.augment.graph.seeds import example_seed
from annotools.augment.ops.fit import ResizeMode
from annotools.augment.pixels.render import Interpolation
from annotools.augment.plan.box_policy import DROP_REASONS, BoxPolicy
from annotools.augment.plan.plan import Plan
from annotools.augment.plan.sample import Partner, Sample
from annotools.errors import OptionError

_IMAGE = "uint8 (H, W, 3) or (H, W, 1), or the bytes of an image file"


@dataclass(frozen=True, slots=True)
class Result:
    """An augmented image: image (h, w, 3) uint8; boxes (R, 4) float32 xyxy in its pixels; the objects' other
    values.
    """

    image: tf.Tensor
    boxes: tf.Tensor
    labels: tf.Tensor
    difficult: tf.Tensor
    ids: tf.Tensor
    ignore: tf.Tensor
    drops: tf.Tensor
    plan: Plan

    def dropped(self) -> dict[str, int]:
        """How many objects are gone, by reason; eager only."""
        return {name: int(n) for name, n in zip(DROP_REASONS, self.drops.numpy(), strict=True) if n}


def apply(
    ops: Any,
    image: Any,
    boxes: Any,
    labels: Any,
    *,
    seed: int | tf.Tensor = 0,
    epoch: int | tf.Tensor = 0,
    example_id: int | tf.Tensor = 0,
    image_size: tuple[int, int] | None = None,
    resize: ResizeMode = "stretch",
    policy: BoxPolicy | None = None,
    difficult: Any = None,
    partner: Partner | None = None,
    interpolation: Interpolation = "bilinear",
    color: bool = True,
    name: str = "image",
) -> Result:
    """Augment one image, eagerly or inside a graph.

    image   (H, W, 3) or (H, W, 1) uint8 pixels, or the bytes of an image file
    boxes   (R, 4) xyxy in pixels        labels  (R,) integers
    seed, epoch, example_id   together they fix every bit of the result
    image_size  (h, w) of the output; None keeps what the ops give

    Raises OptionError for float pixels (is white 1 or 255?) and InvalidArgumentError for boxes outside the
    image.
    """
    sample = make_sample(image, boxes, labels, difficult=difficult, name=name)
    augmenter = Augmenter(ops, image_size, resize=resize, policy=policy)
    plan = augmenter.plan_one(sample, example_seed(seed, epoch, example_id), epoch=epoch, partner=partner)
    picture = augmenter.execute(plan, color=color, interpolation=interpolation)
    return Result(picture, plan.boxes, plan.labels, plan.difficult, plan.ids, plan.ignore, plan.drops, plan)


def make_sample(
    image: Any, boxes: Any, labels: Any, *, difficult: Any = None, name: str | tf.Tensor = "image"
) -> Sample:
    """A Sample from pixels or bytes and plain sequences or arrays; raises OptionError as `apply` does."""
    if isinstance(image, (str, os.PathLike)):
        raise OptionError(
            "a name and not an image",
            path=str(name),
            field="image",
            found=image,
            expected=_IMAGE + " (read it)",
        )
    encoded = tf.convert_to_tensor(image)
    if encoded.dtype == tf.string:
        size = _size_by_decoding(encoded)
    else:
        encoded, size = _pixels(encoded, name)
    corners = tf.reshape(tf.cast(_tensor(boxes, tf.float32), tf.float32), [-1, 4])
    numbers = _tensor(labels, tf.int32)
    if numbers.dtype == tf.string:
        raise OptionError(
            "labels are numbers", path=str(name), field="labels", found=labels, expected="integers from 0"
        )
    numbers = tf.reshape(tf.cast(numbers, tf.int32), [-1])
    count = tf.shape(corners)[0]
    if tf.executing_eagerly() and int(count) != int(tf.shape(numbers)[0]):
        raise OptionError(
            "one label for each box",
            path=str(name),
            field="labels",
            found=len(numbers),
            expected=str(int(count)),
        )
    flags = tf.zeros([count], tf.bool) if difficult is None else tf.cast(difficult, tf.bool)
    return Sample(encoded, size, corners, numbers, flags, tf.range(count), tf.convert_to_tensor(name))


def _pixels(image: tf.Tensor, name: str | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    if image.dtype != tf.uint8:
        raise OptionError(
            "pixels must be uint8: of floats nobody knows whether white is 1 or 255",
            path=str(name),
            field="image",
            found=image.dtype.name,
            expected=_IMAGE,
        )
    if image.shape.rank != 3 or image.shape[-1] not in (1, 3):
        raise OptionError(
            "not an image", path=str(name), field="image", found=tuple(image.shape), expected=_IMAGE
        )
    if image.shape[-1] == 1:
        image = tf.repeat(image, 3, axis=-1)
    return image, tf.shape(image)[:2]


def _size_by_decoding(encoded: tf.Tensor) -> tf.Tensor:
    """(2,) int32 by decoding; a loader knows the size from the record and does not come here."""
    return tf.shape(tf.io.decode_image(encoded, channels=3, expand_animations=False))[:2]


def _tensor(values: Any, dtype: tf.DType) -> tf.Tensor:
    if isinstance(values, Sequence) and not len(values):
        return tf.zeros([0], dtype)
    return tf.convert_to_tensor(np.asarray(values) if isinstance(values, Sequence) else values)
