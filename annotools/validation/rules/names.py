"""Rules on what the annotation calls its image: `<filename>` and `<path>` against the file that is there."""

from __future__ import annotations

import re
from posixpath import basename, splitext
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.records import Annotation

if TYPE_CHECKING:
    from annotools.sources.source import Pair, Source

_ABSOLUTE = re.compile(r"/[^/]|[A-Za-z]:[\\/]|\\\\|file://|~/")


def filename_issues(annotation: Annotation, pair: Pair, source: Source) -> list[Issue]:
    """filename-mismatch and filename-names-other-image, both warnings, at most one of them.

    The image was found by the name of the XML file; `<filename>` should agree. A name without extension
    that agrees is accepted, because ImageNet DET and older labelImg write no other (labelImg/issues/309).
    """
    if not annotation.filename or pair.image is None:
        return []
    claimed = annotation.filename
    actual = basename(pair.image)
    if claimed == actual:
        return []
    bare = basename(claimed.replace("\\", "/"))
    if bare in (actual, splitext(actual)[0]):
        return []
    other = source.image_named(pair, claimed)
    if other is not None:
        rule = "filename-names-other-image"
        message = f"filename: {claimed!r} names another image that exists ({other}), expected {actual!r}"
    else:
        rule = "filename-mismatch"
        message = f"filename: {claimed!r}, expected {actual!r}, the image beside this annotation"
    return [Issue(rule, "warning", message, annotation.xml_path)]


def image_missing_issue(annotation: Annotation, *, blocking: bool = True) -> Issue:
    """image-missing: no image belongs to this annotation. An error; a warning when nobody needs pixels."""
    claimed = f" ({annotation.filename!r} by <filename>)" if annotation.filename else ""
    message = f"image: none was found for this annotation{claimed}, expected one with the XML file's name"
    return Issue("image-missing", "error" if blocking else "warning", message, annotation.xml_path)


def path_leak_issues(annotation: Annotation) -> list[Issue]:
    """absolute-path-leak (info): `<path>` tells where a file lay on someone's disk (labelImg/issues/705)."""
    if annotation.path is None or not _ABSOLUTE.match(annotation.path):
        return []
    message = f"path: {annotation.path!r} is an absolute path on one computer, expected a relative one"
    return [Issue("absolute-path-leak", "info", message, annotation.xml_path)]
