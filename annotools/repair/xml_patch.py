"""Repairs written into an XML file: only the repaired values change, every other byte stays."""

from __future__ import annotations

import contextlib

from annotools.classes.spelling import cleaned
from annotools.formats.xml.editor import Node, XmlFile
from annotools.records import Annotation, Box, Object, Point, Polygon, RotatedBox, Size, number
from annotools.repair.fixes import Repair
from annotools.repair.repairs import Repaired


def patch(
    data: bytes, before: Annotation, repaired: Repaired, *, strip: bool = False
) -> tuple[bytes, list[Repair]]:
    """(the XML file with the repairs in it, the repairs of blanks around class names).

    `before` is the record of `data`. Those blanks are not in the records, only in the file. Raises
    ParseError when the file's encoding cannot be written back to the byte.
    """
    after = repaired.annotation
    if not repaired.repairs and not strip:
        return data, []
    file = XmlFile(data)
    stripped = []
    nodes = file.objects()
    position = dict(zip(repaired.kept, after.objects, strict=True))
    for index, (node, old) in enumerate(zip(nodes, before.objects, strict=True)):
        new = position.get(index)
        if new is None:
            file.remove(node)
            continue
        name = node.find("name")
        if name is not None and strip and name.text != cleaned(name.text) and old.name:
            message = f"{name.text!a} is now {new.name!r}"
            if old.name == cleaned(old.name):  # else it is among the repairs of the record
                stripped.append(Repair("strip-class-names", message, before.xml_path, name.line, index))
            file.set_whole_text(name, new.name)
        elif name is not None and new.name != old.name:
            file.set_text(name, new.name)
        box = node.find("bndbox")
        if box is None and new.bndbox is not None:
            sides = zip(("xmin", "ymin", "xmax", "ymax"), new.bndbox.as_tuple(), strict=True)
            lines = [(1, f"<{tag}>{number(value)}</{tag}>") for tag, value in sides]
            file.append(node, [(0, "<bndbox>"), *lines, (0, "</bndbox>")])
        if box is not None and old.bndbox is not None and new.bndbox is not None and new.bndbox != old.bndbox:
            _set_box(file, box, old.bndbox, new.bndbox)
        if any(getattr(old, shape) != getattr(new, shape) for shape in _SHAPES):
            _set_shapes(file, node, old, new)
    if after.size != before.size and after.size is not None:
        _set_size(file, after.size)
    filename = file.root.find("filename")
    if filename is not None and after.filename is not None and after.filename != before.filename:
        file.set_text(filename, after.filename)
    return file.to_bytes(), stripped


_SHAPES = ("parts", "point", "polygon", "rotated")


def _set_shapes(file: XmlFile, node: Node, old: Object, new: Object) -> None:
    """What else of an object is measured in pixels, after all of it has been multiplied."""
    for part, was, now in zip(node.all("part"), old.parts, new.parts, strict=True):
        box = part.find("bndbox")
        if box is not None and was.bndbox is not None and now.bndbox is not None:
            _set_box(file, box, was.bndbox, now.bndbox)
    for tag, before, after in (
        ("point", old.point, new.point),
        ("polygon", old.polygon, new.polygon),
        ("robndbox", old.rotated, new.rotated),
    ):
        if (shape := node.find(tag)) is not None and before != after:
            _set_numbers(file, shape, _numbers(before), _numbers(after))


def _numbers(shape: Point | Polygon | RotatedBox | None) -> list[tuple[str, float]]:
    """The coordinates of a shape in order, each with its axis."""
    if isinstance(shape, Polygon):
        return [one for point in shape.points for one in (("x", point.x), ("y", point.y))]
    if isinstance(shape, RotatedBox):
        return [("x", shape.cx), ("y", shape.cy), ("x", shape.w), ("y", shape.h)]
    return [] if shape is None else [("x", shape.x), ("y", shape.y)]


def _set_numbers(
    file: XmlFile, node: Node, old: list[tuple[str, float]], new: list[tuple[str, float]]
) -> None:
    """Replace each number below `node` that is one of `old` by that of `new`."""
    if not node.children and node.tag != "angle":
        with contextlib.suppress(ValueError):  # text that is no number, or a number that is none of these
            place = old.index(
                ("y" if node.tag in ("cy", "h") or node.tag[0] == "y" else "x", float(node.text))
            )
            if new[place] != old[place]:
                file.set_text(node, number(new[place][1]))
    for child in node.children:
        _set_numbers(file, child, old, new)


def _set_box(file: XmlFile, node: Node, old: Box, new: Box) -> None:
    for low, high in (("xmin", "xmax"), ("ymin", "ymax")):
        before, after = ((getattr(box, low), getattr(box, high)) for box in (old, new))
        first, second = node.find(low), node.find(high)
        if before == after or first is None or second is None:
            continue
        if before == after[::-1]:
            file.swap_text(first, second)
            continue
        for child, value, was in ((first, after[0], before[0]), (second, after[1], before[1])):
            if value != was:
                file.set_text(child, number(value))


def _set_size(file: XmlFile, size: Size) -> None:
    node = file.root.find("size")
    values = {"width": size.width, "height": size.height, "depth": size.depth}
    if node is None:
        lines = [(0, "<size>")]
        lines += [(1, f"<{tag}>{value}</{tag}>") for tag, value in values.items() if value is not None]
        lines.append((0, "</size>"))
        anchor = next((file.root.find(tag) for tag in ("segmented", "object") if file.root.find(tag)), None)
        if anchor is not None:
            file.insert_before(anchor, lines)
        else:
            file.append(file.root, lines)
        return
    missing = []
    for tag in ("width", "height"):
        child = node.find(tag)
        if child is None:
            missing.append((0, f"<{tag}>{values[tag]}</{tag}>"))
        elif child.text.strip() != str(values[tag]):
            file.set_text(child, str(values[tag]))
    if not missing:
        return
    if node.children:
        file.insert_before(node.children[0], missing)
    else:
        file.append(node, missing)
