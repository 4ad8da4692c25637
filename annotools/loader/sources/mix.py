"""Several data sets as one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotools.augment.ops.arguments import is_number
from annotools.errors import OptionError
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.sources.examples import Examples
from annotools.loader.sources.image_table import ImageTable
from annotools.loader.sources.record_files import RecordFiles
from annotools.loader.sources.subset import Subset

StrPath = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, init=False)
class Mix:
    """Several sources for `make_dataset` as one data set, with one list of classes.

    Mix({"out/shop": 3, "out/street": 1})   three of four images are from the shop, however many each has
    Mix(["out/2007", "out/2012"])           every image of both once in an epoch

    All are TFRecord files of one dialect, or all are VOC or pickles. Their class maps must be equal, unless
    `make_dataset` is told `classes`.
    """

    paths: tuple[str, ...]
    weights: Mapping[str, float] | None
    _starts: list[int] = dataclasses.field(repr=False, compare=False)

    def __init__(self, sources: Mapping[StrPath, float] | Sequence[StrPath]) -> None:
        given: Any = sources
        if isinstance(given, (str, os.PathLike)) or not isinstance(given, (Mapping, Sequence)) or not given:
            raise OptionError(
                "no data sets", field="sources", found=given, expected="a list of paths, or {path: weight}"
            )
        paths = tuple(os.fspath(path) for path in given)
        if len(set(paths)) < len(paths):
            raise OptionError("a data set twice", field="sources", found=paths)
        weights = dict(zip(paths, given.values(), strict=True)) if isinstance(given, Mapping) else None
        for path, weight in (weights or {}).items():
            if not is_number(weight) or not 0 < weight < float("inf"):
                raise OptionError("no weight", path=path, field="sources", found=weight, expected="above 0")
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "_starts", [])

    def __str__(self) -> str:
        return " + ".join(self.paths)

    def open(self, open_one: Callable[[str], Examples]) -> Examples:
        """The examples of all, one data set after the other."""
        parts = [open_one(path) for path in self.paths]
        self._starts[:] = np.cumsum([0, *map(len, parts)]).tolist()
        first = parts[0]
        for part in parts[1:]:
            if part.classes != first.classes:
                raise OptionError(
                    "the class maps differ",
                    path=part.path,
                    field="classes",
                    found=_class_names(part),
                    expected=f"{_class_names(first)} as in {first.path}, or classes=",
                )
        if all(isinstance(part, RecordFiles) for part in parts):
            return _records_of_all(str(self), parts)  # type: ignore[arg-type]
        if all(isinstance(part, ImageTable) for part in parts):
            return _tables_of_all(str(self), parts)  # type: ignore[arg-type]
        raise OptionError(
            "TFRecord files and other sources in one mix",
            field="sources",
            found=self.paths,
            expected="all of one kind: convert the others",
        )

    def numbers(self, examples: Examples) -> dict[str, NDArray[np.int64]]:
        """The numbers of the images of each data set, in `examples` that `open` gave or a Subset of them."""
        whole = examples.numbers if isinstance(examples, Subset) else np.arange(len(examples))
        owner = np.searchsorted(self._starts, whole, side="right") - 1
        return {path: np.flatnonzero(owner == number) for number, path in enumerate(self.paths)}


def _class_names(examples: Examples) -> list[str]:
    return [] if examples.classes is None else list(examples.classes.names)


def _records_of_all(path: str, parts: Sequence[RecordFiles]) -> RecordFiles:
    forms = [part.form for part in parts]
    for part, form in zip(parts, forms, strict=True):
        if (form.dialect, form.match_names) != (forms[0].dialect, forms[0].match_names):
            raise OptionError(
                "another dialect",
                path=part.path,
                field="sources",
                found=form.dialect.name,
                expected=forms[0].dialect.name,
            )
    boxes = [part.boxes for part in parts]
    known = [number for number in boxes if number is not None]
    firsts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    starts = [first + part.index.starts[:-1] for first, part in zip(firsts, parts, strict=False)]
    index = RecordIndex(
        files=tuple(file for part in parts for file in part.index.files),
        offsets=np.concatenate([part.index.offsets for part in parts]),
        starts=np.concatenate([*starts, firsts[-1:]]),
    )
    form = dataclasses.replace(forms[0], trust_size=all(form.trust_size for form in forms))
    return RecordFiles(path, index, form, boxes=max(known) if len(known) == len(boxes) else None)


def _tables_of_all(path: str, parts: Sequence[ImageTable]) -> ImageTable:
    firsts = np.cumsum([0, *(len(part.corners) for part in parts)], dtype=np.int64)
    starts = [first + part.starts[:-1] for first, part in zip(firsts, parts, strict=False)]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("sizes", "corners", "labels", "difficult")
    }
    return ImageTable(
        path=path,
        classes=parts[0].classes,
        names=[name for part in parts for name in part.names],
        starts=np.concatenate([*starts, firsts[-1:]]),
        images=[image for part in parts for image in part.images],
        kind="path",
        is_local=any(part.is_local for part in parts),
        **joined,
    )
