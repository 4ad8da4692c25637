"""Detections as they are given, in arrays, and the checks on them; detection_files.py reads files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from annotools.classes.class_map import ClassMap
from annotools.errors import AnnotoolsError
from annotools.evaluation.tables import Detections, Floats, Ints, Truth, by_score
from annotools.sources.storage import printable

PADDING: Final = -1
_PARTS: Final = ("boxes", "scores", "labels")
_SHOWN: Final = 5


class DetectionError(AnnotoolsError):
    """A detection that cannot be: `path` and `line` or `field` tell which."""


@dataclass(frozen=True, slots=True)
class Given:
    """Detections as they were given, in columns, one row each.

    images   image ids, each once; `image` (D,) counts them
    boxes    (D, 4) xyxy
    score    (D,)
    label    (D,) position of the class in id order
    place    from the number of a row to what an error has to say: path, line, field
    """

    images: Sequence[str]
    image: Ints
    boxes: Floats
    score: Floats
    label: Ints
    place: Callable[[int], dict[str, Any]]


def from_dict(detections: Mapping[Any, Any], classes: ClassMap) -> Given:
    """{image id: (boxes (R, 4), scores (R,), labels (R,))}, or a mapping of these three names as the value.

    Ids are str, or the bytes that come out of tf.string. Rows with the label PADDING are left out.
    """
    columns: dict[str, list[Any]] = {part: [np.zeros((0, 4) if part == "boxes" else 0)] for part in _PARTS}
    images: dict[str, None] = {}
    rows: list[tuple[str, Ints]] = []
    for key, value in detections.items():
        name = _name_of(key)
        if name in images:
            raise DetectionError("two entries for one image", field=_field(name), found=key)
        images[name] = None
        parts = _parts_of(value, name)
        real = np.flatnonzero(parts["labels"] != PADDING)
        rows.append((name, real))
        for part in _PARTS:
            columns[part].append(parts[part][real])
    counts = [len(real) for _, real in rows]
    image = np.repeat(np.arange(len(rows)), counts)
    starts = np.cumsum([0, *counts])

    def place(number: int) -> dict[str, Any]:
        name, real = rows[image[number]]
        return {"field": f"{_field(name)}[{real[number - starts[image[number]]]}]"}

    given = np.concatenate(columns["labels"])
    return Given(
        images=list(images),
        image=image.astype(np.int64),
        boxes=np.concatenate(columns["boxes"]),
        score=np.concatenate(columns["scores"]),
        label=_positions(given, classes, place),
        place=place,
    )


def _name_of(key: object) -> str:
    if isinstance(key, bytes):
        return os.fsdecode(key)
    if not isinstance(key, str):
        raise DetectionError("not an image id", field="detections", found=key, expected="str or bytes")
    return str(key)


def _field(name: str) -> str:
    return f"detections[{name!r}]"


def _parts_of(value: Any, name: str) -> dict[str, Any]:
    """boxes (R, 4) float64, scores (R,) float64, labels (R,) as numbers."""
    if isinstance(value, Mapping):
        missing = [part for part in _PARTS if part not in value]
        items = [value[part] for part in _PARTS] if not missing else []
    else:
        items = list(value) if isinstance(value, Sequence) else []
    if len(items) != len(_PARTS):
        raise DetectionError(
            "not three arrays", field=_field(name), found=value, expected="(boxes, scores, labels)"
        )
    arrays = {}
    for part, item in zip(_PARTS, items, strict=True):
        try:
            array = np.asarray(item)
        except ValueError:  # rows of different lengths
            array = np.asarray(item, object)
        if array.size and not np.issubdtype(array.dtype, np.number):
            raise DetectionError(
                "not numbers", field=f"{_field(name)}.{part}", found=array.dtype.name, expected="numbers"
            )
        arrays[part] = array.astype(np.float64)
    count = len(arrays["scores"]) if arrays["scores"].ndim == 1 else -1
    if not count and not any(array.size for array in arrays.values()):
        return {part: np.zeros((0, 4) if part == "boxes" else 0) for part in _PARTS}
    for part, shape in (("boxes", (count, 4)), ("scores", (count,)), ("labels", (count,))):
        if arrays[part].shape != shape:
            raise DetectionError(
                "wrong shape",
                field=f"{_field(name)}.{part}",
                found=arrays[part].shape,
                expected="(R, 4), (R,) and (R,)",
            )
    return arrays


def _positions(labels: Floats, classes: ClassMap, place: Callable[[int], dict[str, Any]]) -> Ints:
    """Labels, id less 1, as positions in id order."""
    known = np.array(list(classes.ids.values()), np.float64) - 1
    places = np.searchsorted(known, labels)
    wrong = np.append(known, np.nan)[places] != labels
    if wrong.any():
        number = int(wrong.argmax())
        raise DetectionError(
            "no class has this label",
            **place(number),
            found=float(labels[number]),
            expected=f"{shown([f'{int(one)} ({name})' for one, name in zip(known, classes, strict=True)])}"
            f", or {PADDING} for padding",
        )
    return places.astype(np.int64)


def on_truth(given: Given, truth: Truth) -> Detections:
    """The detections on the images of `truth`, in the order of their scores.

    DetectionError for an image that the split does not have, for a number that is not finite, and for a box
    with its corners exchanged.
    """
    _check_numbers(given)
    numbers = {name: number for number, name in enumerate(truth.images)}
    unknown = [name for name in given.images if name not in numbers and name not in truth.no_truth]
    if unknown:
        rows = np.flatnonzero(given.image == list(given.images).index(unknown[0]))
        place = given.place(int(rows[0])) if len(rows) else {"field": _field(unknown[0])}
        raise DetectionError(
            f"no image of the split has this id{_and_more(len(unknown))}",
            **place,
            found=unknown[0],
            expected=shown(list(truth.images)) or "nothing: the split has no images",
        )
    number_of = np.array([numbers.get(name, -1) for name in given.images] or [-1], np.int64)
    image = number_of[given.image]
    kept = image >= 0
    columns = {"boxes": given.boxes, "image": image, "label": given.label, "score": given.score}
    return Detections(
        **by_score({name: column[kept] for name, column in columns.items()}),
        left_out=int(np.sum(~kept)),
        silent=len(truth.images) - len(np.unique(image[kept])),
    )


def _check_numbers(given: Given) -> None:
    boxes = given.boxes
    for wrong, name, values, expected in (
        (~np.isfinite(given.score), "score", given.score, "a finite number"),
        (~np.isfinite(boxes).all(axis=1), "box", boxes, "finite numbers"),
        (
            (boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1]),
            "box",
            boxes,
            "(xmin, ymin, xmax, ymax) with xmin <= xmax and ymin <= ymax",
        ),
    ):
        if wrong.any():
            number = int(wrong.argmax())
            raise DetectionError(
                f"a {name} that cannot be{_and_more(int(wrong.sum()))}",
                **given.place(number),
                found=values[number].tolist(),
                expected=expected,
            )


def _and_more(count: int) -> str:
    return f", one of {count}" if count > 1 else ""


def shown(names: list[str]) -> str:
    return ", ".join(map(printable, names[:_SHOWN])) + (
        f", ... ({len(names)})" if len(names) > _SHOWN else ""
    )
