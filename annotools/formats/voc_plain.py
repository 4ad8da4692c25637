"""The short way through files that look as labelImg and the VOC devkit write them, which most files do.

The objects of such a file, from the first `<object>` to the end of the file, are matched by one regular
expression that admits only plain ASCII values without entities, attributes, comments or unknown tags. What
it matches is well-formed by construction and cannot mean anything else, so that lxml only has to parse what
stands before it. The first character that does not fit sends the whole file the long way (voc_reader).
"""

from __future__ import annotations

import re

from annotools.formats.voc_document import BLANK
from annotools.records import Box, Object

_TEXT = r"([ -%'-;=?-~]*)"  # printable ASCII without & < >
_NUMBER = r"(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)"
_FLAG = r"([01])"
_ = r"[ \t\r\n]*+"


def _pattern() -> re.Pattern[bytes]:
    def element(tag: str, value: str) -> str:
        return f"<{tag}>{value}</{tag}>{_}"

    flags = "".join(f"(?:{element(tag, _FLAG)})?" for tag in ("truncated", "difficult", "occluded"))
    box = "".join(element(tag, _NUMBER) for tag in ("xmin", "ymin", "xmax", "ymax"))
    # Roboflow's order
    swapped = "".join(element(tag, _NUMBER) for tag in ("xmin", "xmax", "ymin", "ymax"))
    return re.compile(
        f"<object>{_}{element('name', _TEXT)}(?:{element('pose', _TEXT)})?{flags}"
        f"(?:<bndbox>{_}(?:{box}|{swapped})</bndbox>{_})</object>{_}".encode("ascii")
    )


_object = _pattern().match
_end = re.compile(rb"</annotation>[ \t\r\n]*\Z").match
_FLAGS = {b"0": False, b"1": True, None: None}


def split(document: bytes, lines_cut: int) -> tuple[bytes, tuple[Object, ...]] | None:
    """(what stands before the objects, closed; the objects), or None when the file is not that plain."""
    start = position = document.find(b"<object>")
    if start < 0:
        return None
    line = lines_cut + 1 + document.count(b"\n", 0, start)
    objects = []
    while match := _object(document, position):
        name, pose, truncated, difficult, occluded, a, b, c, d, e, f, g, h = match.groups()
        class_name = name.decode().strip(BLANK)
        if not class_name:
            return None
        box = (
            Box(float(a), float(b), float(c), float(d)) if a else Box(float(e), float(g), float(f), float(h))
        )
        box_line = line + document.count(b"\n", position, document.index(b"<bndbox>", position))
        objects.append(
            Object(
                class_name,
                box,
                pose if pose is None else pose.decode().strip(BLANK),
                _FLAGS[truncated],
                _FLAGS[difficult],
                _FLAGS[occluded],
                (), (), None, (), None, None, (), (),
                line,
                box_line,
            )
        )  # fmt: skip
        position = match.end()
        line = box_line + document.count(b"\n", document.index(b"<bndbox>", match.start()), position)
    if not _end(document, position):
        return None
    return document[:start] + b"</annotation>", tuple(objects)


_NAMES = re.compile(rb"<object>[ \t\r\n]*<name>([^<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]*)</name>").findall
_SEPARATORS = re.compile(rb"</object>[ \t\r\n]*<object>").findall
_START = re.compile(
    rb"""(?:<\?xml version=["']1\.0["'](?: encoding=["'](?:utf-8|UTF-8)["'])?[ ]?\?>)?"""
    rb"""[ \t\r\n]*<annotation(?: verified="(?:yes|no)")?>"""
).match
_END = re.compile(rb"</object>[ \t\r\n]*</annotation>[ \t\r\n]*\Z").search


def object_names(data: bytes) -> list[str] | None:
    """The class names in file order, or None when they cannot be told without parsing.

    In a well-formed document that ends in `</object></annotation>` and whose objects follow each other
    without a gap, every one of them is a direct child of the root; and when `<name` occurs once an object,
    as its first child, there is no other name. So the answer is the parser's. (Whether the document is
    well-formed is not looked into beyond that.)
    """
    names = _NAMES(data)
    count = len(names)
    if (
        not count
        or data.count(b"<object") != count
        or data.count(b"<name") != count
        or b"<!" in data
        or not _START(data)
        or not _END(data, max(0, len(data) - 200))
        or len(_SEPARATORS(data)) != count - 1
    ):
        return None
    return [name.decode("ascii").strip(BLANK) for name in names]
