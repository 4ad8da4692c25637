"""Images in TFRecord shards, each read at its offset."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment import Sample
from annotools.classes.class_map import ClassMap
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.sources.parse import RecordForm, count_boxes, parse, record_id

_as_is = tf.autograph.experimental.do_not_convert


@dataclass
class RecordFiles:
    """Images in TFRecord shards.

    form   how an image and its objects are written in a record
    boxes  the most objects of one image where a manifest tells it; None: count them
    """

    path: str
    index: RecordIndex
    form: RecordForm
    boxes: int | None = None
    is_local: bool = False

    @property
    def classes(self) -> ClassMap | None:
        return self.form.classes

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def max_boxes(self) -> int:
        if self.boxes is not None:
            return self.boxes
        return int(self._counted().reduce(tf.constant(0, tf.int64), tf.maximum))

    def counts(self) -> NDArray[np.int64]:
        return np.fromiter(self._counted().as_numpy_iterator(), np.int64, len(self))

    def _counted(self) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(list(self.index.files))
        count = _as_is(lambda record: count_boxes(record, self.form.dialect))
        return records.map(count, num_parallel_calls=tf.data.AUTOTUNE)

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        # get_single_element inside `map` would read in parallel, but TensorFlow takes it for stateful
        @_as_is  # type: ignore[untyped-decorator]
        def read_records(wanted: tf.Tensor, *rest: tf.Tensor) -> tf.data.Dataset:
            files = tf.zeros_like(wanted)
            if len(self.index.files) > 1:
                files = tf.searchsorted(self._starts, wanted, side="right", out_type=tf.int64) - 1
            places = (tf.gather(tf.constant(self.index.files), files), tf.gather(self._offsets, wanted))
            records = tf.data.Dataset.from_tensor_slices(places).flat_map(_record)
            together = records.batch(tf.size(wanted, out_type=tf.int64))
            return together.map(_as_is(lambda raws: (tf.ensure_shape(raws, wanted.shape), wanted, *rest)))

        return numbers.flat_map(read_records)

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        return parse(raws, numbers, self.form)

    def number_of(self, image_id: str) -> int | None:
        records = tf.data.TFRecordDataset(list(self.index.files)).enumerate()
        names = records.map(
            _as_is(lambda number, record: (number, record_id(record, self.form.dialect, number))),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        wanted = tf.constant(os.fsencode(image_id))
        found = names.filter(_as_is(lambda _, name: name == wanted))
        for number, _ in found.take(1):
            return int(number)
        return None

    # eager tensors are captured by the graph as inputs; a constant in the graph would be copied with it
    @functools.cached_property
    def _offsets(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.offsets)

    @functools.cached_property
    def _starts(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.starts[:-1])


@_as_is  # type: ignore[untyped-decorator]
def _record(file: tf.Tensor, offset: tf.Tensor) -> tf.data.Dataset:
    """One record; reading starts at its offset, not at the start of the file."""
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=file[None],
        compression_type="",
        buffer_size=tf.constant(0, tf.int64),
        byte_offsets=offset[None],
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string)).take(1)
