"""`RoiSamples` on a batch, in TensorFlow: the same draws, the same regions."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from annotools.errors import OptionError
from annotools.targets.draws import GROWTH, REACH, SAMPLE, WINDOW
from annotools.targets.graph.batch import Batch, read_batch, without_autograph
from annotools.targets.graph.coding import as_tensor, encode_boxes, to_shares
from annotools.targets.graph.draws import _draws, _key_of
from annotools.targets.graph.matching import iou
from annotools.targets.matching import BACKGROUND, IGNORED


class Spec(Protocol):
    """What is asked of a RoiSamples."""

    @property
    def num(self) -> int: ...

    @property
    def quota(self) -> int: ...

    @property
    def positive(self) -> float: ...

    @property
    def background(self) -> tuple[float, float]: ...

    @property
    def jitter(self) -> int: ...

    @property
    def windows(self) -> int: ...

    @property
    def add_boxes(self) -> bool: ...

    @property
    def variances(self) -> tuple[float, float, float, float]: ...

    @property
    def seed(self) -> int: ...

    @property
    def box_format(self) -> str: ...


class _Regions(NamedTuple):
    """boxes (B, N, 4) in shares; is_usable (B, N)."""

    boxes: tf.Tensor
    is_usable: tf.Tensor


def roi_samples(spec: Spec, values: tuple[Any, ...]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """({"images", "rois": (B, R, 4)}, {"boxes": (B, R, 4), "labels": (B, R)})."""

    def make(values: tuple[Any, ...]) -> Any:
        batch = read_batch(values)
        given = values[0].get("proposals") if isinstance(values[0], dict) else None
        samples = _samples(spec, batch, given)
        inputs = {"images": batch.images, "rois": samples.pop("rois")}
        return batch.restore(inputs), batch.restore(samples)

    found: tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]] = without_autograph(make)(values)
    return found


def _samples(spec: Spec, batch: Batch, given: Any) -> dict[str, tf.Tensor]:
    boxes = tf.cast(to_shares(batch.boxes, spec.box_format, batch.image_size), tf.float32)
    real = batch.labels >= 0
    key = _key_of(spec.seed, batch, tf.where(real[..., None], boxes, 0))
    regions = _regions(spec, batch, boxes, (key, given))

    overlap = iou(regions.boxes[:, :, None], boxes[:, None])
    of_objects = tf.where(real[:, None], overlap, 0)
    best = _largest(of_objects)
    is_object = regions.is_usable & (best >= spec.positive)
    at_ignored = _largest(tf.where((batch.labels == IGNORED)[:, None], overlap, 0)) >= spec.positive
    low, high = spec.background
    is_background = regions.is_usable & (best >= low) & (best < high) & ~at_ignored
    order, count = _choose(spec, is_object, is_background, key)

    is_there = tf.range(spec.num) < count[:, None]
    rois = tf.where(is_there[..., None], tf.gather(regions.boxes, order, batch_dims=1), 0)
    some = is_there & tf.gather(is_object, order, batch_dims=1)
    places = tf.cast(tf.where(some), tf.int32)
    sources = tf.stack([places[:, 0], tf.gather_nd(order, places)], 1)
    row = (
        tf.argmax(tf.gather_nd(of_objects, sources), 1, output_type=tf.int32)
        if boxes.shape[1] != 0
        else places[:, 0]
    )
    owner = tf.stack([places[:, 0], row], 1)
    offsets = encode_boxes(tf.gather_nd(boxes, owner), tf.gather_nd(regions.boxes, sources), spec.variances)
    shape = [tf.shape(boxes)[0], spec.num]
    labels = tf.where(is_there, BACKGROUND, IGNORED)
    labels = tf.tensor_scatter_nd_update(labels, places, tf.gather_nd(batch.labels, owner))
    height, width = tf.unstack(tf.cast(batch.image_size, tf.float32), num=2)
    static = [boxes.shape[0], spec.num]
    return {
        "rois": tf.ensure_shape(rois * tf.stack([width, height, width, height]), [*static, 4]),
        "boxes": tf.ensure_shape(tf.scatter_nd(places, offsets, [*shape, 4]), [*static, 4]),
        "labels": tf.ensure_shape(labels, static),
    }


def _largest(values: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tf.reduce_max(values, -1))


def _regions(spec: Spec, batch: Batch, boxes: tf.Tensor, source: tuple[tf.Tensor, Any]) -> _Regions:
    key, proposals = source
    if proposals is None:
        given = _windows(spec, key)
    else:
        given = tf.cast(
            to_shares(_proposals(batch, proposals), spec.box_format, batch.image_size), tf.float32
        )
    jitter = spec.jitter if proposals is None else 0
    copies = _copies(spec, boxes, key, jitter)
    every = tf.clip_by_value(tf.concat([given, copies], 1), 0.0, 1.0)
    owned = tf.repeat(batch.labels >= 0, jitter + spec.add_boxes, axis=1)
    low, high = tf.split(every, 2, axis=-1)
    is_usable = tf.concat([tf.ones(tf.shape(given)[:2], tf.bool), owned], 1) & tf.reduce_all(high > low, -1)
    return _Regions(every, is_usable)


def _proposals(batch: Batch, proposals: Any) -> tf.Tensor:
    tensor = as_tensor(proposals.to_tensor() if isinstance(proposals, tf.RaggedTensor) else proposals)
    tensor = tensor[None] if batch.is_single else tensor
    if tensor.shape.rank != 3 or not tensor.shape[-1:].is_compatible_with([4]):
        raise OptionError(
            "proposals are boxes", field="proposals", found=tuple(tensor.shape), expected="(B, N, 4)"
        )
    return tensor


def _choose(
    spec: Spec, is_object: tf.Tensor, is_background: tf.Tensor, key: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """(B, R) places and (B,) how many of them count. As `RoiSamples._choose`."""
    drawn = tf.argsort(_draws(key, SAMPLE, tf.shape(is_object)[1]), stable=True)
    objects, background = (tf.gather(part, drawn, batch_dims=1) for part in (is_object, is_background))
    first = objects & (_cumulated(objects) <= spec.quota)
    rank = tf.where(first, 0, tf.where(background, 1, tf.where(objects, 2, 3)))
    chosen = tf.argsort(rank, stable=True)[:, : spec.num]
    count = tf.math.count_nonzero(tf.gather(rank, chosen, batch_dims=1) < 3, 1, dtype=tf.int32)
    order = tf.gather(drawn, chosen, batch_dims=1)
    return tf.pad(order, [[0, 0], [0, spec.num - tf.shape(order)[1]]]), count


def _cumulated(flags: tf.Tensor) -> tf.Tensor:
    return tf.cumsum(tf.cast(flags, tf.int32), axis=1)


def _windows(spec: Spec, key: tf.Tensor) -> tf.Tensor:
    width, height, x, y = (_draws(key, stream, spec.windows) for stream in range(4))
    low, high = WINDOW
    width, height = low + (high - low) * width, low + (high - low) * height
    left, top = x * (1 - width), y * (1 - height)
    return tf.stack([left, top, left + width, top + height], -1)


def _copies(spec: Spec, boxes: tf.Tensor, key: tf.Tensor, jitter: int) -> tf.Tensor:
    batch, rows = tf.unstack(tf.shape(boxes)[:2], num=2)
    shape = [batch, rows, jitter]
    numbers = [tf.reshape(_draws(key, stream, rows * jitter), shape) for stream in range(4, 8)]
    low, high = GROWTH
    corner, other = tf.split(boxes[:, :, None], 2, axis=-1)
    centre, size = 0.5 * (corner + other), other - corner
    centre += (tf.stack(numbers[:2], -1) - 0.5) * (2 * REACH) * size
    half = 0.5 * size * (low + (high - low) * tf.stack(numbers[2:], -1))
    copies = tf.concat([centre - half, centre + half], -1)
    if spec.add_boxes:
        copies = tf.concat([copies, boxes[:, :, None]], 2)
    return tf.reshape(copies, [batch, rows * (jitter + spec.add_boxes), 4])
