"""Detections in files: COCO's results format and the text files of the VOC devkit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from annotools.classes.class_map import ClassMap
from annotools.errors import SourceError
from annotools.evaluation.detections import DetectionError, Given

_KEYS: Final = ("image_id", "category_id", "bbox", "score")


class _Rows:
    """Detections as they come."""

    def __init__(self) -> None:
        self._images: dict[str, int] = {}
        self._image: list[int] = []
        self._label: list[int] = []
        self._numbers: list[tuple[float, ...]] = []

    def add(self, image: str, label: int, *numbers: float) -> None:
        """numbers: xmin, ymin, xmax, ymax, score."""
        self._image.append(self._images.setdefault(image, len(self._images)))
        self._label.append(label)
        self._numbers.append(numbers)

    def given(self, place: Callable[[int], dict[str, Any]]) -> Given:
        numbers = np.array(self._numbers, np.float64).reshape(-1, 5)
        return Given(
            images=list(self._images),
            image=np.array(self._image, np.int64),
            boxes=numbers[:, :4],
            score=numbers[:, 4],
            label=np.array(self._label, np.int64),
            place=place,
        )


def from_coco(path: str, classes: ClassMap, known: Iterable[str], instances: str | None = None) -> Given:
    """A results file: [{"image_id", "category_id", "bbox": [x, y, width, height], "score"}, ...].

    instances  the file with "images" and "categories" that the ids mean; an image is named by its
               `file_name` without extension, and without folder unless `known` has it so. None: image ids
               are those of the loader, categories those of the class map

    https://cocodataset.org/#format-results ; x and y are edges, the whole image is [0, 0, W, H].
    """
    items = _load(path)
    if not isinstance(items, list):
        raise DetectionError("not a list of results", path=path, found=items, expected="a list")
    image_of, class_of = _no_ids(classes) if instances is None else _ids(instances, classes, set(known))

    def place(number: int) -> dict[str, Any]:
        return {"path": path, "field": f"[{number}]"}

    rows = _Rows()
    for number, item in enumerate(items):
        try:
            image_id, category, box, score = (item[key] for key in _KEYS)
            x, y, width, height = box
            row = float(x), float(y), float(x) + float(width), float(y) + float(height), float(score)
        except (KeyError, TypeError, ValueError):
            raise DetectionError(
                "not a result", **place(number), found=item, expected=", ".join(_KEYS)
            ) from None
        name = image_of(image_id)
        if name is None:
            raise DetectionError(
                "no such image id" if instances else "not an image id (numbers need `instances`)",
                path=path,
                field=f"[{number}].image_id",
                found=image_id,
                expected=f"an id in {instances}" if instances else "a file name without extension",
            )
        position = class_of.get(category) if isinstance(category, int) else None
        if position is None:
            raise DetectionError(
                "no class has this id",
                path=path,
                field=f"[{number}].category_id",
                found=category,
                expected=", ".join(map(str, class_of)),
            )
        rows.add(name, position, *row)
    return rows.given(place)


def _no_ids(classes: ClassMap) -> tuple[Any, dict[int, int]]:
    positions = {number: position for position, number in enumerate(classes.ids.values())}
    return (lambda image_id: image_id if isinstance(image_id, str) else None), positions


def _ids(path: str, classes: ClassMap, known: set[str]) -> tuple[Any, dict[int, int]]:
    content = _load(path)
    names: dict[Any, str] = {}
    positions: dict[int, int] = {}
    try:
        for one in content["images"]:
            stem = os.path.splitext(one["file_name"])[0]
            names[one["id"]] = stem if stem in known else os.path.basename(stem)
        for one in content["categories"]:
            if one["name"] in classes:
                positions[one["id"]] = classes.index(one["name"])
    except (KeyError, TypeError, AttributeError):
        raise DetectionError(
            "not a COCO data set",
            path=path,
            expected='"images" with id and file_name, "categories" with id and name',
        ) from None
    return names.get, positions


def _load(path: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=path) from error
    except json.JSONDecodeError as error:
        raise DetectionError(f"malformed JSON: {error.msg}", path=path, line=error.lineno) from None
    except (RecursionError, ValueError) as error:
        raise DetectionError(f"malformed JSON: {error}", path=path) from None
