"""The boxes of an image that was resized after it was labelled: `--fix scale-boxes`."""

from __future__ import annotations

import dataclasses

from annotools.records import Annotation, Box, Image, Object, Point, Polygon, RotatedBox, Size, number
from annotools.repair.fixes import Repair
from annotools.validation.rules.image import is_resized, labelled_frame, verdict_on

Factors = tuple[float, float]
"""By what x and y are multiplied."""


def scale_boxes(
    annotation: Annotation, image: Image, *, one_based: bool = False
) -> tuple[Annotation, Repair | None]:
    """The annotation with everything that is measured in pixels multiplied by image / `<size>`, and `<size>`
    that of the image; as it is, and None, unless the image was resized after it was labelled."""
    size = annotation.size
    if size is None or not size.width or not size.height or not is_resized(verdict_on(annotation, image)):
        return annotation, None
    width, height = labelled_frame((size.width, size.height), image)
    factors = width / size.width, height / size.height
    origin = 1 if one_based else 0
    scaled = dataclasses.replace(
        annotation,
        size=Size(width, height, size.depth),
        objects=tuple(scaled_object(obj, factors, origin) for obj in annotation.objects),
    )
    shown = " and ".join(dict.fromkeys(map(number, factors)))
    message = f"boxes are multiplied by {shown}: <size> {size.width}x{size.height} is now {width}x{height}"
    return scaled, Repair("scale-boxes", message, annotation.xml_path)


def scaled_object(obj: Object, factors: Factors, origin: int) -> Object:
    """The object with its box, parts, point, polygon and rotated box multiplied.

    origin   1 where xmin and ymin count pixels from 1: the edges of the box are multiplied, and points are
             centres of pixels, half a pixel from the edges
    """
    x, y = factors

    def box(old: Box | None) -> Box | None:
        if old is None:
            return None
        return Box(
            (old.xmin - origin) * x + origin, (old.ymin - origin) * y + origin, old.xmax * x, old.ymax * y
        )

    def point(old: Point) -> Point:
        half = origin / 2
        return Point((old.x - half) * x + half, (old.y - half) * y + half)

    def polygon(old: Polygon) -> Polygon:
        return Polygon(tuple(map(point, old.points)), old.extras)

    rotated = obj.rotated
    if isinstance(rotated, RotatedBox):
        rotated = RotatedBox(rotated.cx * x, rotated.cy * y, rotated.w * x, rotated.h * y, rotated.angle)
    elif rotated is not None:
        rotated = polygon(rotated)
    return dataclasses.replace(
        obj,
        bndbox=box(obj.bndbox),
        parts=tuple(dataclasses.replace(part, bndbox=box(part.bndbox)) for part in obj.parts),
        point=None if obj.point is None else point(obj.point),
        polygon=None if obj.polygon is None else polygon(obj.polygon),
        rotated=rotated,
    )
