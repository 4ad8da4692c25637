"""Rules on the file itself, apart from what stops it from being read: tags, the XSD, emptiness."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.validation.rules.rule import Sample, finds

_TAG = re.compile(r"<([^\s/>]+)")
# VOC2007 has these, for the photographs came from flickr; the records keep them as text.
_OF_VOC = ("<flickrid>", "<owner>")


@finds("unknown-tag")
def unknown_tags(sample: Sample) -> list[Issue]:
    """Tags that VOC does not define; they are kept, but nothing is trained on them."""
    annotation = sample.annotation
    pieces = [piece for piece in annotation.extras if not piece.startswith(_OF_VOC)]
    if annotation.source is not None and annotation.source.extras:
        pieces += [piece for piece in annotation.source.extras if not piece.startswith(_OF_VOC)]
    for obj in annotation.objects:
        if obj.extras:
            pieces += obj.extras
        if obj.parts:
            pieces += [piece for part in obj.parts for piece in part.extras]
    if not pieces:
        return []
    tags = dict.fromkeys(found[1] for piece in pieces if (found := _TAG.match(piece)))
    path, data = annotation.xml_path, sample.data
    return [Issue.of("unknown-tag", f"<{tag}>: is not a tag of VOC", path, _line(data, tag)) for tag in tags]


def _line(data: bytes, tag: str) -> int | None:
    # not the root: labelme2voc writes an <annotation/> inside of it
    start = data.find(b"<annotation") + 1
    found = re.compile(rb"<" + re.escape(tag.encode()) + rb"[\s/>]").search(data, start)
    return data.count(b"\n", 0, found.start()) + 1 if found else None


@finds("schema")
def schema(sample: Sample) -> list[Issue]:
    """What schemas/voc.xsd forbids."""
    from annotools.formats import voc

    return voc.schema_issues(sample.data, sample.annotation.xml_path)


@finds("empty-annotation")
def empty(sample: Sample) -> Iterator[Issue]:
    """No objects. A negative is fine if it is meant."""
    if not sample.annotation.objects:
        yield sample.issue("empty-annotation", "object: none, the image is a negative")
