"""Annotations whose image nothing tells, and folders of annotations that belong to data sets of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal

from annotools.records import record
from annotools.sources.evidence import folder_of


@record
class Ambiguity:
    """Why an annotation has no image, though there are images of its name.

    kind     "several": these images fit alike; "contested": the image fits several annotations alike;
             "taken": it fits another one better; "elsewhere": it is that of another one, in another place
    images   names of files
    xmls     the annotations that the image fits
    """

    kind: Literal["several", "contested", "taken", "elsewhere"]
    images: tuple[str, ...]
    xmls: tuple[str, ...] = ()


def several_folders(contested: Iterable[list[str]], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The folders of annotations that are data sets of their own, sorted; none where there is one data set.

    Two folders are when at least two images, and half of the annotations of the smaller one, are contested
    between them.

    contested   for each contested image the names of the annotations that claim it
    sizes       annotations in each folder
    """
    shared: Counter[tuple[str, str]] = Counter()
    for names in contested:
        shared.update(combinations(sorted({folder_of(name) for name in names}), 2))
    return tuple(
        sorted(
            {
                folder
                for pair, count in shared.items()
                if count > 1 and 2 * count >= min(sizes[one] for one in pair)
                for folder in pair
            }
        )
    )
