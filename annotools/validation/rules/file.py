"""Rules on the file itself, apart from what stops it from being read: tags, blanks, the XSD, emptiness."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.records import Annotation
from annotools.validation.rules.rule import Sample

_TAG = re.compile(r"<([^\s/>]+)")


def unknown_tag_issues(annotation: Annotation, data: bytes) -> Iterator[Issue]:
    """unknown-tag (info): tags that VOC does not define; they are kept, but nothing is trained on them."""
    pieces = list(annotation.extras)
    if annotation.source is not None:
        pieces += annotation.source.extras
    for obj in annotation.objects:
        if obj.extras:
            pieces += obj.extras
        for part in obj.parts:
            pieces += part.extras
    tags = dict.fromkeys(found[1] for piece in pieces if (found := _TAG.match(piece)))
    for tag in tags:
        yield Issue(
            "unknown-tag", "info", f"<{tag}>: is not a tag of VOC", annotation.xml_path, _line(data, tag)
        )


def _line(data: bytes, tag: str) -> int | None:
    found = re.search(rb"<" + re.escape(tag.encode()) + rb"[\s/>]", data)
    return data.count(b"\n", 0, found.start()) + 1 if found else None


def empty_issues(annotation: Annotation) -> list[Issue]:
    """empty-annotation (info): no objects. A negative is fine if it is meant."""
    if annotation.objects:
        return []
    return [Issue("empty-annotation", "info", "object: none, the image is a negative", annotation.xml_path)]


# Ten searches for fixed bytes take less time than one for an expression; NUL means UTF-16 or UTF-32.
_BLANKS = (b" ", b"\t", b"\r", b"\n")
_SUSPECT = (
    *(b"<name>" + blank for blank in _BLANKS),
    *(blank + b"</name>" for blank in _BLANKS),
    b"<name><!",
    b"\0",
)


def blank_name_issues(sample: Sample) -> Iterator[Issue]:
    """class-case-or-blank-variant for blanks around a name: to other tools 'cup ' is a class of its own."""
    data = sample.data
    for piece in _SUSPECT:
        if piece in data:
            break
    else:
        return
    from annotools.validation.xml_edit import XmlFile

    annotation = sample.annotation
    for index, name in enumerate(XmlFile(sample.data).names()):
        if name is not None and name.text != name.text.strip(" \t\r\n") and index < len(annotation.objects):
            message = f"name: {name.text!r} has blanks around it, expected {name.text.strip()!r}"
            yield Issue(
                "class-case-or-blank-variant", "warning", message, annotation.xml_path, name.line, index
            )
