"""A data set whose objects are in memory and whose images are files, bytes or pixels beside them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment import Sample
from annotools.classes.class_map import ClassMap
from annotools.loader.sources.examples import Objects
from annotools.loader.sources.record_files import records_at, stamp_of
from annotools.records import Example

Kind = Literal["path", "value", "record"]


@dataclass
class ImageTable:
    """N images with K objects in all.

    names      N ids                     images   (N,) paths or encoded bytes, or (N, H, W, 3) uint8, or the
                                                  index of records that are the bytes
    sizes      (N, 2) int32, H and W     starts   (N + 1,) int64: objects starts[i] to starts[i + 1] are of i
    boxes      (K, 4) float32            labels   (K,) int32, from 0        difficult  (K,) bool
    """

    path: str
    classes: ClassMap | None
    names: list[bytes]
    sizes: NDArray[np.int32]
    starts: NDArray[np.int64]
    corners: NDArray[np.float32]
    labels: NDArray[np.int32]
    difficult: NDArray[np.bool_]
    images: Any
    kind: Kind
    is_local: bool = False
    shape: tuple[int, int, int] | None = None  # of pixels in records
    _tensors: dict[str, tf.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def boxes(self) -> int:
        return int(np.diff(self.starts).max(initial=0))

    @property
    def max_boxes(self) -> int:
        return self.boxes

    def fingerprint(self) -> str:
        known = hashlib.sha256(repr((self.names, self.classes)).encode())
        parts: list[NDArray[Any]] = [self.sizes, self.starts, self.corners, self.labels, self.difficult]
        for part in parts:
            known.update(part.tobytes())
        for image in map(os.fsdecode, self.images):  # of a file that was made for this run, what it holds
            stamp = Path(image).read_bytes() if self.is_local else repr(stamp_of(image)).encode()
            known.update(hashlib.sha256(stamp).digest())
        return known.hexdigest()

    def counts(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def objects(self) -> Objects:
        image = np.repeat(np.arange(len(self), dtype=np.int64), self.counts())
        return Objects(image, self.labels.astype(np.int64), self.difficult)

    def sizes_of_all(self) -> NDArray[np.int32]:
        return self.sizes

    def image_ids(self) -> list[str]:
        return [os.fsdecode(name) for name in self.names]

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        if self.kind == "record":
            return self._read_records(numbers)
        images = self._tensor("images")

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def read_images(wanted: tf.Tensor, *rest: tf.Tensor) -> tuple[tf.Tensor, ...]:
            raws = tf.gather(images, wanted)
            if self.kind == "path":
                raws = tf.map_fn(tf.io.read_file, raws)
            return raws, wanted, *rest

        return numbers.map(read_images, num_parallel_calls=num_parallel_calls, deterministic=True)

    def _read_records(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        with tf.init_scope():
            offsets = tf.constant(self.images.offsets)

        def shaped(raws: tf.Tensor) -> tf.Tensor:
            return (
                raws
                if self.shape is None
                else tf.reshape(tf.io.decode_raw(raws, tf.uint8), [-1, *self.shape])
            )

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def read(wanted: tf.Tensor, *rest: tf.Tensor) -> tf.data.Dataset:
            files = tf.repeat(self.images.files[0], wanted.shape[0])
            together = records_at(files, tf.gather(offsets, wanted), wanted.shape[0]).take(1)
            as_is = tf.autograph.experimental.do_not_convert
            return together.map(as_is(lambda raws: (shaped(raws), wanted, *rest)))

        return numbers.flat_map(read)

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        def rows(name: str, padding: float | bool) -> tf.Tensor:
            flat, starts = self._tensor(name), self._tensor("starts")
            ragged = tf.RaggedTensor.from_row_splits(flat, starts, validate=False)
            return tf.gather(ragged, numbers).to_tensor(padding, shape=[None, None, *flat.shape[1:]])

        labels = rows("labels", -1)
        return Sample(
            encoded=raws,
            size=tf.gather(self._tensor("sizes"), numbers),
            boxes=rows("corners", 0.0),
            labels=labels,
            difficult=rows("difficult", False),
            ids=tf.zeros_like(labels) + tf.range(tf.shape(labels)[1]),
            name=tf.gather(self._tensor("names"), numbers),
        )

    def number_of(self, image_id: str) -> int | None:
        name = os.fsencode(image_id)
        return self.names.index(name) if name in self.names else None

    def name_of(self, number: int) -> str:
        return os.fsdecode(self.names[number])

    def place_of(self, number: int) -> str:
        if self.kind == "record":
            return f"record {number} of {self.images.files[0]}"
        return os.fsdecode(self.images[number]) if self.kind == "path" else ""

    def numbers_at(self, offset: int) -> list[int]:
        return []

    def _tensor(self, name: str) -> tf.Tensor:
        # eager tensors are captured by the graph as inputs; a constant in the graph would be copied with it
        if name not in self._tensors:
            with tf.init_scope():
                self._tensors[name] = tf.constant(getattr(self, name))
        return self._tensors[name]


def image_id(example: Example) -> bytes:
    """As `parse` and `tfexample.decode` have it: the file name without extension, or source_id."""
    return os.fsencode(os.path.splitext(example.filename)[0] or example.source_id)


def table_of(
    path: str, classes: ClassMap | None, rows: Iterable[tuple[Example, str]], *, is_local: bool = False
) -> ImageTable:
    """The table of examples and the paths of their image files."""
    names, files, sizes, starts = [], [], [], [0]
    corners: list[tuple[float, ...]] = []
    labels: list[int] = []
    difficult: list[int] = []
    for example, file in rows:
        names.append(image_id(example))
        files.append(os.fsencode(file))
        sizes.append((example.height, example.width))
        corners += example.boxes
        labels += [label - 1 for label in example.labels]
        difficult += example.difficult
        starts.append(len(corners))
    return ImageTable(
        path=path,
        classes=classes,
        names=names,
        sizes=np.array(sizes, np.int32).reshape(-1, 2),
        starts=np.array(starts, np.int64),
        corners=np.array(corners, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int32),
        difficult=np.array(difficult, bool),
        images=files,
        kind="path",
        is_local=is_local,
    )


def table_of_samples(
    path: str,
    classes: ClassMap | None,
    samples: Iterable[Sample],
    count: int,
    keep: Callable[[Any], object] | None = None,
) -> ImageTable:
    """The table of the first `count` samples, which come in batches; their images, bytes or pixels, stay in
    memory, unless each is given to `keep`."""
    names: list[bytes] = []
    parts: dict[str, list[NDArray[Any]]] = {"boxes": [], "labels": [], "difficult": []}
    sizes, starts = [], [0]
    images: Any = None
    for sample in samples:
        first = len(names)
        batch = {key: value.numpy()[: count - first] for key, value in sample._asdict().items()}
        names += batch["name"].tolist()
        if keep is not None:
            for image in batch["encoded"]:
                keep(image)
        elif batch["encoded"].dtype == object:
            images = (images or []) + batch["encoded"].tolist()
        else:
            if images is None:
                images = np.empty((count, *batch["encoded"].shape[1:]), np.uint8)
            images[first : len(names)] = batch["encoded"]
        is_object = batch["labels"] >= 0
        for key, values in parts.items():
            values.append(batch[key][is_object])
        sizes.append(batch["size"])
        starts += (starts[-1] + np.cumsum(is_object.sum(1))).tolist()
    return ImageTable(
        path=path,
        classes=classes,
        names=names,
        sizes=np.concatenate(sizes),
        starts=np.array(starts, np.int64),
        corners=np.concatenate(parts["boxes"]),
        labels=np.concatenate(parts["labels"]),
        difficult=np.concatenate(parts["difficult"]),
        images=images,
        kind="value",
        is_local=True,
    )


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""A data set may outlive every Python object that knows its files, so they stay until Python ends."""


class Scratch:
    """A temporary folder, made when it is needed, for images that TensorFlow cannot read as a file: turned
    upright, or out of an archive."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._count = 0

    @property
    def is_used(self) -> bool:
        return self._folder is not None

    def put(self, data: bytes) -> str:
        """The path of a new file with this content."""
        if self._folder is None:
            _KEPT.append(tempfile.TemporaryDirectory(prefix="annotools-loader-"))
            self._folder = _KEPT[-1].name
        path = os.path.join(self._folder, str(self._count))
        Path(path).write_bytes(data)
        self._count += 1
        return path
