"""In which frame boxes and pixels are written: as the file stores them, or upright as EXIF asks.

Boxes are in one of the two frames as well, and `<size>` usually tells which. Whatever is chosen, both come
out in the same one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from annotools.conversion.options import Options
from annotools.images import turn_boxes
from annotools.issues import Issue, Severity
from annotools.records import Annotation, Box, Image, Object, Point, Polygon, Size


@dataclass(slots=True)
class Frame:
    """The frames of boxes and pixels: as the file stores them, or upright as EXIF asks."""

    box_size: tuple[int, int]  # of the frame in which the boxes are written in the XML
    out_size: tuple[int, int]  # of the frame in which pixels and boxes are written
    turn_pixels: bool = False
    turn_boxes: Callable[[Box, Image], Box] | None = None
    issues: tuple[Issue, ...] = ()


def choose_frame(annotation: Annotation, options: Options) -> Frame:
    """The frames for one image. Where `<size>` does not tell in which one the boxes are, they are taken as
    upright, and a warning says so.
    """
    image = annotation.image
    if image is None:
        size = annotation.size or Size()
        claimed = (size.width or 0, size.height or 0)
        return Frame(claimed, claimed)
    stored = (image.width, image.height)
    if image.orientation == 1:
        return Frame(stored, stored)
    upright = image.upright_size
    drawn_on = turn_boxes.frame_of(annotation.size, image)
    boxes_upright = drawn_on != "stored"
    told = {
        "stored": "<size> says that the boxes are in the stored frame",
        "upright": "<size> says that the boxes are in the upright frame",
    }.get(drawn_on, "<size> does not tell the frame of the boxes: taken as upright, as viewers show it")
    if options.exif == "upright":
        done = "pixels and boxes are written upright"
        if not options.stores_pixels:
            done = "boxes are written upright: load the image with its EXIF orientation applied"
    else:
        done = "pixels and boxes are written as stored"
    certain = drawn_on in ("stored", "upright") and options.stores_pixels
    severity: Severity = "info" if certain else "warning"
    message = f"EXIF orientation {image.orientation}; {told}; {done}"
    issue = Issue("exif-orientation", severity, message, annotation.image_path)
    box_size = upright if boxes_upright else stored
    if options.exif == "upright":
        turn = None if boxes_upright else turn_boxes.to_upright
        return Frame(box_size, upright, True, turn, (issue,))
    turn = turn_boxes.to_stored if boxes_upright else None
    return Frame(box_size, stored, False, turn, (issue,))


def box_mapping(frame: Frame, image: Image | None, *, one_based: bool) -> Callable[[Box], Box] | None:
    """From the numbers of the file to edges in the output frame; None when they are the same."""
    turn = frame.turn_boxes

    def move(box: Box) -> Box:
        if one_based:
            box = Box(box.xmin - 1, box.ymin - 1, box.xmax, box.ymax)
        return turn(box, image) if turn is not None and image is not None else box

    return move if one_based or turn is not None else None


def moved(obj: Object, move: Callable[[Box], Box], *, one_based: bool) -> Object:
    """The object with boxes, parts, point and polygon moved alike; `<robndbox>` keeps the file's numbers."""

    def move_point(point: Point) -> Point:
        # the centre of pixel x, counted from 1, lies at x - 0.5 in edge coordinates
        x, y = (point.x + 0.5, point.y + 0.5) if one_based else (point.x, point.y)
        box = move(Box(x, y, x - one_based, y - one_based))
        return Point(box.xmin, box.ymin)

    def move_polygon(polygon: Polygon) -> Polygon:
        return Polygon(tuple(map(move_point, polygon.points)), polygon.extras)

    return dataclasses.replace(
        obj,
        bndbox=None if obj.bndbox is None else move(obj.bndbox),
        parts=tuple(
            p if p.bndbox is None else dataclasses.replace(p, bndbox=move(p.bndbox)) for p in obj.parts
        ),
        point=None if obj.point is None else move_point(obj.point),
        polygon=None if obj.polygon is None else move_polygon(obj.polygon),
        rotated=move_polygon(obj.rotated) if isinstance(obj.rotated, Polygon) else obj.rotated,
    )
