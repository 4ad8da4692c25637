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
    """A finite, numbered data set. `sample` is called inside `Dataset.map`, with a () int64.

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

    def sample(self, number: tf.Tensor) -> Sample: ...

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

    def sample(self, number: tf.Tensor) -> Sample:
        return parse(
            self._read(number),
            self.dialect,
            number,
            trust_size=self.trust_size,
            classes=self.classes,
            match_names=self.match_names,
        )

    def number_of(self, image_id: str) -> int | None:
        records = tf.data.TFRecordDataset(list(self.index.files)).enumerate()
        names = records.map(
            tf.autograph.experimental.do_not_convert(
                lambda number, record: (number, record_id(record, self.dialect, number))
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        wanted = tf.constant(os.fsencode(image_id))
        found = names.filter(tf.autograph.experimental.do_not_convert(lambda _, name: name == wanted))
        for number, _ in found.take(1):
            return int(number)
        return None

    def _read(self, number: tf.Tensor) -> tf.Tensor:
        """() string, one record by its offset: three reads, no seek from the start of the file."""
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
        records = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
        return records.take(1).get_single_element()

    # eager tensors are captured by the graph as inputs; a constant in the graph would be copied with it
    @functools.cached_property
    def _offsets(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.offsets)

    @functools.cached_property
    def _starts(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.starts[:-1])
