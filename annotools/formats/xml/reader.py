"""The elements of a VOC file to records, whatever tool wrote it.

What VOC does not define is kept as XML text in the nearest `extras`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from annotools.formats.xml.document import BLANK, DocumentError
from annotools.formats.xml.fields import (
    FLAG_EXPECTED,
    WHOLE_NUMBER,
    Element,
    FieldReader,
    is_empty,
    text_of,
    xml_text,
)
from annotools.records import Annotation, Box, Object, Part, Point, Polygon, RotatedBox, Size, Source

ANNOTATION_TAGS = frozenset({"folder", "filename", "path", "source", "size", "segmented", "object"})
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

POLYGON_TAG = re.compile(r"([xy])([0-9]{1,6})")


class Reader(FieldReader):
    """Reads one document; what is wrong with it is in `faults` afterwards."""

    def annotation(self, root: Element) -> Annotation:
        if root.tag != "annotation":
            raise DocumentError(
                "wrong-root",
                "this is not a VOC annotation of one image",
                line=self.line(root),
                field="root",
                found=f"<{root.tag}>",
                expected="<annotation>",
            )
        extras: list[str] = []
        tags, several = self.children(root, ANNOTATION_TAGS, extras, several="object")
        size = self._size(tags.get("size"), extras)
        if size is None:
            size = _labelme_size(root)
        return Annotation(
            filename=self.text(tags.get("filename")),
            folder=self.text(tags.get("folder")),
            path=self.text(tags.get("path")),
            source=self._source(tags.get("source")),
            size=size,
            segmented=self.flag(tags.get("segmented"), severity="warning"),
            objects=self._objects(several),
            xml_attributes=_attributes(root),
            extras=tuple(extras),
            xml_path=self.path,
        )

    def _objects(self, elements: Iterable[Element]) -> tuple[Object, ...]:
        objects = []
        for index, element in enumerate(elements):
            self.index = index
            objects.append(self._object(element))
        self.index = None
        return tuple(objects)

    def _object(self, element: Element) -> Object:
        extras: list[str] = []
        tags, parts = self.children(element, OBJECT_TAGS, extras, several="part")
        name = self._name(tags, element, "object")
        before = len(self.faults)
        bndbox = self._box(tags.get("bndbox"), OBJECT_TAGS, extras)
        polygon = self._polygon(tags.get("polygon"))
        rotated = self._rotated(tags.get("robndbox"), extras)
        point = self._point(tags.get("point"), extras)
        has_shape = bndbox or rotated or point or (polygon and polygon.points)
        if not has_shape and not self.errors_since(before):
            self.fault("box-missing", "the object has no box and no other shape", element, "bndbox")
        return Object(
            name=name,
            bndbox=bndbox,
            pose=self.text(tags.get("pose")),
            truncated=self.flag(tags.get("truncated")),
            difficult=self.flag(tags.get("difficult")),
            occluded=self.flag(tags.get("occluded")),
            parts=tuple(self._part(part) for part in parts),
            actions=self._actions(tags.get("actions")),
            point=point,
            attributes=self._attribute_pairs(tags.get("attributes"), extras),
            polygon=polygon,
            rotated=rotated,
            xml_attributes=_attributes(element) if self.has_attributes else (),
            extras=tuple(extras),
            line=self.line(element),
            bndbox_line=self.line(tags["bndbox"]) if "bndbox" in tags else None,
        )

    def _part(self, element: Element) -> Part:
        extras: list[str] = []
        tags, _ = self.children(element, PART_TAGS, extras)
        self.note_attributes(element)
        return Part(
            name=self._name(tags, element, "part"),
            bndbox=self._box(tags.get("bndbox"), PART_TAGS, extras),
            extras=tuple(extras),
        )

    def _source(self, element: Element | None) -> Source | None:
        if element is None:
            return None
        extras: list[str] = []
        tags, _ = self.children(element, SOURCE_TAGS, extras)
        self.note_attributes(element)
        return Source(
            database=self.text(tags.get("database")),
            annotation=self.text(tags.get("annotation")),
            image=self.text(tags.get("image")),
            extras=tuple(extras),
        )

    def _size(self, element: Element | None, extras: list[str]) -> Size | None:
        if element is None:
            return None
        tags, _ = self.children(element, SIZE_TAGS, extras, owner_tags=ANNOTATION_TAGS)
        self.note_attributes(element)
        return Size(
            width=self.whole_number(tags.get("width")),
            height=self.whole_number(tags.get("height")),
            depth=self.whole_number(tags.get("depth"), severity="warning"),  # nothing is computed from it
        )

    def _box(self, element: Element | None, owner_tags: frozenset[str], extras: list[str]) -> Box | None:
        values = self.numbers(element, BOX_TAGS, owner_tags, extras)
        return Box(*values) if values else None

    def _point(self, element: Element | None, extras: list[str]) -> Point | None:
        if element is None or is_empty(element):
            return None
        values = self.numbers(element, ("x", "y"), OBJECT_TAGS, extras)
        return Point(*values) if values else None

    def _rotated(self, element: Element | None, extras: list[str]) -> RotatedBox | Polygon | None:
        if element is None or is_empty(element):
            return None
        if any(child.tag in CORNER_TAGS for child in element):
            inner: list[str] = []
            values = self.numbers(element, CORNER_TAGS, frozenset(), inner)
            return Polygon(_pairs(values), tuple(inner)) if values else None
        values = self.numbers(element, ROTATED_TAGS, OBJECT_TAGS, extras)
        return RotatedBox(*values) if values else None

    def _polygon(self, element: Element | None) -> Polygon | None:
        if element is None or is_empty(element):
            return None
        self.note_attributes(element)
        self.note_stray_text(element)
        points: list[Point] = []
        numbered: dict[int, dict[str, Element]] = {}
        extras: list[str] = []
        before = len(self.faults)
        for child in element:
            name = POLYGON_TAG.fullmatch(child.tag)
            if child.tag == "pt":
                values = self.numbers(child, ("x", "y"), frozenset(), extras)
                points += [Point(*values)] if values else []
            elif name and name[1] not in numbered.setdefault(int(name[2]), {}):
                numbered[int(name[2])][name[1]] = child
            elif name:
                self.duplicate(child)
            else:
                extras.append(xml_text(child))
        for number in sorted(numbered):
            x, y = (self.coordinate(numbered[number].get(axis), element, f"{axis}{number}") for axis in "xy")
            if x is not None and y is not None:
                points.append(Point(x, y))
        if self.errors_since(before) or not (points or extras):
            return None
        while len(points) > 1 and points[-1] == points[0]:
            points.pop()
        return Polygon(tuple(points), tuple(extras))

    def _actions(self, element: Element | None) -> tuple[tuple[str, bool], ...]:
        if element is None:
            return ()
        self.note_attributes(element)
        self.note_stray_text(element)
        actions = []
        for child in element:
            before = len(self.faults)
            value = self.flag(child)
            if value is not None:
                actions.append((child.tag, value))
            elif not self.errors_since(before):
                self.fault("field-invalid", "the action has no value", child, child.tag, "", FLAG_EXPECTED)
        return tuple(actions)

    def _attribute_pairs(self, element: Element | None, extras: list[str]) -> tuple[tuple[str, str], ...]:
        """CVAT's `<attributes>`. LabelMe has free text under the same tag, which is kept as it stands."""
        if element is None or is_empty(element):
            return ()
        if not _is_cvat_attributes(element):
            extras.append(xml_text(element))
            return ()
        pairs = []
        for child in element:
            texts = {part.tag: text_of(part) for part in child}
            pairs.append((texts["name"], texts["value"]))
        return tuple(pairs)

    def _name(self, tags: dict[str, Element], parent: Element, owner: str) -> str:
        name = self.text(tags.get("name"))
        if not name:
            what = "is missing" if name is None else "is empty"
            self.fault(
                "missing-field", f"the name of the {owner} {what}", tags.get("name", parent), "name",
                name, "a class name",
            )  # fmt: skip
        return name or ""


def _is_cvat_attributes(element: Element) -> bool:
    """`<attribute><name/><value/></attribute>`, any number of times, and nothing besides."""
    inner = [part for child in element for part in child]
    parents = [element, *element]
    return (
        all(child.tag == "attribute" for child in element)
        and all(sorted(part.tag for part in child) == ["name", "value"] for child in element)
        and not any(len(part) for part in inner)
        and not any(text_of(parent) for parent in parents)
        and not any(each.attrib for each in (*parents, *inner))
        and not any((each.tail or "").strip(BLANK) for each in (*element, *inner))
    )


def _attributes(element: Element) -> tuple[tuple[str, str], ...]:
    attributes = element.attrib
    return tuple((str(name), str(value)) for name, value in attributes.items()) if attributes else ()


def _pairs(values: list[float]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=True))


def _labelme_size(root: Element) -> Size | None:
    """LabelMe's `<imagesize>` (nrows, ncols), which stays in the extras as well."""
    element = root.find("imagesize")
    if element is None:
        return None
    texts = {child.tag: text_of(child) for child in element}
    if not all(WHOLE_NUMBER.fullmatch(texts.get(tag, "")) for tag in ("ncols", "nrows")):
        return None
    return Size(int(texts["ncols"].partition(".")[0]), int(texts["nrows"].partition(".")[0]))
