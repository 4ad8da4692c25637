"""A data set that knows what it is made of: its classes, its steps, its pipeline, also after `map`."""

from __future__ import annotations

import abc
import functools
import warnings
from typing import Any

import tensorflow as tf

from annotools.errors import OptionError
from annotools.loader.faults import name_errors
from annotools.loader.pipeline import Pipeline
from annotools.loader.share import SampleCounts

_ALIKE = ("cache", "filter", "prefetch", "repeat", "shuffle", "skip", "take", "with_options")
_OTHER = ("apply", "batch", "enumerate", "map", "padded_batch", "rebatch", "unbatch")
_TOO_OFTEN = 3  # one `fit` begins up to twice: to build the model, or after the last step, reading nothing
_ONCE_MORE = (
    "the same {} epoch(s) once more, augmented as the first time. To train on new ones, pass epochs=N to "
    "make_dataset and steps_per_epoch=ds.steps_per_epoch to fit; ds.take(1) is for a look"
)


class TrainingSet(abc.ABC):
    """What the data sets of `make_dataset` have beside what every `tf.data.Dataset` has.

    pipeline    all that `make_dataset` was asked for
    is_changed  whether the elements may no longer be the batches of the pipeline, because of a `map` or so
    """

    pipeline: Pipeline
    is_changed: bool

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each label, "" for labels that the ids leave out; () where nobody has named them."""
        classes = self.pipeline.examples.classes
        names = {} if classes is None else {id_ - 1: name for name, id_ in classes.ids.items()}
        return tuple(names.get(label, "") for label in range(max(names, default=-1) + 1))

    @property
    def num_classes(self) -> int:
        """Labels are below it; 0 where nobody has named the classes."""
        return len(self.class_names)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one whole epoch, for `model.fit(..., steps_per_epoch=...)`."""
        return self.pipeline.order.steps

    @property
    def sampling(self) -> SampleCounts | None:
        """What an epoch is made of, where images do not come once each. The first look reads every record."""
        share = self.pipeline.share
        return None if share is None else share.counts

    @property
    def max_boxes(self) -> int:
        """M, the rows for boxes in a batch."""
        return self.pipeline.max_boxes


def remember(dataset: tf.data.Dataset, pipeline: Pipeline, *, is_changed: bool = False) -> tf.data.Dataset:
    """The same data set as a TrainingSet of this pipeline."""
    if not isinstance(dataset, TrainingSet):
        kind: Any = type(dataset)
        dataset.__class__ = _class_of(kind)
    dataset.pipeline, dataset.is_changed = pipeline, is_changed
    return dataset


def pipeline_of(dataset: tf.data.Dataset) -> Pipeline:
    """The pipeline of a data set from `make_dataset`; OptionError for any other, also one that `map` made of
    it."""
    if not isinstance(dataset, TrainingSet) or dataset.is_changed:
        raise OptionError(
            "not a data set of make_dataset",
            field="dataset",
            found=dataset,
            expected="its result, before any map",
        )
    return dataset.pipeline


@functools.cache
def _class_of(kind: Any) -> type:
    """The class of a TrainingSet that was of TensorFlow's class `kind`.

    It is a subclass of that class alone, for Python would not let an object change to one of two bases.
    """
    known = {name: value for name, value in vars(TrainingSet).items() if isinstance(value, property)}
    methods = {name: _remembering(kind, name) for name in (*_ALIKE, *_OTHER)}
    return TrainingSet.register(
        type(kind.__name__, (kind,), {**known, **methods, "__iter__": _counting(kind)})
    )


def _remembering(kind: Any, name: str) -> Any:
    plain = getattr(kind, name)

    @functools.wraps(plain)
    def method(self: Any, *arguments: Any, **keywords: Any) -> tf.data.Dataset:
        made = plain(self, *arguments, **keywords)
        return remember(made, self.pipeline, is_changed=self.is_changed or name in _OTHER)

    return method


def _counting(kind: Any) -> Any:
    """`__iter__` that warns when augmented epochs begin once more."""

    def iterate(self: Any) -> Any:
        self.passes = getattr(self, "passes", 0) + 1
        epochs, draws = self.pipeline.options.epochs, self.pipeline.augmenter.augmentation.draws
        if self.passes == _TOO_OFTEN and epochs is not None and any(draws):
            warnings.warn(_ONCE_MORE.format(epochs), stacklevel=2)
        return name_errors(kind.__iter__(self), self.pipeline)

    return iterate
