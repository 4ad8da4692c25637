"""How often each image of a data set comes in an epoch, and what that makes of its classes."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotools.errors import OptionError
from annotools.loader.sampling import Floats, Population, RepeatFactor, Sampling
from annotools.loader.sources.mix import Mix


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """What an epoch is made of, known before its first batch; `str()` is a table.

    per_epoch    images in an epoch, of all workers together
    images       images of the data set     never  those of them that never come
    most         how often the most frequent one comes in an epoch, in the mean
    classes      {name, or "label 3" where there is none: (images that have the class; how many images of an
                 epoch have it, in the mean)}
    sets         the same for each data set of a Mix, by its path
    """

    per_epoch: int
    images: int
    never: int
    most: float
    classes: dict[str, tuple[int, float]]
    sets: dict[str, tuple[int, float]]

    def __str__(self) -> str:
        lines = [
            f"{self.per_epoch} images an epoch of {self.images}; {self.never} never, none more than "
            f"{math.ceil(self.most)} times"
        ]
        for title, rows in (("class", self.classes), ("data set", self.sets)):
            width = max(map(len, [title, *rows]))
            lines += [f"{title:{width}}  images  an epoch"] if rows else []
            lines += [f"{name:{width}}  {have:6}  {come:8.1f}" for name, (have, come) in rows.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Share:
    """How often each image of a population comes.

    weights    (N,) float64, in proportion to which they come      per_epoch  images in an epoch
    sets       {path: (n,) numbers of its images} of a Mix
    """

    population: Population
    weights: Floats
    per_epoch: int
    sets: Mapping[str, NDArray[np.int64]]

    @functools.cached_property
    def counts(self) -> SampleCounts:
        """Reads every record, unless that is done."""
        expected = self.weights * (self.per_epoch / self.weights.sum())
        classes = self.population.examples.classes
        names = {} if classes is None else {id_ - 1: name for name, id_ in classes.ids.items()}
        image, label = self.population.present
        have, come = np.bincount(label), np.bincount(label, expected[image])
        return SampleCounts(
            per_epoch=self.per_epoch,
            images=len(self.weights),
            never=int((self.weights == 0).sum()),
            most=float(expected.max()),
            classes={
                names.get(int(one), f"label {one}"): (int(have[one]), float(come[one]))
                for one in np.flatnonzero(have)
            },
            sets={path: (len(of), float(expected[of].sum())) for path, of in self.sets.items()},
        )


def share_of(population: Population, rule: Sampling | None, mix: Mix | None) -> Share | None:
    """How often each image comes; None: each once."""
    if rule is None and (mix is None or mix.weights is None):
        return None
    weights = np.ones(len(population)) if rule is None else rule.weights(population)
    if not weights.sum() > 0:
        raise OptionError("no image would ever come", path=population.examples.path, field="sampling")
    per_epoch = None if rule is None else rule.per_epoch
    if per_epoch is None:
        per_epoch = round(weights.sum()) if isinstance(rule, RepeatFactor) else len(population)
    sets = {} if mix is None else mix.numbers(population.examples)
    if mix is not None and mix.weights is not None:
        for path, of in sets.items():
            total = weights[of].sum()
            if not total > 0:
                raise OptionError("no image of it would ever come", path=path, field="sampling")
            weights[of] *= mix.weights[path] / total
    return Share(population, weights, per_epoch, sets)
