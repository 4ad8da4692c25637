"""Rules on what the annotation calls its image: `<filename>` and `<path>` against the file that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, splitext

from annotools.issues import Issue
from annotools.records import Annotation
from annotools.validation.rules.rule import Sample, finds

_ABSOLUTE = re.compile(r"/[^/]|[A-Za-z]:[\\/]|\\\\|file://|~/")


@finds("filename-mismatch", "filename-names-other-image", claims=True)
def filenames(sample: Sample) -> list[Issue]:
    """`<filename>` is not the name of the image, at most one of the two rules.

    The image was found by the name of the XML file; `<filename>` should agree. A name without extension
    that agrees is accepted, because ImageNet DET and older labelImg write no other (labelImg/issues/309).
    """
    claimed, pair, source = sample.annotation.filename, sample.pair, sample.source
    if not claimed or pair is None or pair.image is None or source is None:
        return []
    actual = basename(pair.image)
    if claimed == actual:
        return []
    bare = basename(claimed.replace("\\", "/"))
    if bare in (actual, splitext(actual)[0]):
        return []
    other = source.image_named(pair, claimed)
    if other is not None:
        message = f"filename: {claimed!r} names another image that exists ({other}), expected {actual!r}"
        return [sample.issue("filename-names-other-image", message)]
    message = f"filename: {claimed!r}, expected {actual!r}, the image beside this annotation"
    return [sample.issue("filename-mismatch", message)]


@finds("absolute-path-leak")
def path_leaks(sample: Sample) -> Iterator[Issue]:
    """`<path>` tells where a file lay on someone's disk (labelImg/issues/705)."""
    path = sample.annotation.path
    if path is not None and _ABSOLUTE.match(path):
        message = f"path: {path!r} is an absolute path on one computer, expected a relative one"
        yield sample.issue("absolute-path-leak", message)


def image_missing(annotation: Annotation, *, blocking: bool = True) -> Issue:
    """The issue of an annotation to which no image belongs; a warning where nobody needs its pixels."""
    claimed = f" ({annotation.filename!r} by <filename>)" if annotation.filename else ""
    message = f"image: none was found for this annotation{claimed}, expected one with the XML file's name"
    return Issue("image-missing", "error" if blocking else "warning", message, annotation.xml_path)
