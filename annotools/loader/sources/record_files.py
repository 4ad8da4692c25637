"""Images in TFRecord shards, each read at its offset."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment import Sample
from annotools.augment.graph import graph_ops
from annotools.classes.class_map import ClassMap
from annotools.files.reading import size_of
from annotools.files.urls import is_url
from annotools.formats.example.framing import read_records
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.sources.examples import Objects
from annotools.loader.sources.parse import RecordForm, count_boxes, parse, record_id

_ZIPPED = 32  # records that one data set reads together
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
        return int(self.counts().max(initial=0))

    def fingerprint(self) -> str:
        form, files = self.form, [stamp_of(file) for file in self.index.files]
        ids = None if form.classes is None else list(form.classes.ids.items())
        known = form.dialect.name, ids, form.trust_size, form.match_names, form.number_names
        return repr((files, known))

    def counts(self) -> NDArray[np.int64]:
        counted = self._scan(lambda _, record: count_boxes(record, self.form.dialect))
        return np.concatenate([np.zeros(0, np.int64), *counted])

    def sizes_of_all(self) -> NDArray[np.int32]:
        sizes = self._scan(lambda numbers, records: parse(records, numbers, self.form).size, together=256)
        return np.concatenate([np.zeros((0, 2), np.int32), *sizes])

    def image_ids(self) -> list[str]:
        named = self._scan(lambda number, record: record_id(record, self.form, number))
        return [os.fsdecode(one) for part in named for one in part]

    def objects(self) -> Objects:
        # nothing is asked of sizes here, so no image is opened for its own
        form = dataclasses.replace(self.form, trust_size=True)

        def of_batch(numbers: tf.Tensor, records: tf.Tensor) -> tuple[tf.Tensor, ...]:
            samples = parse(records, numbers, form)
            place = tf.where(samples.labels >= 0)
            label, difficult = (tf.gather_nd(of, place) for of in (samples.labels, samples.difficult))
            return tf.gather(numbers, place[:, 0]), tf.cast(label, tf.int64), difficult

        nothing = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))
        found = [nothing, *self._scan(of_batch, together=256)]
        return Objects(*map(np.concatenate, zip(*found, strict=True)))

    def _scan(self, function: Callable[..., Any], together: int = 0) -> list[Any]:
        """What `function` makes of (number, record) of every record, 1024 together; or of `together` records
        at once. RecordError for damage."""
        numbered = tf.data.TFRecordDataset(list(self.index.files)).enumerate()
        if together:
            numbered = numbered.batch(together)
        made = numbered.map(_as_is(function), num_parallel_calls=tf.data.AUTOTUNE)
        try:
            return list((made if together else made.batch(1024)).as_numpy_iterator())
        except tf.errors.DataLossError:
            for file in self.index.files:  # to say which file it is, and where
                collections.deque(read_records(file), maxlen=0)
            raise

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        # get_single_element inside `map` would read in parallel, but TensorFlow takes it for stateful
        @_as_is  # type: ignore[untyped-decorator]
        def read_records(wanted: tf.Tensor, *rest: tf.Tensor) -> tf.data.Dataset:
            files = tf.zeros_like(wanted)
            if len(self.index.files) > 1:
                files = tf.searchsorted(self._starts, wanted, side="right", out_type=tf.int64) - 1
            names = tf.gather(tf.constant(self.index.files), files)
            together = records_at(names, tf.gather(self._offsets, wanted), wanted.shape[0])
            return together.take(1).map(_as_is(lambda raws: (raws, wanted, *rest)))

        return numbers.flat_map(read_records)

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        return parse(raws, numbers, self.form)

    def number_of(self, image_id: str) -> int | None:
        records = tf.data.TFRecordDataset(list(self.index.files)).enumerate()
        names = records.map(
            _as_is(lambda number, record: (number, record_id(record, self.form, number))),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        wanted = tf.constant(os.fsencode(image_id))
        found = names.filter(_as_is(lambda _, name: name == wanted))
        for number, _ in found.take(1):
            return int(number)
        return None

    def name_of(self, number: int) -> str:
        wanted = tf.data.Dataset.from_tensors((tf.constant([number], tf.int64),))
        raws, numbers = self.read(wanted, 1).get_single_element()
        return os.fsdecode(record_id(raws[0], self.form, numbers[0]).numpy())

    def place_of(self, number: int) -> str:
        file = int(np.searchsorted(self.index.starts, number, side="right")) - 1
        return f"record {number - self.index.starts[file]} of {self.index.files[file]}"

    def numbers_at(self, offset: int) -> list[int]:
        found = []
        for first, end in itertools.pairwise(self.index.starts.tolist()):
            inside = int(np.searchsorted(self.index.offsets[first:end], offset, side="right"))
            found += [first + inside - 1] if inside else []
        return found

    # eager tensors are captured by the graph as inputs; a constant in the graph would be copied with it
    @functools.cached_property
    def _offsets(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.offsets)

    @functools.cached_property
    def _starts(self) -> Any:
        with tf.init_scope():
            return tf.constant(self.index.starts[:-1])


def records_at(files: tf.Tensor, offsets: tf.Tensor, count: int) -> tf.data.Dataset:
    """The `count` records at the offsets (count,) of their files (count,), together as one element.

    One data set for each record, zipped: a function that is called for each record costs twice as much.
    Reading starts at the offset, not at the start of the file.
    """
    if count > _ZIPPED:
        half = count // 2
        parts = [
            records_at(files[:half], offsets[:half], half),
            records_at(files[half:], offsets[half:], count - half),
        ]
        return tf.data.Dataset.zip(tuple(parts)).map(_as_is(lambda *raws: graph_ops.concat(raws, 0)))
    places = zip(graph_ops.split(files, count, 0), graph_ops.split(offsets, count, 0), strict=True)
    records = []
    for file, offset in places:
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=file,
            compression_type=graph_ops.constant("", tf.string),
            buffer_size=graph_ops.constant(0, tf.int64),
            byte_offsets=offset,
        )
        records.append(tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string)))
    return tf.data.Dataset.zip(tuple(records)).map(_as_is(lambda *raws: tf.stack(raws)))


def stamp_of(file: str) -> tuple[object, ...]:
    """Name, size and time of change of a file; of a URL its name and size."""
    if is_url(file):
        return file, size_of(file)
    found = os.stat(file)
    return os.path.abspath(file), found.st_size, found.st_mtime_ns
