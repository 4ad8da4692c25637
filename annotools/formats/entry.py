"""What a format says to `verify` of an image in one of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from annotools.records import record


class Finding(NamedTuple):
    """A fault of one image in a file. rule: of `verify`; field: the place in the record."""

    rule: str
    field: str | None
    message: str
    found: object = None
    expected: object = None


@record
class Entry:
    """One image.

    key        what names it
    says       what is compared with the source, by field
    split      the split, where the file holds several
    boxes      (xmin, ymin, xmax, ymax) of each object that has one
    size       (width, height) that the boxes must not leave, in pixels, each None where it is not known;
               None: boxes are shares of the image
    names      the class of each object; None: it cannot be told
    field      of faults of its boxes
    findings   what else is wrong with it
    """

    key: str
    says: Callable[[], Mapping[str, Any]]
    split: str | None = None
    boxes: Sequence[tuple[float, float, float, float]] = ()
    size: tuple[float | None, float | None] | None = None
    names: Sequence[str] | None = ()
    field: str | None = None
    findings: Sequence[Finding] = ()
