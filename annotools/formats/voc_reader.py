"""The elements of a VOC file to records, whatever tool wrote it; what is wrong becomes a list of faults.

Tags are matched by name, never by position, and only among the direct children of their parent: the box
of a `<part>` is not the box of its object. Blanks (space, tab, CR, LF) around a value are layout and do not
count. What VOC does not define is kept as XML text in the nearest `extras`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from lxml import etree

from annotools.errors import ParseError
from annotools.formats.voc_document import BLANK, DocumentError
from annotools.issues import Severity
from annotools.records import Annotation, Box, Object, Part, Point, Polygon, RotatedBox, Size, Source

ANNOTATION_TAGS = frozenset(
    {"folder", "filename", "path", "source", "size", "segmented", "object"},
)
SOURCE_TAGS = frozenset({"database", "annotation", "image"})
SIZE_TAGS = frozenset({"width", "height", "depth"})
OBJECT_TAGS = frozenset(
    {"name", "pose", "truncated", "difficult", "occluded", "bndbox", "part", "actions", "point"}
    | {"attributes", "polygon", "robndbox"}
)
PART_TAGS = frozenset({"name", "bndbox"})
BOX_TAGS = ("xmin", "ymin", "xmax", "ymax")
ROTATED_TAGS = ("cx", "cy", "w", "h", "angle")
CORNERS = ("left_top", "right_top", "right_bottom", "left_bottom")  # the order of DIOR-R
CORNER_TAGS = tuple(f"{axis}_{corner}" for corner in CORNERS for axis in "xy")

# Tags are matched exactly, but for these: some tools write them with a capital.
CASE_VARIANTS = {tag.capitalize(): tag for tag in ("pose", "truncated", "difficult", "occluded")}

_FLAGS = {"0": False, "false": False, "no": False, "0.0": False}
_FLAGS |= {"1": True, "true": True, "yes": True, "1.0": True}
FLAG_EXPECTED = "0 or 1 (also true, false, yes, no)"

# float() would also take 1_000 and digits of other scripts, which are typing mistakes here.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
POLYGON_TAG = re.compile(r"([xy])([0-9]{1,6})")

_Element = etree._Element
_Single = dict[str, _Element]


class Fault(NamedTuple):
    """One finding of the reader: the error that `parse` raises, and what an Issue needs besides."""

    rule: str
    severity: Severity
    error: ParseError
    object_index: int | None


class LayoutMatters(Exception):  # noqa: N818  # not an error: the document is parsed again
    """An unknown tag has children, and the document was parsed without the blanks between them."""


class Reader:
    """Reads one document. `faults` fills up in the order of the file."""

    def __init__(
        self,
        path: str | None = None,
        lines_cut: int = 0,
        *,
        keeps_layout: bool = False,
        has_attributes: bool = True,
    ) -> None:
        """`keeps_layout`: how the document was parsed. `has_attributes`: False when no tag below the root
        has any, which saves looking at each."""
        self.faults: list[Fault] = []
        self._path = path
        self._lines_cut = lines_cut
        self._keeps_layout = keeps_layout
        self._has_attributes = has_attributes
        self._index: int | None = None

    def annotation(self, root: _Element) -> Annotation:
        if root.tag != "annotation":
            raise DocumentError(
                "wrong-root",
                "this is not a VOC annotation of one image",
                line=self._line(root),
                field="root",
                found=f"<{root.tag}>",
                expected="<annotation>",
            )
        extras: list[str] = []
        tags, several = self._children(root, ANNOTATION_TAGS, extras, several="object")
        size = self._size(tags.get("size"), extras)
        if size is None:
            size = _labelme_size(root)
        return Annotation(
            self._text(tags.get("filename")),
            self._text(tags.get("folder")),
            self._text(tags.get("path")),
            self._source(tags.get("source")),
            size,
            self._flag(tags.get("segmented"), severity="warning"),
            self._objects(several),
            _attributes(root),
            tuple(extras),
            self._path,
            None,
            None,
            None,
        )

    def _objects(self, elements: Iterable[_Element]) -> tuple[Object, ...]:
        objects = []
        for index, element in enumerate(elements):
            self._index = index
            objects.append(self._object(element))
        self._index = None
        return tuple(objects)

    def _object(self, element: _Element) -> Object:
        extras: list[str] = []
        tags, parts = self._children(element, OBJECT_TAGS, extras, several="part")
        name = self._name(tags, element, "object")
        before = len(self.faults)
        bndbox = self._box(tags.get("bndbox"), OBJECT_TAGS, extras)
        polygon = self._polygon(tags.get("polygon"))
        rotated = self._rotated(tags.get("robndbox"), extras)
        point = self._point(tags.get("point"), extras)
        has_shape = bndbox or rotated or point or (polygon and polygon.points)
        if not has_shape and not any(fault.severity == "error" for fault in self.faults[before:]):
            self._fault("box-missing", "the object has no box and no other shape", element, "bndbox")
        return Object(
            name,
            bndbox,
            self._text(tags.get("pose")),
            self._flag(tags.get("truncated")),
            self._flag(tags.get("difficult")),
            self._flag(tags.get("occluded")),
            tuple(self._part(part) for part in parts),
            self._actions(tags.get("actions")),
            point,
            self._attribute_pairs(tags.get("attributes"), extras),
            polygon,
            rotated,
            _attributes(element) if self._has_attributes else (),
            tuple(extras),
            self._line(element),
            self._line(tags["bndbox"]) if "bndbox" in tags else None,
        )

    def _part(self, element: _Element) -> Part:
        extras: list[str] = []
        tags, _ = self._children(element, PART_TAGS, extras)
        self._note_attributes(element)
        return Part(
            self._name(tags, element, "part"),
            self._box(tags.get("bndbox"), PART_TAGS, extras),
            tuple(extras),
        )

    def _source(self, element: _Element | None) -> Source | None:
        if element is None:
            return None
        extras: list[str] = []
        tags, _ = self._children(element, SOURCE_TAGS, extras)
        self._note_attributes(element)
        return Source(
            self._text(tags.get("database")),
            self._text(tags.get("annotation")),
            self._text(tags.get("image")),
            tuple(extras),
        )

    def _size(self, element: _Element | None, extras: list[str]) -> Size | None:
        if element is None:
            return None
        tags, _ = self._children(element, SIZE_TAGS, extras, owner_tags=ANNOTATION_TAGS)
        self._note_attributes(element)
        return Size(
            self._whole_number(tags.get("width")),
            self._whole_number(tags.get("height")),
            self._whole_number(tags.get("depth"), severity="warning"),  # nothing is computed from it
        )

    def _box(self, element: _Element | None, owner_tags: frozenset[str], extras: list[str]) -> Box | None:
        values = self._numbers(element, BOX_TAGS, owner_tags, extras)
        return Box(*values) if values else None

    def _point(self, element: _Element | None, extras: list[str]) -> Point | None:
        if element is None or _is_empty(element):
            return None
        values = self._numbers(element, ("x", "y"), OBJECT_TAGS, extras)
        return Point(*values) if values else None

    def _rotated(self, element: _Element | None, extras: list[str]) -> RotatedBox | Polygon | None:
        if element is None or _is_empty(element):
            return None
        if any(child.tag in CORNER_TAGS for child in element):
            inner: list[str] = []
            values = self._numbers(element, CORNER_TAGS, frozenset(), inner)
            return Polygon(_pairs(values), tuple(inner)) if values else None
        values = self._numbers(element, ROTATED_TAGS, OBJECT_TAGS, extras)
        return RotatedBox(*values) if values else None

    def _polygon(self, element: _Element | None) -> Polygon | None:
        if element is None or _is_empty(element):
            return None
        self._note_attributes(element)
        self._note_stray_text(element)
        points: list[Point] = []
        numbered: dict[int, dict[str, _Element]] = {}
        extras: list[str] = []
        faults = len(self.faults)
        for child in element:
            name = POLYGON_TAG.fullmatch(child.tag)
            if child.tag == "pt":
                values = self._numbers(child, ("x", "y"), frozenset(), extras)
                points += [Point(*values)] if values else []
            elif name and name[1] not in numbered.setdefault(int(name[2]), {}):
                numbered[int(name[2])][name[1]] = child
            elif name:
                self._duplicate(child)
            else:
                extras.append(self._xml_text(child))
        for number in sorted(numbered):
            x, y = (self._coordinate(numbered[number].get(axis), element, f"{axis}{number}") for axis in "xy")
            if x is not None and y is not None:
                points.append(Point(x, y))
        if len(self.faults) > faults:
            return None
        while len(points) > 1 and points[-1] == points[0]:
            points.pop()
        return Polygon(tuple(points), tuple(extras))

    def _actions(self, element: _Element | None) -> tuple[tuple[str, bool], ...]:
        if element is None:
            return ()
        self._note_attributes(element)
        self._note_stray_text(element)
        actions = []
        for child in element:
            faults = len(self.faults)
            value = self._flag(child)
            if value is not None:
                actions.append((child.tag, value))
            elif len(self.faults) == faults:
                self._fault("field-invalid", "the action has no value", child, child.tag, "", FLAG_EXPECTED)
        return tuple(actions)

    def _attribute_pairs(self, element: _Element | None, extras: list[str]) -> tuple[tuple[str, str], ...]:
        """CVAT's `<attributes>`. LabelMe has free text under the same tag, which is kept as it stands."""
        if element is None or _is_empty(element):
            return ()
        if (
            not all(
                child.tag == "attribute"
                and sorted(part.tag for part in child) == ["name", "value"]
                and not any(len(part) or part.attrib for part in child)
                and not child.attrib
                for child in element
            )
            or _value(element)
            or element.attrib
        ):
            extras.append(self._xml_text(element))
            return ()
        pairs = []
        for child in element:
            texts = {part.tag: _value(part) for part in child}
            pairs.append((texts["name"], texts["value"]))
        return tuple(pairs)

    # values

    def _name(self, tags: _Single, parent: _Element, owner: str) -> str:
        name = self._text(tags.get("name"))
        if not name:
            what = "is missing" if name is None else "is empty"
            self._fault(
                "missing-field", f"the name of the {owner} {what}", tags.get("name", parent), "name",
                name, "a class name",
            )  # fmt: skip
        return name or ""

    def _text(self, element: _Element | None) -> str | None:
        if element is None:
            return None
        if len(element):
            for child in element:
                self._lost(child, f"<{child.tag}> inside <{element.tag}> is not kept")
        self._note_attributes(element)
        text = element.text
        return text.strip(BLANK) if text else ""

    def _flag(self, element: _Element | None, severity: Severity = "error") -> bool | None:
        text = self._text(element)
        if element is None or not text or text.lower() == "none":
            return None
        value = _FLAGS.get(text.lower())
        if value is None:
            self._invalid(element, text, FLAG_EXPECTED, severity)
        return value

    def _whole_number(self, element: _Element | None, severity: Severity = "error") -> int | None:
        text = self._text(element)
        if element is None or not text:
            return None
        if not _WHOLE_NUMBER.fullmatch(text):
            self._invalid(element, text, "a whole number", severity)
            return None
        return int(text.partition(".")[0])

    def _numbers(
        self,
        element: _Element | None,
        wanted: tuple[str, ...],
        owner_tags: frozenset[str],
        extras: list[str],
    ) -> list[float] | None:
        """The numbers under `wanted`, in that order; None when one is missing or faulty."""
        if element is None:
            return None
        tags, _ = self._children(element, frozenset(wanted), extras, owner_tags=owner_tags)
        self._note_attributes(element)
        values = [self._coordinate(tags.get(tag), element, tag) for tag in wanted]
        numbers = [value for value in values if value is not None]
        return numbers if len(numbers) == len(wanted) else None

    def _coordinate(self, element: _Element | None, parent: _Element, field: str) -> float | None:
        text = self._text(element)
        if element is None or not text:
            self._fault(
                "missing-field", f"<{field}> of <{parent.tag}> is missing or empty",
                parent if element is None else element, field, text, "a number",
            )  # fmt: skip
            return None
        if _NUMBER.fullmatch(text):
            value = float(text)
            if value - value == 0:
                return value
        elif not _NOT_FINITE.fullmatch(text):
            self._invalid(element, text, "a number")
            return None
        self._fault("box-not-finite", "the position is not finite", element, field, text, "a number")
        return None

    # structure

    def _children(
        self,
        element: _Element,
        known: frozenset[str],
        extras: list[str],
        *,
        several: str | None = None,
        owner_tags: frozenset[str] | None = None,
    ) -> tuple[_Single, list[_Element]]:
        """({tag: child} for the known tags, all children named `several`); the unknown go to `extras`.

        A record such as Box has no room for unknown tags: those move up to the extras of its owner, unless
        they would mean something else there (`owner_tags`).
        """
        single: _Single = {}
        many: list[_Element] = []
        stray = element.text and element.text.strip(BLANK)
        for child in element:
            tag = child.tag
            if tag not in known:
                tag = CASE_VARIANTS.get(tag, tag)
            if tag == several:
                many.append(child)
            elif tag not in known:
                if owner_tags and child.tag in owner_tags:
                    self._lost(child, f"<{child.tag}> inside <{element.tag}> is not kept")
                else:
                    extras.append(self._xml_text(child))
            elif tag in single:
                self._duplicate(child)
            else:
                single[tag] = child
            stray = stray or ((tail := child.tail) and tail.strip(BLANK))
        if stray:
            self._note_stray_text(element)
        return single, many

    def _xml_text(self, element: _Element) -> str:
        if len(element) and not self._keeps_layout:
            raise LayoutMatters
        return etree.tostring(element, encoding="unicode", with_tail=False)

    # findings

    def _duplicate(self, element: _Element) -> None:
        self._fault(
            "field-invalid", f"<{element.tag}> is given more than once", element, element.tag,
            _value(element) or None, "one value",
        )  # fmt: skip

    def _invalid(self, element: _Element, text: str, expected: str, severity: Severity = "error") -> None:
        message = "the value cannot be used"
        self._fault("field-invalid", message, element, element.tag, text, expected, severity)

    def _lost(self, element: _Element, message: str) -> None:
        self._fault("unknown-tag", message, element, severity="info")

    def _note_attributes(self, element: _Element) -> None:
        if not self._has_attributes:
            return
        for name in element.attrib:
            self._lost(element, f"the attribute {name!r} of <{element.tag}> is not kept")

    def _note_stray_text(self, element: _Element) -> None:
        if _value(element) or any(child.tail and child.tail.strip(BLANK) for child in element):
            self._lost(element, f"text between the tags inside <{element.tag}> is not kept")

    def _fault(
        self,
        rule: str,
        message: str,
        element: _Element,
        field: str | None = None,
        found: object = None,
        expected: str | None = None,
        severity: Severity = "error",
    ) -> None:
        line = self._line(element)
        error = ParseError(message, line=line, field=field, found=found, expected=expected)
        self.faults.append(Fault(rule, severity, error, self._index))

    def _line(self, element: _Element) -> int:
        line: Any = element.sourceline
        return int(line or 0) + self._lines_cut


def _value(element: _Element) -> str:
    return (element.text or "").strip(BLANK)


def _is_empty(element: _Element) -> bool:
    return len(element) == 0 and not _value(element)


def _attributes(element: _Element) -> tuple[tuple[str, str], ...]:
    attributes = element.attrib
    return tuple((str(name), str(value)) for name, value in attributes.items()) if attributes else ()


def _pairs(values: list[float]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=True))


def _labelme_size(root: _Element) -> Size | None:
    """LabelMe's `<imagesize>` (nrows, ncols), which stays in the extras as well."""
    element = root.find("imagesize")
    if element is None:
        return None
    texts = {child.tag: _value(child) for child in element}
    if not all(_WHOLE_NUMBER.fullmatch(texts.get(tag, "")) for tag in ("ncols", "nrows")):
        return None
    return Size(int(texts["ncols"].partition(".")[0]), int(texts["nrows"].partition(".")[0]))
