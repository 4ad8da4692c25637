"""What the loader needs to know of a data set: how many images, and how to get number i inside a graph."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from annotools.augment import Sample
from annotools.classes import ClassMap
from annotools.loader.index import RecordIndex
from annotools.loader.parse import Dialect, count_boxes, parse, record_id


class Examples(Protocol):
    """A finite, numbered data set.

    path      for messages
    classes   None where nobody has said what the labels mean
    is_local  whether the images are in this process's memory, so that no other process can load them
    """

    path: str
    classes: ClassMap | None
    is_local: bool

    def __len__(self) -> int: ...

    @property
    def boxes(self) -> int | None:
        """The most objects of one image, None where that is not known without counting."""

    @property
    def max_boxes(self) -> int:
        """`boxes`, counted where it is not known."""

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        """From (numbers (P,) int64, rest) to (raws (P, ...), numbers, rest): records, files or pixels."""

    def name(self, raw: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """() string, the id of one image; inside `Dataset.map`, as `samples`."""

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        """The Samples of N images, from what was read of them (N, ...) and their numbers (N,)."""

    def number_of(self, image_id: str) -> int | None:
        """The number of the image with this id, None where there is none."""


@dataclass
class RecordFiles:
    """Images in TFRecord shards.

    boxes       the most objects of one image where a manifest tells it; None: count them
    trust_size, match_names   see `parse`
    """

    path: str
    index: RecordIndex
    dialect: Dialect
    classes: ClassMap | None = None
    boxes: int | None = None
    trust_size: bool = False
    match_names: bool = False
    is_local: bool = False

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def max_boxes(self) -> int:
        if self.boxes is not None:
            return self.boxes
        records = tf.data.TFRecordDataset(list(self.index.files))
        counts = records.map(
            tf.autograph.experimental.do_not_convert(lambda record: count_boxes(record, self.dialect)),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        most = counts.reduce(tf.constant(0, tf.int64), tf.maximum)
        return int(most)

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        # get_single_element inside `map` would read in parallel, but TensorFlow takes it for stateful
        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def read_records(wanted: tf.Tensor, *rest: tf.Tensor) -> tf.data.Dataset:
            if wanted.shape[0] == 1:
                return self._record(wanted[0]).map(lambda record: (record[None], wanted, *rest))
            records = tf.data.Dataset.from_tensor_slices(wanted).flat_map(self._record)
            return records.batch(wanted.shape[0]).map(lambda raws: (raws, wanted, *rest))

        return numbers.flat_map(read_records)

    def name(self, raw: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        return record_id(raw, self.dialect, number)

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        return parse(
            raws,
            self.dialect,
            numbers,
            trust_size=self.trust_size,
            classes=self.classes,
            match_names=self.match_names,
        )

    def number_of(self, image_id: str) -> int | None:
        records = tf.data.TFRecordDataset(list(self.index.files)).enumerate()
        names = records.map(
            tf.autograph.experimental.do_not_convert(
                lambda number, record: (number, self.name(record, number))
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        wanted = tf.constant(os.fsencode(image_id))
        found = names.filter(tf.autograph.experimental.do_not_convert(lambda _, name: name == wanted))
        for number, _ in found.take(1):
            return int(number)
        return None

    def _record(self, number: tf.Tensor) -> tf.data.Dataset:
        """One record; reading starts at its offset, not at the start of the file."""
        files, offset = tf.constant(self.index.files), tf.gather(self._offsets, number)
        file = files[0]
        if len(self.index.files) > 1:
            file = files[tf.searchsorted(self._starts, [number], side="right")[0] - 1]
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=[file],
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),
            byte_offsets=[offset],
        )
        return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string)).take(1)

    # eager tensors are captured by the graph as inputs; a constant in the graph would be copied with it
    @functools.cached_property
    def _offsets(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.offsets)

    @functools.cached_property
    def _starts(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.starts[:-1])
