"""Checks that raise AssertionError, and records to test with; users find them in `annotools.testing`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from annotools.records import Annotation, Box, Object, Size

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.issues import Issue


def assert_valid_dataset(
    source: str | os.PathLike[str], *, strict: bool = False, shown: int = 20, **options: Any
) -> None:
    """Raise AssertionError with the first `shown` problems and their places, unless `source` is valid.

    A problem is an issue of severity error; with `strict` also a warning. The options are those of
    `annotools.validate`: classes, select, ignore, images, split, baseline, ... Raises SourceError when there
    is no such source.
    """
    from annotools.validation.validate import validate

    _assert_none(validate(source, **options), strict, shown, os.fspath(source))


def assert_valid_annotation(
    annotation: Annotation | bytes | str | os.PathLike[str],
    *,
    width: int | None = None,
    height: int | None = None,
    classes: ClassMap | Iterable[str] | None = None,
    strict: bool = False,
    select: Iterable[str] | str | None = None,
    ignore: Iterable[str] | str = (),
) -> None:
    """Raise AssertionError unless a record, the bytes of an XML file, or the file at a path breaks no rule.

    width, height   of the image, in pixels; default: what `<size>` claims
    classes         the class names that are allowed
    The image itself is not looked at.
    """
    from annotools.classes.class_map import ClassMap
    from annotools.validation.checker import check_annotation
    from annotools.validation.settings import make_selection

    if classes is not None and not isinstance(classes, ClassMap):
        classes = ClassMap.from_names(classes)
    selection = make_selection(select, (), ignore)
    issues = check_annotation(annotation, selection, width=width, height=height, classes=classes)
    _assert_none(issues, strict, 20, "the annotation")


def _assert_none(issues: Iterable[Issue], strict: bool, shown: int, what: str) -> None:
    blocking = {"error", "warning"} if strict else {"error"}
    lines = [str(issue) for issue in issues if issue.severity in blocking]
    if lines:
        more = [f"... and {len(lines) - shown} more"] if len(lines) > shown else []
        count = f"{len(lines)} problem{'s' * (len(lines) > 1)}"
        raise AssertionError("\n".join([f"{what} has {count}:", *lines[:shown], *more]))


def make_annotation(
    boxes: Sequence[tuple[str, float, float, float, float]] = (("cup", 10, 20, 60, 80),),
    *,
    width: int = 100,
    height: int = 100,
    depth: int = 3,
    filename: str = "image.jpg",
    difficult: bool | None = False,
    **fields: Any,
) -> Annotation:
    """A record for tests: one object for each (name, xmin, ymin, xmax, ymax) in pixels.

    `fields` are further fields of the Annotation. Nothing is checked, so that faulty records can be made too.
    """
    objects = tuple(Object(name, Box(*map(float, box)), difficult=difficult) for name, *box in boxes)
    return Annotation(filename=filename, size=Size(width, height, depth), objects=objects, **fields)
