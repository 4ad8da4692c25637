"""One Annotation to VOC XML, laid out as labelImg does: tabs, UTF-8, one tag a line.

What is None is not written, because readers such as labelImg's stop at an empty number. Whole numbers are
written without a fraction. Same record, same bytes.
"""

from __future__ import annotations

import re
from typing import NoReturn

from annotools.errors import OutputError, ParseError
from annotools.formats.xml.fields import CASE_VARIANTS
from annotools.formats.xml.reader import (
    ANNOTATION_TAGS,
    BOX_TAGS,
    CORNER_TAGS,
    OBJECT_TAGS,
    PART_TAGS,
    POLYGON_TAG,
    ROTATED_TAGS,
    SOURCE_TAGS,
)
from annotools.formats.xml.tree import parse_xml
from annotools.options import check_type
from annotools.records import Annotation, Box, Object, Part, Point, Polygon, RotatedBox, Size, Source

# What XML 1.0 excludes; the complement of what it admits takes ten times as long to compile.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]|[\ud800-\udfff]|\ufffe|\uffff")
_NAME = re.compile(r"[^\W\d][\w.\-]*")
_TEXT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_VALUE_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def to_xml(annotation: Annotation) -> bytes:
    """The file, as UTF-8: `formats.voc.to_xml`."""
    check_type("annotation", annotation, "Annotation")
    return _Writer(annotation).bytes()


class _Writer:
    def __init__(self, annotation: Annotation) -> None:
        self._path = annotation.xml_path
        self._lines: list[str] = []
        self._depth = 0
        self._annotation(annotation)

    def bytes(self) -> bytes:
        return "".join(f"{line}\n" for line in self._lines).encode("utf-8")

    def _annotation(self, annotation: Annotation) -> None:
        self._open("annotation", annotation.xml_attributes)
        self._leaf("folder", annotation.folder)
        self._leaf("filename", annotation.filename)
        self._leaf("path", annotation.path)
        if annotation.source is not None:
            self._source(annotation.source)
        if annotation.size is not None:
            self._size(annotation.size)
        self._leaf("segmented", _flag(annotation.segmented))
        self._extras(annotation.extras, ANNOTATION_TAGS)
        for item in annotation.objects:
            self._object(item)
        self._close("annotation")

    def _source(self, source: Source) -> None:
        self._open("source")
        self._leaf("database", source.database)
        self._leaf("annotation", source.annotation)
        self._leaf("image", source.image)
        self._extras(source.extras, SOURCE_TAGS)
        self._close("source")

    def _size(self, size: Size) -> None:
        self._open("size")
        for tag, value in (("width", size.width), ("height", size.height), ("depth", size.depth)):
            self._leaf(tag, None if value is None else str(int(value)))
        self._close("size")

    def _object(self, item: Object) -> None:
        self._open("object", item.xml_attributes)
        self._leaf("name", item.name)
        self._leaf("pose", item.pose)
        self._leaf("truncated", _flag(item.truncated))
        self._leaf("difficult", _flag(item.difficult))
        self._leaf("occluded", _flag(item.occluded))
        self._box(item.bndbox)
        for part in item.parts:
            self._part(part)
        if item.actions:
            self._open("actions")
            for name, value in item.actions:
                self._leaf(self._checked_name(name), _flag(value))
            self._close("actions")
        if item.point is not None:
            self._numbers("point", ("x", "y"), _xy(item.point))
        if item.attributes:
            self._attribute_pairs(item.attributes)
        if item.polygon is not None:
            self._polygon(item.polygon)
        if item.rotated is not None:
            self._rotated(item.rotated)
        taken = OBJECT_TAGS | CASE_VARIANTS.keys()
        if not item.attributes:  # may be an unknown tag too: LabelMe keeps free text there
            taken -= {"attributes"}
        self._extras(item.extras, taken)
        self._close("object")

    def _part(self, part: Part) -> None:
        self._open("part")
        self._leaf("name", part.name)
        self._box(part.bndbox)
        self._extras(part.extras, PART_TAGS)
        self._close("part")

    def _box(self, box: Box | None) -> None:
        if box is not None:
            self._numbers("bndbox", BOX_TAGS, box.as_tuple())

    def _attribute_pairs(self, attributes: tuple[tuple[str, str], ...]) -> None:
        self._open("attributes")
        for name, value in attributes:
            self._open("attribute")
            self._leaf("name", name)
            self._leaf("value", value)
            self._close("attribute")
        self._close("attributes")

    def _polygon(self, polygon: Polygon) -> None:
        self._open("polygon")
        for number, point in enumerate(polygon.points, start=1):
            self._number(f"x{number}", point.x)
            self._number(f"y{number}", point.y)
        self._extras(polygon.extras, frozenset({"pt"}), POLYGON_TAG)
        self._close("polygon")

    def _rotated(self, rotated: RotatedBox | Polygon) -> None:
        if isinstance(rotated, RotatedBox):
            values = (rotated.cx, rotated.cy, rotated.w, rotated.h, rotated.angle)
            self._numbers("robndbox", ROTATED_TAGS, values)
            return
        corners = tuple(value for point in rotated.points for value in _xy(point))
        if len(corners) != len(CORNER_TAGS):
            self._refuse("a rotated box has four corners", "robndbox", rotated.points, "4 points")
        self._open("robndbox")
        for tag, value in zip(CORNER_TAGS, corners, strict=True):
            self._number(tag, value)
        self._extras(rotated.extras, frozenset(CORNER_TAGS))
        self._close("robndbox")

    def _numbers(self, tag: str, tags: tuple[str, ...], values: tuple[float, ...]) -> None:
        self._open(tag)
        for name, value in zip(tags, values, strict=True):
            self._number(name, value)
        self._close(tag)

    def _number(self, tag: str, value: float) -> None:
        value = float(value)
        if value - value != 0:
            self._refuse("the position is not finite", tag, value, "a number")
        # below 2**53 every whole number is exact; the sign of -0.0 survives only in repr
        whole = value.is_integer() and abs(value) < 2**53 and str(value) != "-0.0"
        self._leaf(tag, str(int(value)) if whole else repr(value))

    def _extras(
        self, extras: tuple[str, ...], taken: frozenset[str], pattern: re.Pattern[str] | None = None
    ) -> None:
        for extra in extras:
            self._legal(extra, "extras")
            try:
                element = parse_xml(extra.encode("utf-8"))
            except ParseError:
                self._refuse("an extra is not one well-formed element", "extras", extra, "<tag>...</tag>")
            if element.tag in taken or (pattern and pattern.fullmatch(element.tag)):
                self._refuse("an extra has a tag of VOC's own", "extras", extra, "a tag that VOC lacks")
            self._lines.append("\t" * self._depth + extra)

    def _leaf(self, tag: str, text: str | None) -> None:
        if text is not None:
            self._legal(text, tag)
            escaped = text.translate(_TEXT_ESCAPES)
            self._lines.append(f"{self._depth * chr(9)}<{tag}>{escaped}</{tag}>")

    def _open(self, tag: str, attributes: tuple[tuple[str, str], ...] = ()) -> None:
        written = [tag]
        for name, value in attributes:
            self._legal(value, name)
            written.append(f'{self._checked_name(name)}="{value.translate(_VALUE_ESCAPES)}"')
        if len({name for name, _ in attributes}) < len(attributes):
            self._refuse("an attribute is given more than once", tag, attributes, "different names")
        self._lines.append("\t" * self._depth + f"<{' '.join(written)}>")
        self._depth += 1

    def _close(self, tag: str) -> None:
        self._depth -= 1
        self._lines.append("\t" * self._depth + f"</{tag}>")

    def _checked_name(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            self._refuse("this is not a name that XML allows", None, name, "letters, digits, _ - .")
        return name

    def _legal(self, text: str, field: str) -> None:
        if bad := _ILLEGAL.search(text):
            self._refuse(
                "XML cannot hold this character", field, bad.group(), "text without control characters"
            )

    def _refuse(self, message: str, field: str | None, found: object, expected: str) -> NoReturn:
        raise OutputError(message, path=self._path, field=field, found=found, expected=expected)


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(int(value))


def _xy(point: Point) -> tuple[float, float]:
    return point.x, point.y
