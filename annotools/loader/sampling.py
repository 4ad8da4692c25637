"""How often each image comes in an epoch: by its classes, by weights of the user's, by its data set."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from annotools.augment.ops.arguments import check_count, check_number
from annotools.errors import OptionError
from annotools.loader.sources.examples import Examples

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """The images to choose from; with_difficult says whether difficult objects are looked at."""

    examples: Examples
    with_difficult: bool = True

    def __len__(self) -> int:
        return len(self.examples)

    @functools.cached_property
    def present(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(P,) images and (P,) labels: which image has which class, each pair once. Reads every record."""
        objects = self.examples.objects()
        looked_at = np.ones(len(objects.label), bool) if self.with_difficult else ~objects.difficult
        pairs = np.stack([objects.image, objects.label], 1)[looked_at]
        return tuple(np.unique(pairs, axis=0).T) if len(pairs) else (np.zeros(0, np.int64),) * 2


class Sampling(Protocol):
    """A rule: how often images come, in relation to each other."""

    @property
    def per_epoch(self) -> int | None: ...

    def weights(self, population: Population) -> Floats:
        """(N,) float64, 0 or more, one for each image."""


@dataclass(frozen=True)
class ClassBalanced:
    """Every class comes as often as any other: an image counts 1 / n for each of its classes, where n images
    have that class. Images without objects never come.

    per_epoch  images in an epoch, None: as many as the data set has
    """

    per_epoch: int | None = None

    def __post_init__(self) -> None:
        _check_per_epoch(self.per_epoch)

    def weights(self, population: Population) -> Floats:
        image, label = population.present
        images_of = np.bincount(label, minlength=1)
        return np.asarray(np.bincount(image, 1.0 / images_of[label], len(population)), np.float64)


@dataclass(frozen=True)
class RepeatFactor:
    """Images of rare classes come more than once in an epoch, all others once, as for LVIS (Gupta et al.
    2019, https://arxiv.org/abs/1908.03195, appendix B.2).

    A class that a share f of the images has gets the factor max(1, sqrt(threshold / f)), an image the largest
    factor of its classes. Of a factor of 2.3 an epoch has two or three, 2.3 in the mean of many epochs.

    per_epoch  images in an epoch, None: the sum of all factors, rounded
    """

    threshold: float = 0.001
    per_epoch: int | None = None

    def __post_init__(self) -> None:
        check_number(self.threshold, "threshold", 0.0, 1.0)
        _check_per_epoch(self.per_epoch)

    def weights(self, population: Population) -> Floats:
        image, label = population.present
        shares = np.bincount(label, minlength=1) / len(population)
        factors = np.ones(len(population))
        np.maximum.at(factors, image, np.sqrt(self.threshold / shares[label]))
        return factors


@dataclass(frozen=True)
class Weights:
    """Images come in proportion to your weights; weight 0 is never.

    values     {image id: weight}, images without one have 1; or N numbers, in the order of the data set
    per_epoch  images in an epoch, None: as many as the data set has
    """

    values: Mapping[str, float] | Sequence[float] | NDArray[Any]
    per_epoch: int | None = None

    def __post_init__(self) -> None:
        _check_per_epoch(self.per_epoch)

    def weights(self, population: Population) -> Floats:
        given: Any = list(self.values.values()) if isinstance(self.values, Mapping) else self.values
        try:
            numbers = np.array(given, np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise _no_weights(self.values, "numbers") from None
        if not np.all(np.isfinite(numbers) & (numbers >= 0)):
            raise _no_weights(self.values, "finite numbers, 0 or more")
        if isinstance(self.values, Mapping):
            numbers = _by_name(dict(zip(self.values, numbers.tolist(), strict=True)), population.examples)
        if len(numbers) != len(population):
            raise _no_weights(f"{len(numbers)} numbers", f"{len(population)}, one for each image")
        return numbers


NAMED: dict[str, Callable[[], Sampling]] = {"class-balanced": ClassBalanced, "repeat-factor": RepeatFactor}


def as_sampling(asked: Any) -> Sampling | None:
    """The rule that is meant by a name, by plain weights or by itself."""
    if asked is None:
        return None
    if isinstance(asked, (ClassBalanced, RepeatFactor, Weights)):
        return asked
    if isinstance(asked, str) and asked in NAMED:
        return NAMED[asked]()
    if isinstance(asked, (Mapping, list, tuple, np.ndarray)):
        return Weights(asked)
    expected = ", ".join([*map(repr, NAMED), "ClassBalanced()", "RepeatFactor(0.001)", "weights"])
    raise OptionError("no way to sample", field="sampling", found=asked, expected=expected)


def _by_name(given: dict[str, float], examples: Examples) -> Floats:
    names = examples.image_ids()
    for name in given.keys() - set(names):
        meant = difflib.get_close_matches(name, names, 1)
        raise OptionError(
            "no such image",
            path=examples.path,
            field="sampling",
            found=name,
            expected=meant[0] if meant else None,
        )
    return np.array([given.get(name, 1.0) for name in names], np.float64)


def _no_weights(found: object, expected: str) -> OptionError:
    return OptionError("not weights of images", field="sampling", found=found, expected=expected)


def _check_per_epoch(per_epoch: int | None) -> None:
    if per_epoch is not None:
        check_count(per_epoch, "per_epoch")
