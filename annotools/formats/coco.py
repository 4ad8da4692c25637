"""COCO's JSON for object detection: `annotations/instances_<split>.json`, an image or an object a line.

https://cocodataset.org/#format-data , as pycocotools, torchvision, Detectron2 and MMDetection read it:

    bbox          [xmin, ymin, width, height] in pixels, from the numbers of the source; area: width * height
    category_id   the id of the label map; image and annotation ids count from 1 in each file, image ids
                  through all files with `--source-id numeric`
    segmentation  [], for readers that ask for it
    iscrowd       0: a difficult object is no crowd, whose overlap pycocotools measures in another way
    ignore        1 for a difficult object; pycocotools overwrites it (cocoapi#123), others honour it
    difficult, truncated, occluded, pose   as in the source; readers pass over fields that COCO has not

The text is ASCII, because readers open the file in the encoding of their machine.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from annotools.classes.class_map import ClassMap
from annotools.errors import ParseError, SourceError
from annotools.files.whole import whole_file
from annotools.formats.entry import Entry, Finding
from annotools.issues import DataError
from annotools.records import Edges, Example

_INFO: Final = {"description": "Pascal VOC annotations, converted by annotools.", "version": "1.0"}
_FLAGS: Final = ("difficult", "truncated", "occluded")
_CHUNK: Final = 1 << 20


def shard_name(split: str, index: int, count: int) -> str:
    """`annotations/instances_train.json`: a split is one file."""
    return f"annotations/instances_{split}.json"


def write(examples: Iterable[Example], path: str | os.PathLike[str], *, classes: ClassMap) -> int:
    """Write examples as they come, and return how many. Memory holds their names only.

    Raises DataError for two images of one name or id, OutputError; then there is no file.
    """
    names: set[str] = set()
    ids: set[int] = set()
    objects = 0
    categories = [{"id": id, "name": name, "supercategory": ""} for name, id in classes.ids.items()]
    # images and objects come together, but their lists stand one after the other
    with whole_file(path) as file, tempfile.TemporaryFile() as annotations:
        file.write(f'{{\n"info": {_line(_INFO)},\n"licenses": [],\n"categories": ['.encode())
        file.write(b",".join(_line_of(one) for one in categories) + b'\n],\n"images": [')
        for example in examples:
            numbered = example.source_id != example.filename
            image_id = int(example.source_id) if numbered else len(ids) + 1
            if example.filename in names or image_id in ids:
                raise DataError("two images have the same file name or id", path=example.filename)
            file.write((b"," if ids else b"") + _line_of(_image(example, image_id)))
            names.add(example.filename)
            ids.add(image_id)
            for annotation in _annotations(example):
                objects += 1
                line = _line_of({"id": objects, "image_id": image_id, **annotation})
                annotations.write((b"," if objects > 1 else b"") + line)
        file.write(b'\n],\n"annotations": [')
        annotations.seek(0)
        while chunk := annotations.read(_CHUNK):
            file.write(chunk)
        file.write(b"\n]\n}\n")
    return len(ids)


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _line_of(value: Any) -> bytes:
    return f"\n{_line(value)}".encode()


def _image(example: Example, image_id: int) -> dict[str, Any]:
    size = {"width": example.width, "height": example.height}
    return {"id": image_id, "file_name": example.filename, **size}


def _annotations(example: Example) -> Iterator[dict[str, Any]]:
    """What is said of each object, but for its numbers."""
    for place, ((xmin, ymin, xmax, ymax), label) in enumerate(
        zip(example.boxes, example.labels, strict=True)
    ):
        width, height = xmax - xmin, ymax - ymin
        flags = {name: getattr(example, name)[place] for name in _FLAGS}
        pose = {"pose": example.poses[place]} if example.poses[place] else {}
        yield {
            "category_id": label,
            "bbox": [_number(value) for value in (xmin, ymin, width, height)],
            "area": _number(width * height),
            "segmentation": [],
            "iscrowd": 0,
            "ignore": flags["difficult"],
            **flags,
            **pose,
        }


def _number(value: float) -> float:
    """12 for 12.0, which is shorter and says the same."""
    return int(value) if value.is_integer() else value


def beside(path: str | os.PathLike[str]) -> Iterator[str]:
    """No other file belongs to it."""
    return iter(())


def stored_classes(path: str | os.PathLike[str]) -> dict[str, int]:
    """The ids by class. ParseError, SourceError."""
    return {name: id for id, name in _names(_load(path), os.fspath(path)).items()}


def entries(path: str | os.PathLike[str], classes: Mapping[str, int], *, upright: bool) -> Iterator[Entry]:
    """The images of a file for `verify`. ParseError where it is not as `write` leaves it; SourceError."""
    where = os.fspath(path)
    content = _load(path)
    names = _names(content, where)
    objects: dict[int, list[dict[str, Any]]] = {}
    seen: set[int] = set()
    for place, one in enumerate(content["annotations"]):
        at = f"annotations/{place}"
        id, image_id, _ = (_get(one, key, int, where, at) for key in ("id", "image_id", "category_id"))
        if id in seen:
            raise ParseError("two objects have this id", path=where, field=at, found=id)
        seen.add(id)
        objects.setdefault(image_id, []).append(one)
    for place, image in enumerate(content["images"]):
        at = f"images/{place}"
        size = _get(image, "width", int, where, at), _get(image, "height", int, where, at)
        key, id = _get(image, "file_name", str, where, at), _get(image, "id", int, where, at)
        yield _entry(key, size, objects.pop(id, []), names, where)
    if objects:
        found = next(iter(objects))
        message = "objects of an image that is not there, or is there twice"
        raise ParseError(message, path=where, field="image_id", found=found)


def entry_of(example: Example, classes: Mapping[str, int], *, upright: bool) -> Entry:
    """The same for one image that has yet to be written."""
    names = {id: name for name, id in classes.items()}
    return _entry(
        example.filename,
        (example.width, example.height),
        list(_annotations(example)),
        names,
        example.filename,
    )


def _entry(
    key: str, size: tuple[int, int], objects: Sequence[dict[str, Any]], names: Mapping[int, str], path: str
) -> Entry:
    boxes = [_edges(one, path, key) for one in objects]
    return Entry(
        key,
        partial(_said, size, objects, names),
        boxes=boxes,
        size=size,
        names=[names.get(one["category_id"], "") for one in objects],
        field=key,
        findings=[finding for place, one in enumerate(objects) for finding in _findings(place, one, key)],
    )


def _said(
    size: tuple[int, int], objects: Sequence[dict[str, Any]], names: Mapping[int, str]
) -> dict[str, Any]:
    """All but the numbers that the file gives images and objects, by their order."""
    own = ("id", "image_id", "category_id")
    return {
        "size": list(size),
        "objects": [
            {"name": names.get(one["category_id"])}
            | {key: value for key, value in one.items() if key not in own}
            for one in objects
        ],
    }


def _findings(place: int, one: Mapping[str, Any], key: str) -> Iterator[Finding]:
    _, _, width, height = one["bbox"]
    if one.get("area") != _number(float(width) * float(height)):
        message = f"object {place} has another area than its box"
        yield Finding("box", key, message, one.get("area"), width * height)
    for name in (*_FLAGS, "iscrowd", "ignore"):
        if one.get(name) not in (0, 1):
            message = f"{name} of object {place} is neither 0 nor 1"
            yield Finding("flag", key, message, one.get(name), "0 or 1")


def _edges(one: Mapping[str, Any], path: str, at: str) -> Edges:
    bbox = one.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        raise ParseError("no box", path=path, field=at, found=bbox, expected="[x, y, width, height]")
    x, y, width, height = map(float, bbox)
    return x, y, x + width, y + height


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15 and math.isfinite(value)


def _load(path: str | os.PathLike[str]) -> dict[str, Any]:
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:
            content = json.loads(file.read())
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=where) from error
    except (ValueError, RecursionError) as error:
        raise ParseError(f"not JSON: {error}", path=where) from None
    for key in ("categories", "images", "annotations"):
        _get(content, key, list, where, "")
    found: dict[str, Any] = content
    return found


def _names(content: Mapping[str, Any], where: str) -> dict[int, str]:
    return {
        _get(one, "id", int, where, f"categories/{place}"): _get(
            one, "name", str, where, f"categories/{place}"
        )
        for place, one in enumerate(content["categories"])
    }


def _get(content: Any, key: str, kind: type, path: str, at: str) -> Any:
    """A value of a JSON object. ParseError unless it is of the type."""
    value = content.get(key) if isinstance(content, dict) else None
    if type(value) is not kind:
        field = f"{at}/{key}" if at else key
        raise ParseError("not as COCO has it", path=path, field=field, found=value, expected=kind.__name__)
    return value
