"""The short way through files that look as labelImg and the VOC devkit write them, which most files do.

Two regular expressions describe such a file from its first byte to its last: the head, then one `<object>`
after the other. They admit known tags in the usual order and plain text only: no entities, attributes,
comments, DTD or control characters. What they match is well-formed by construction and means what the tags
say, so lxml has nothing to add; the first character that does not fit sends the whole file the long way
(voc_reader), which gives the same record. It saves most of the time (benchmarks/read_xml.py).
"""

from __future__ import annotations

import re

from annotools.formats.xml.document import BLANK
from annotools.records import Annotation, Box, Object, Size, Source, maker

_BLANKS = r"[ \t\r\n]*+"
_CHARACTER = r"[^&<>\x00-\x1f\x7f-\x9f]"  # and not U+FFFE, U+FFFF: in a class they take 20 ms to compile
_TEXT = f"({_CHARACTER}*+)"
_SOME_TEXT = f"({_CHARACTER}++)"
_NUMBER = r"(-?[0-9]{1,15}+(?:\.[0-9]{1,15}+)?)"
_WHOLE_NUMBER = r"([0-9]{1,9})"
_FLAG = r"([01])"
_DECLARATION = "|".join(
    rf"<\?xml version={quote}1\.0{quote}(?: encoding={quote}(?:utf-8|UTF-8){quote})? ?\?>" for quote in "\"'"
)
_ROOT = rf'(?:{_DECLARATION})?{_BLANKS}<annotation(?: verified="(yes|no)")?>{_BLANKS}'


def _element(tag: str, value: str) -> str:
    return f"<{tag}>{value}</{tag}>{_BLANKS}"


def _optional(tag: str, value: str) -> str:
    return f"(?:{_element(tag, value)})?"


def _verbatim(tag: str, value: str) -> str:
    """An element that VOC2007 has and the record keeps as text: no CR in it, which XML turns into LF."""
    return f"(?:(<{tag}>{value}</{tag}>){_BLANKS})?"


def _head_pattern() -> re.Pattern[str]:
    source = "".join(_optional(tag, _TEXT) for tag in ("database", "annotation", "image"))
    source += _verbatim("flickrid", f"{_CHARACTER}++")
    # Not an empty <owner>: as XML text that is <owner/>, and this file has it some other way.
    owner = rf"[ \t\n]*+<flickrid>{_CHARACTER}++</flickrid>[ \t\n]*+(?:<name>{_CHARACTER}++</name>[ \t\n]*+)?"
    size = "".join(_element(tag, _WHOLE_NUMBER) for tag in ("width", "height", "depth"))
    return re.compile(
        _ROOT
        + "".join(_optional(tag, _TEXT) for tag in ("folder", "filename", "path"))
        + f"(<source>{_BLANKS}{source}</source>{_BLANKS})?"
        + _verbatim("owner", owner)
        + f"(?:<size>{_BLANKS}{size}</size>{_BLANKS})?"
        + _optional("segmented", _FLAG)
    )


def _object_pattern() -> re.Pattern[str]:
    def box(*tags: str) -> str:
        return "".join(_element(tag, _NUMBER) for tag in tags)

    texts = _element("name", _SOME_TEXT) + _optional("pose", _SOME_TEXT)
    flags = "".join(_optional(tag, _FLAG) for tag in ("truncated", "difficult", "occluded"))
    orders = f"(?:{box('xmin', 'ymin', 'xmax', 'ymax')}|{box('xmin', 'xmax', 'ymin', 'ymax')})"
    return re.compile(
        f"(<object>{_BLANKS}{texts}{flags})(<bndbox>{_BLANKS}{orders}</bndbox>{_BLANKS}</object>{_BLANKS})"
    )


make_annotation, make_size, make_source = maker(Annotation), maker(Size), maker(Source)
make_object, make_box = maker(Object), maker(Box)
_head = _head_pattern().match
_objects = _object_pattern().findall
_end = re.compile(r"</annotation>[ \t\r\n]*\Z").match
_FLAGS = {"0": False, "1": True, "": None, None: None}


def parse(document: bytes, path: str | None = None, lines_cut: int = 0) -> Annotation | None:
    """The record of a document in UTF-8 (voc_document.to_utf8), or None when it is not that plain."""
    text = document.decode()
    head = _head(text)
    end = text.rfind("</annotation>")
    if head is None or not _end(text, end) or "\ufffe" in text or "\uffff" in text:
        return None
    (
        verified, folder, filename, image_path, source, database, annotation, image, flickrid, owner,
        width, height, depth, segmented,
    ) = head.groups()  # fmt: skip
    start = head.end()
    objects = _read_objects(text[start:end], lines_cut + 1 + text.count("\n", 0, start))
    if objects is None:
        return None
    return make_annotation(
        filename and filename.strip(BLANK),
        folder and folder.strip(BLANK),
        image_path and image_path.strip(BLANK),
        None if source is None else make_source(
            database and database.strip(BLANK),
            annotation and annotation.strip(BLANK),
            image and image.strip(BLANK),
            (flickrid,) if flickrid else (),
        ),
        make_size(int(width), int(height), int(depth)) if width else None,
        _FLAGS[segmented],
        objects,
        (("verified", verified),) if verified else (),
        (owner,) if owner else (),
        path, None, None, None,
    )  # fmt: skip


def _read_objects(text: str, line: int) -> tuple[Object, ...] | None:
    unmatched = len(text)
    objects = []
    for (
        before_box, name, pose, truncated, difficult, occluded,
        from_box_on, xmin, ymin, xmax, ymax, xmin2, xmax2, ymin2, ymax2,
    ) in _objects(text):  # fmt: skip
        unmatched -= len(before_box) + len(from_box_on)
        class_name = name.strip(BLANK)
        if not class_name:
            return None
        if xmin:
            box = make_box(float(xmin), float(ymin), float(xmax), float(ymax))
        else:
            box = make_box(float(xmin2), float(ymin2), float(xmax2), float(ymax2))
        box_line = line + before_box.count("\n")
        objects.append(
            make_object(
                class_name, box, pose.strip(BLANK) if pose else None,
                _FLAGS[truncated], _FLAGS[difficult], _FLAGS[occluded],
                (), (), None, (), None, None, (), (), line, box_line,
            )
        )  # fmt: skip
        line = box_line + from_box_on.count("\n")
    # What is left over stands between the objects, or belongs to one that is not plain.
    return None if unmatched else tuple(objects)


_starts_plain = re.compile(_ROOT.encode("ascii")).match
_names = re.compile(rb"<object>[ \t\r\n]*+<name>([ -%'-;=?-~]*+)</name>").findall
_gaps = re.compile(rb"</object>[ \t\r\n]*+<object>").findall
_ends_plain = re.compile(rb"</object>[ \t\r\n]*+</annotation>[ \t\r\n]*+\Z").search
_ENDING = 100  # bytes in which the last two tags and the blanks around them are looked for


def object_names(data: bytes) -> list[str] | None:
    """The class names in file order, or None when they cannot be told without parsing.

    In a well-formed document that ends in `</object></annotation>` and whose objects follow each other
    without a gap, every one of them is a direct child of the root; and when `<name` occurs once an object,
    as its first child, there is no other name. So the answer is the parser's. (Whether the document is
    well-formed is not looked into beyond that.)
    """
    names = _names(data)
    count = len(names)
    if (
        not count
        or data.count(b"<object") != count
        or data.count(b"<name", data.find(b"<object")) != count
        or b"<!" in data
        or b"&" in data
        or not _starts_plain(data)
        or not _ends_plain(data, max(0, len(data) - _ENDING))
        or len(_gaps(data)) != count - 1
    ):
        return None
    return [name.decode("ascii").strip(BLANK) for name in names]
