"""Which image an error of TensorFlow is about: looked for once it has happened, at no cost before."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from annotools.loader.pipeline import Pipeline

_OF_DATA = (
    tf.errors.DataLossError,
    tf.errors.InternalError,
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
)
_OF_IMAGES = re.compile("assertion failed|corrupted record|truncated record|Decode|Jpeg|ParseExample")
_MOST = 10_000  # images looked at, some twenty seconds; beyond it the error stays as it is
_TOGETHER = 64


def name_errors(iterator: Any, pipeline: Pipeline) -> Any:
    """The same iterator, whose errors name the image, its record and its file."""
    if tf.executing_eagerly():
        kind: Any = type(iterator)
        iterator.__class__ = _class_of(kind)
        iterator.pipeline, iterator.steps = pipeline, 0
    return iterator


@functools.cache
def _class_of(kind: Any) -> type:
    """A class of iterators (of one base, as `training_set` says) that count what they have given."""

    def next_internal(self: Any) -> Any:
        try:
            element = kind._next_internal(self)
        except _OF_DATA as error:
            found = named(error, self.pipeline, self.steps)
            if found is None:
                raise
            raise found from error
        self.steps += 1
        return element

    return type(kind.__name__, (kind,), {"_next_internal": next_internal})


def named(error: Any, pipeline: Pipeline, steps: int) -> Exception | None:
    """The error with the image that it is about, where one of the images fails in the same way.

    steps  how many batches have been given before. The batch behind them is looked at first, then the rest of
           its epoch, image by image, as the pipeline makes them
    """
    if not _OF_IMAGES.search(error.message):
        return None
    failing = _finder(pipeline)
    suspects = itertools.islice(_suspects(pipeline, error.message, steps), _MOST)
    while together := list(itertools.islice(suspects, _TOGETHER)):
        try:
            found = failing(together)
        except tf.errors.OpError:
            return None  # a file is gone, as the error itself says
        if found is not None:
            numbers, same = found
            message = f"{_where(pipeline, _culprit(pipeline, numbers))}: {same.message}"
            copy: Exception = type(error)(error.node_def, error.op, message)
            return copy
    return None


def _suspects(pipeline: Pipeline, message: str, steps: int) -> Iterator[tuple[tf.Tensor, ...]]:
    """(numbers (P,) of an image and its partners, epoch, copy), the likely ones first."""
    order, options = pipeline.order, pipeline.options
    step = options.start_step + steps
    epoch = tf.constant(options.epoch + step // order.steps, tf.int64)
    at = re.search(r"record at (\d+)", message)
    if at is not None:
        for number in pipeline.examples.numbers_at(int(at[1])):
            wanted = pipeline.numbers(tf.constant([number], tf.int64), epoch)
            yield wanted[0], epoch, tf.constant(0, tf.int64)
    for place in range(order.steps):
        now = tf.constant((step + place) % order.steps, tf.int64)
        records, valid = order.batch(epoch, now)
        wanted = pipeline.numbers(records[valid], epoch)
        for numbers, copy in zip(wanted, order.copies(epoch, now)[valid], strict=True):
            yield numbers, epoch, copy


def _finder(pipeline: Pipeline) -> Any:
    """A function of images (numbers (P,), epoch, copy) that makes the picture and the boxes of each: the
    numbers of the first that fails and its error, or None."""

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def make(raws: tf.Tensor, numbers: tf.Tensor, epoch: tf.Tensor, copy: tf.Tensor) -> Any:
        samples, plans, dropped = pipeline.plan(raws, numbers[None], epoch, copy[None])
        return pipeline.pictures(plans), pipeline.rows(samples, plans, dropped)

    def failing(images: list[tuple[tf.Tensor, ...]]) -> tuple[tf.Tensor, Any] | None:
        wanted = tf.data.Dataset.from_tensor_slices((tf.stack([numbers for numbers, *_ in images]),))
        read = iter(pipeline.examples.read(wanted, 1))  # one graph for all of them
        for numbers, *when in images:
            try:
                make(next(read)[0], numbers, *when)
            except _OF_DATA as same:
                return numbers, same
        return None

    return failing


def _culprit(pipeline: Pipeline, numbers: tf.Tensor) -> int:
    """Of an image and its partners the one that cannot be read or decoded, else the image itself."""
    for number in numbers.numpy():
        wanted = tf.constant([number], tf.int64)
        try:
            read = pipeline.examples.read(tf.data.Dataset.from_tensors((wanted,)), 1).get_single_element()
            encoded = pipeline.examples.samples(read[0], wanted).encoded[0]
            if encoded.dtype == tf.string:
                tf.io.decode_image(encoded, channels=3, expand_animations=False)
        except _OF_DATA:
            return int(number)
    return int(numbers[0])


def _where(pipeline: Pipeline, number: int) -> str:
    """Image, record and file; without the image where its record is damaged."""
    place = pipeline.examples.place_of(number)
    try:
        name = f"image {pipeline.examples.name_of(number)}"
    except _OF_DATA:
        name = ""
    return ", ".join(part for part in (name, place) if part)
