"""One `<object>` with several `<bndbox>`, all boxes of a class together: `--fix split-object`."""

from __future__ import annotations

from annotools.errors import AnnotoolsError
from annotools.formats.xml.editor import Node, XmlFile
from annotools.repair.fixes import Repair


def split_objects(data: bytes, path: str | None = None) -> tuple[bytes, list[Repair]]:
    """(the XML file with an object for each box, what was split).

    Each copy has all that the object says; with as many names as boxes, box i gets name i. A file that
    cannot be read stays as it is: whoever reads it next says why. Raises ParseError when its encoding cannot
    be written back to the byte.
    """
    file = _read(data)
    if file is None:
        return data, []
    repairs = []
    for index, node in enumerate(file.objects()):
        boxes, names = node.all("bndbox"), node.all("name")
        if len(boxes) < 2:
            continue
        columns = [boxes, names] if len(names) == len(boxes) else [boxes]
        file.repeat(node, [_all_but(place, columns) for place in range(len(boxes))])
        message = f"the object of {len(boxes)} boxes is now {len(boxes)} objects"
        repairs.append(Repair("split-object", message, path, node.line, index))
    return (file.to_bytes(), repairs) if repairs else (data, [])


def boxes_beyond_one(data: bytes) -> dict[int, int]:
    """How many boxes an object has beside its first, by the index of the object; of those that have some."""
    file = _read(data)
    counts = [] if file is None else [len(node.all("bndbox")) for node in file.objects()]
    return {index: count - 1 for index, count in enumerate(counts) if count > 1}


def _all_but(place: int, columns: list[list[Node]]) -> list[Node]:
    return [node for nodes in columns for number, node in enumerate(nodes) if number != place]


def _read(data: bytes) -> XmlFile | None:
    if data.count(b"<bndbox") <= data.count(b"<object") and b"\0" not in data and b":bndbox" not in data:
        return None  # and with parts there are more of them, which is not worth more of a search
    try:
        return XmlFile(data)
    except AnnotoolsError:
        return None
