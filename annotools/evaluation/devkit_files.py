"""Detections in the text files of the VOC devkit."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from annotools.classes.class_map import ClassMap
from annotools.errors import SourceError
from annotools.evaluation.detection_files import _Rows
from annotools.evaluation.detections import DetectionError, Given, shown
from annotools.sources.storage import printable


def from_devkit(folder: str, classes: ClassMap, split: str | None, *, one_based: bool) -> Given:
    """A folder of `comp4_det_test_<class>.txt`: image id, score, xmin, ymin, xmax, ymax, a line a detection.

    Of several sets in one folder the one that is called `split` is taken. A class without a file has no
    detections. `one_based`: pixels count from 1 and both ends belong to the box, as the devkit has it, so 1
    is taken from xmin and ymin.
    """
    rows = _Rows()
    places: list[tuple[str, int]] = []
    for file, name in _devkit_files(folder, classes, split):
        position = classes.index(name)
        for line, text in enumerate(_lines(file), start=1):
            if not text.strip():
                continue
            try:
                image_id, *numbers = text.rsplit(None, 5)
                score, *box = map(float, numbers)
                xmin, ymin, xmax, ymax = box
            except ValueError:
                raise DetectionError(
                    "not a detection",
                    path=printable(file),
                    line=line,
                    found=text,
                    expected="image id and five numbers",
                ) from None
            rows.add(image_id.strip(), position, xmin - one_based, ymin - one_based, xmax, ymax, score)
            places.append((file, line))

    def place(number: int) -> dict[str, Any]:
        file, line = places[number]
        return {"path": printable(file), "line": line}

    return rows.given(place)


def _devkit_files(folder: str, classes: ClassMap, split: str | None) -> list[tuple[str, str]]:
    """(path, class) of each file; the set is what stands between `_det_` and the class."""
    sets: dict[str, dict[str, str]] = {}
    for file in sorted(Path(folder).glob("*.txt")):
        competition, mark, rest = file.stem.partition("_det_")
        fitting = [name for name in _all_names(classes) if rest.endswith(f"_{name}")]
        if not mark or not fitting:
            raise DetectionError(
                "the name ends in no class",
                path=printable(str(file)),
                found=file.name,
                expected=f"comp4_det_test_<class>.txt, with one of {shown(list(classes.names))}",
            )
        name = max(fitting, key=len)
        group = sets.setdefault(f"{competition}_det_{rest[: -len(name) - 1]}", {})
        group[name] = str(file)
    chosen = [one for one in sets if split is not None and one.partition("_det_")[2] == split] or list(sets)
    if len(chosen) != 1:
        raise DetectionError(
            "several sets of detections" if chosen else "no text files",
            path=folder,
            found=", ".join(map(printable, chosen)) or None,
            expected="comp4_det_test_<class>.txt of one competition and set",
        )
    return [(file, name) for name, file in sets[chosen[0]].items()]


def _all_names(classes: ClassMap) -> Iterable[str]:
    return chain(classes.names, classes.display_names.values())


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=printable(file)) from error
