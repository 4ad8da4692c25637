"""Rules on the file itself, apart from what stops it from being read: tags, blanks, the XSD, emptiness."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.records import Annotation
from annotools.validation.rules.rule import Sample

_TAG = re.compile(r"<([^\s/>]+)")
# VOC2007 has these, for the photographs came from flickr; the records keep them as text.
_OF_VOC = ("<flickrid>", "<owner>")


def unknown_tag_issues(annotation: Annotation, data: bytes) -> list[Issue]:
    """unknown-tag (info): tags that VOC does not define; they are kept, but nothing is trained on them."""
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
    return [
        Issue("unknown-tag", "info", f"<{tag}>: is not a tag of VOC", annotation.xml_path, _line(data, tag))
        for tag in tags
    ]


def _line(data: bytes, tag: str) -> int | None:
    # not the root: labelme2voc writes an <annotation/> inside of it
    start = data.find(b"<annotation") + 1
    found = re.compile(rb"<" + re.escape(tag.encode()) + rb"[\s/>]").search(data, start)
    return data.count(b"\n", 0, found.start()) + 1 if found else None


def empty_issues(annotation: Annotation) -> list[Issue]:
    """empty-annotation (info): no objects. A negative is fine if it is meant."""
    if annotation.objects:
        return []
    return [Issue("empty-annotation", "info", "object: none, the image is a negative", annotation.xml_path)]


# The tag, unless a name without blanks at its ends follows. One search for a fixed beginning takes 1.5 us;
# an alternative such as <name>\s|\s</name> has none and takes 18.
_BLANK_NAME = re.compile(rb"<name>(?!\S[^<]*\S</name>|\S</name>)")


def blank_name_issues(sample: Sample) -> Iterator[Issue]:
    """class-case-or-blank-variant for blanks around a name: to other tools 'cup ' is a class of its own."""
    data = sample.data
    if not _BLANK_NAME.search(data) and b"\0" not in data:  # NUL: UTF-16, where nothing can be searched
        return
    from annotools.formats.xml.editor import XmlFile

    annotation = sample.annotation
    for index, name in enumerate(XmlFile(sample.data).names()):
        if name is not None and name.text.strip() and name.text != name.text.strip(" \t\r\n"):
            message = f"name: {name.text!r} has blanks around it, expected {name.text.strip()!r}"
            yield Issue(
                "class-case-or-blank-variant", "warning", message, annotation.xml_path, name.line, index
            )
