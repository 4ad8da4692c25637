"""What the loader needs to know of a data set: how many images, and how to get number i inside a graph."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment import Sample
from annotools.classes.class_map import ClassMap


class Objects(NamedTuple):
    """K objects of a data set, in its order.

    image  (K,) int64, the number of its image    label  (K,) int64, from 0    difficult  (K,) bool
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    difficult: NDArray[np.bool_]


class Examples(Protocol):
    """A finite, numbered data set.

    path      for messages
    classes   None where nobody has said what the labels mean
    is_local  whether the images are in this process's memory, so that no other process can load them
    """

    @property
    def path(self) -> str: ...

    @property
    def is_local(self) -> bool: ...

    @property
    def classes(self) -> ClassMap | None: ...

    def __len__(self) -> int: ...

    @property
    def boxes(self) -> int | None:
        """The most objects of one image, None where that is not known without counting."""

    @property
    def max_boxes(self) -> int:
        """`boxes`, counted where it is not known."""

    def fingerprint(self) -> str:
        """A text that changes with the images and with what is known of them."""

    def counts(self) -> NDArray[np.int64]:
        """(N,), how many objects each image has."""

    def objects(self) -> Objects:
        """Which classes the objects have. Of records, every one is read, once."""

    def sizes_of_all(self) -> NDArray[np.int32]:
        """(N, 2) H and W. Of records, every one is read."""

    def image_ids(self) -> list[str]:
        """The ids of all images. Of records, every one is read."""

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        """From (numbers (N,) int64, rest) to (raws (N, ...), numbers, rest): records, files or pixels; N is
        static."""

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        """The Samples of N images, from what was read of them (N, ...) and their numbers (N,)."""

    def number_of(self, image_id: str) -> int | None:
        """The number of the image with this id, None where there is none."""

    def name_of(self, number: int) -> str:
        """The id of an image. tf.errors.DataLossError where its record is damaged."""

    def place_of(self, number: int) -> str:
        """In words where an image is: its file, or the record and the file; "" where it is in memory."""

    def numbers_at(self, offset: int) -> list[int]:
        """The images whose records hold this byte of their file, one for each file that is long enough."""
