"""Repairs written into an XML file: only the repaired values change, every other byte stays."""

from __future__ import annotations

from annotools.formats.xml.editor import Node, XmlFile
from annotools.records import Annotation, Box, Size, number
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
        if name is not None and strip and name.text != name.text.strip() and old.name:
            message = f"{name.text!r} is now {new.name!r}"
            if old.name == old.name.strip():  # else it is among the repairs of the record
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
    if after.size != before.size and after.size is not None:
        _set_size(file, after.size)
    filename = file.root.find("filename")
    if filename is not None and after.filename is not None and after.filename != before.filename:
        file.set_text(filename, after.filename)
    return file.to_bytes(), stripped


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
