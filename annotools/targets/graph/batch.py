"""What a batch of the loader holds, in the form that targets are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from annotools.errors import OptionError
from annotools.targets.graph.coding import as_tensor


class Batch(NamedTuple):
    """images (B, H, W, 3); boxes (B, M, 4) and labels (B, M) as they came; image_size (2,), height and width.

    is_single  there was no first axis: B is 1 and has to go again
    """

    images: tf.Tensor
    boxes: tf.Tensor
    labels: tf.Tensor
    image_size: tf.Tensor
    image_id: tf.Tensor | None
    is_single: bool

    def restore(self, values: Any) -> Any:
        """The values without the first axis, where the batch had none."""
        return tf.nest.map_structure(lambda value: value[0], values) if self.is_single else values


def without_autograph(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: `ds.map` would translate it, and all that it calls, for nothing."""
    as_is: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return as_is


def read_batch(values: tuple[Any, ...]) -> Batch:
    """From what a call got: the loader's dict, or images and {"boxes", "labels"} as `to_keras` gives them.

    Raised are OptionError for anything else and for tensors whose shapes do not fit each other.
    """
    images, boxes, labels, image_id = _parts(values)
    boxes, labels = as_tensor(_dense(boxes)), tf.cast(_dense(labels), tf.int32)
    images = tf.convert_to_tensor(images)
    is_single = labels.shape.rank == 1
    _check_ranks(images, boxes, labels, 0 if is_single else 1)
    image_size = tf.shape(images)[-3:-1]
    if is_single:
        images, boxes, labels = (tensor[None] for tensor in (images, boxes, labels))
        image_id = None if image_id is None else tf.convert_to_tensor(image_id)[None]
    return Batch(images, boxes, labels, image_size, image_id, is_single)


def _parts(values: tuple[Any, ...]) -> tuple[Any, Any, Any, Any]:
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = tuple(values[0])
    if len(values) == 2:
        images, objects, image_id = *values, None
    elif len(values) == 1 and isinstance(values[0], dict):
        batch = values[0]
        images, objects, image_id = batch.get("images"), batch.get("bounding_boxes"), batch.get("image_id")
    else:
        images = objects = image_id = None
    if images is None or not isinstance(objects, dict) or not {"boxes", "labels"} <= objects.keys():
        raise OptionError(
            "not a batch of the loader",
            field="batch",
            found=_outline(values),
            expected='{"images", "bounding_boxes": {"boxes", "labels"}} or (images, {"boxes", "labels"})',
        )
    return images, objects["boxes"], objects["labels"], image_id


def _dense(values: Any) -> Any:
    if isinstance(values, tf.RaggedTensor):
        return values.to_tensor(-1)
    return tf.convert_to_tensor(values)


def _check_ranks(images: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, leading: int) -> None:
    for field, tensor, rank in (("images", images, 3), ("boxes", boxes, 2), ("labels", labels, 1)):
        if tensor.shape.rank not in (None, leading + rank):
            raise OptionError(
                "wrong number of axes",
                field=field,
                found=tuple(tensor.shape),
                expected=f"{leading + rank} axes",
            )
    if boxes.shape.rank is not None and not (
        boxes.shape[-1:].is_compatible_with([4]) and boxes.shape[:-1].is_compatible_with(labels.shape)
    ):
        raise OptionError(
            "boxes and labels do not fit each other",
            field="boxes",
            found=tuple(boxes.shape),
            expected=f"(*{tuple(labels.shape)}, 4)",
        )


def _outline(value: Any) -> Any:
    """Keys and types, not the numbers."""
    if isinstance(value, dict):
        return {key: _outline(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_outline(part) for part in value]
    return type(value).__name__
