"""Rules on what the annotation calls its image: `<filename>` and `<path>` against the file that is there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from posixpath import basename, splitext
from typing import TYPE_CHECKING

from annotools.errors import FaultyFileError
from annotools.issues import Issue
from annotools.records import Annotation
from annotools.validation.rules.rule import Sample, finds

if TYPE_CHECKING:
    from annotools.sources.ambiguity import Ambiguity
    from annotools.sources.source import Source

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
    is_own = bare in (actual, splitext(actual)[0])
    if is_own and bare == claimed:
        return []
    other = source.image_named(pair, claimed)
    if is_own and other is None:
        return []
    if other is not None:
        message = f"filename: {claimed!r} names another image that exists ({other}), expected {pair.image!r}"
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


def image_missing(sample: Sample, *, blocking: bool = True) -> Issue:
    """The issue of an annotation to which no image belongs; a warning where nobody needs its pixels.

    Where images of its name are there, it says which, and why none of them is the image of this annotation.
    """
    annotation, pair, source = sample.annotation, sample.pair, sample.source
    found = source.ambiguity(pair) if source is not None and pair is not None else None
    if found is not None and source is not None and found.kind != "elsewhere":
        return sample.issue("image-ambiguous", f"image: {_ambiguity(found, sample, source)}")
    claimed = f" ({annotation.filename!r} by <filename>)" if annotation.filename else ""
    there = ""
    if found is not None and source is not None:
        image, owner = (source.display(name) for name in (found.images[0], found.xmls[0]))
        there = f"; {image} belongs to {owner}"
    message = (
        f"image: none was found for this annotation{claimed}{there}, expected one with the XML file's name"
    )
    return sample.issue("image-missing", message, "error" if blocking else "warning")


def _ambiguity(found: Ambiguity, sample: Sample, source: Source) -> str:
    images, xmls = ([source.display(name) for name in names] for names in (found.images, found.xmls))
    match found.kind:
        case "several":
            fits = _of_that_size(found.images, sample.annotation, source)
            likely = f"; <size> is that of {source.display(fits[0])}" if len(fits) == 1 else ""
            listed = _listed(images)
            return (
                f"{len(images)} fit alike: {listed}{likely}; "
                "expected one, or the folder of one in <filename>, <folder> or <path>"
            )
        case "contested":
            return f"{images[0]} fits {len(xmls)} annotations alike: {_listed(xmls)}; expected one of them"
    return f"{images[0]} has the annotation {xmls[0]} already, expected one annotation for an image"


def _of_that_size(images: Iterable[str], annotation: Annotation, source: Source) -> list[str]:
    """The images whose header agrees with `<size>`: no evidence, but worth to look at first."""
    size = annotation.size
    if size is None or not size.width or not size.height:
        return []
    fits = []
    for image in islice(images, _LISTED):
        with contextlib.suppress(FaultyFileError):
            header = source.read_header(image)
            if (size.width, size.height) in ((header.width, header.height), header.upright_size):
                fits.append(image)
    return fits


_LISTED = 10


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
