"""Some of the images of a data set, as a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment import Sample
from annotools.classes.class_map import ClassMap
from annotools.loader.sources.examples import Examples, Objects

_as_is = tf.autograph.experimental.do_not_convert


@dataclass
class Subset:
    """The images `numbers` (N,) int64 of `examples`, in increasing order, counted anew from 0."""

    examples: Examples
    numbers: NDArray[np.int64]
    _tensor: tf.Tensor = field(init=False)

    def __post_init__(self) -> None:
        # an eager tensor is captured by the graph as an input; a constant in it would be copied with it
        self._tensor = tf.constant(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def path(self) -> str:
        return self.examples.path

    @property
    def classes(self) -> ClassMap | None:
        return self.examples.classes

    @property
    def is_local(self) -> bool:
        return self.examples.is_local

    @property
    def boxes(self) -> int | None:
        return self.examples.boxes

    @property
    def max_boxes(self) -> int:
        return self.examples.max_boxes

    def fingerprint(self) -> str:
        return f"{self.examples.fingerprint()} {hashlib.sha256(self.numbers.tobytes()).hexdigest()}"

    def counts(self) -> NDArray[np.int64]:
        return self.examples.counts()[self.numbers]

    def objects(self) -> Objects:
        objects = self.examples.objects()
        places = np.full(len(self.examples), -1, np.int64)
        places[self.numbers] = np.arange(len(self))
        image = places[objects.image]
        is_ours = image >= 0
        return Objects(image[is_ours], objects.label[is_ours], objects.difficult[is_ours])

    def sizes_of_all(self) -> NDArray[np.int32]:
        return self.examples.sizes_of_all()[self.numbers]

    def image_ids(self) -> list[str]:
        ids = self.examples.image_ids()
        return [ids[number] for number in self.numbers]

    def read(self, numbers: tf.data.Dataset, num_parallel_calls: int) -> tf.data.Dataset:
        real = numbers.map(_as_is(lambda wanted, *rest: (tf.gather(self._tensor, wanted), wanted, *rest)))
        read = self.examples.read(real, num_parallel_calls)
        return read.map(_as_is(lambda raws, _, *rest: (raws, *rest)))

    def samples(self, raws: tf.Tensor, numbers: tf.Tensor) -> Sample:
        return self.examples.samples(raws, tf.gather(self._tensor, numbers))

    def number_of(self, image_id: str) -> int | None:
        real = self.examples.number_of(image_id)
        return None if real is None else next(iter(self._places([real])), None)

    def name_of(self, number: int) -> str:
        return self.examples.name_of(int(self.numbers[number]))

    def place_of(self, number: int) -> str:
        return self.examples.place_of(int(self.numbers[number]))

    def numbers_at(self, offset: int) -> list[int]:
        return self._places(self.examples.numbers_at(offset))

    def _places(self, reals: list[int]) -> list[int]:
        """Which images of the subset these are, as far as they are in it."""
        return [int(np.searchsorted(self.numbers, real)) for real in reals if real in self.numbers]


def with_objects(examples: Examples) -> Examples:
    """The images that have any object, in their order."""
    numbers = np.flatnonzero(examples.counts()).astype(np.int64)
    return examples if len(numbers) == len(examples) else Subset(examples, numbers)
