"""The Example of an image whose annotation and header have been brought together."""

from __future__ import annotations

import dataclasses
import hashlib
import posixpath

from annotools.conversion.options import Options
from annotools.conversion.orientation import Frame
from annotools.conversion.plan import Entry
from annotools.records import Annotation, Edges, Example, maker, outside
from annotools.repair.repairs import real_name
from annotools.sources.source import Pair
from annotools.validation.rules.image import EXTENSIONS

_example = maker(Example)


def make_example(
    entry: Entry, annotation: Annotation, frame: Frame, encoded: bytes, options: Options
) -> Example:
    """What is written of an image: labels, boxes inside of it, and `encoded` or nothing as its pixels."""
    pair = entry.pair
    filename = _filename(pair, annotation, options)
    width, height = frame.out_size
    image = annotation.image
    ids = options.classes.ids
    objects = annotation.objects
    boxes = [
        (box.xmin, box.ymin, box.xmax, box.ymax) for box in [o.bndbox for o in objects] if box is not None
    ]
    if len(boxes) < len(objects):
        objects = tuple(o for o in objects if o.bndbox is not None)
    for place in outside(boxes, width, height):
        boxes[place] = _clipped(boxes[place], width, height)
    return _example(
        id=pair.id,
        filename=filename,
        source_id=str(entry.number) if options.source_id == "numeric" else filename,
        width=width,
        height=height,
        format="" if image is None else image.format,
        channels=(annotation.size and annotation.size.depth) or 3 if image is None else image.channels,
        encoded=encoded,
        sha256=hashlib.sha256(encoded).hexdigest() if encoded else "",
        boxes=tuple(boxes),
        labels=tuple([ids.get(o.name) or options.classes.id(o.name) for o in objects]),
        names=tuple([o.name for o in objects]),
        poses=tuple([o.pose or "" for o in objects]),
        truncated=tuple([1 if o.truncated else 0 for o in objects]),
        difficult=tuple([1 if o.difficult else 0 for o in objects]),
        occluded=tuple([1 if o.occluded else 0 for o in objects]),
    )


def named_as_encoded(example: Example) -> Example:
    """With the extension of the format in which the image is encoded now."""
    name = posixpath.splitext(example.filename)[0] + EXTENSIONS[example.format][0]
    source_id = name if example.source_id == example.filename else example.source_id
    return dataclasses.replace(example, filename=name, source_id=source_id)


def _clipped(box: Edges, width: int, height: int) -> Edges:
    """The box without the float noise, below a thousandth of a pixel, that the rules let pass at the edges.

    TFDS and TensorFlow's own crop ops refuse a whole data set for a coordinate of 1.0000001.
    """
    xmin, ymin, xmax, ymax = box
    return max(xmin, 0.0), max(ymin, 0.0), min(xmax, width), min(ymax, height)


def _filename(pair: Pair, annotation: Annotation, options: Options) -> str:
    """The image's own name; with its folder where the name alone would not be unique."""
    if pair.image is None or annotation.image is None:
        return annotation.filename or f"{pair.id}.jpg"
    name = pair.image.rpartition("/")[2]
    if "/" in pair.id:
        name = f"{pair.id}{posixpath.splitext(name)[1]}"
    if "extension-from-content" in options.fixes:
        name = real_name(name, annotation.image)
    # a tf.Example holds UTF-8: the bytes of a name that is none become escapes, as in the image id
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()
