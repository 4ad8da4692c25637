"""One image and its annotation, brought together: what is written of them, and what is wrong with them.

The image header decides about size and format, `<size>` is a claim to be compared with it. A fault of an
object costs that object, a fault of the image or of the whole file costs the image; what else is odd is
said as a warning and costs nothing. Nothing is repaired here.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from annotools import exif, images
from annotools.convert.options import Options
from annotools.convert.plan import Entry
from annotools.errors import AnnotoolsError, ImageError
from annotools.formats import voc
from annotools.issues import Issue, Severity
from annotools.records import Annotation, Box, Example, Image, Object, Point, Polygon, Size
from annotools.sources import Pair, Source
from annotools.validation import rules


@dataclass(slots=True)
class Outcome:
    """What became of one image. `example` is None when the image is lost; `reason` then says by which rule.

    annotation   with faulty objects gone and boxes in the frame and origin that the output uses
    found        objects in the file
    lost         for each object that was lost, the rule
    """

    issues: list[Issue] = field(default_factory=list)
    annotation: Annotation | None = None
    example: Example | None = None
    reason: str | None = None
    found: int = 0
    lost: list[str] = field(default_factory=list)

    def lose_image(self, issue: Issue | None, reason: str) -> Outcome:
        """The image and every object of it is lost for `reason`."""
        if issue is not None:
            self.issues.append(issue)
        self.annotation, self.example, self.reason = None, None, reason
        self.lost = [reason] * self.found
        return self


def reconcile(entry: Entry, source: Source, options: Options) -> Outcome:
    """Read one image and its annotation, and decide what can be written. No fault of the data raises."""
    pair = entry.pair
    outcome = Outcome()
    if pair.xml is None:
        return outcome.lose_image(None, "annotation-missing")  # the source has reported it with its path
    xml_path = source.display(pair.xml)
    try:
        data = source.read_bytes(pair.xml)
    except AnnotoolsError as error:
        return outcome.lose_image(_file_issue("unparsable", error, xml_path), "unparsable")
    annotation, outcome.issues = voc.inspect(data, xml_path)
    if annotation is None:
        return outcome.lose_image(None, _first_error(outcome.issues))
    outcome.found = len(annotation.objects)
    outcome.issues += rules.filename_issues(annotation, pair, source)

    image, encoded = None, b""
    if pair.image is not None:
        image_path = source.display(pair.image)
        try:
            if options.stores_pixels:
                encoded = source.read_bytes(pair.image)
                image = images.read_header(encoded, image_path)
            else:
                image = source.read_header(pair.image)
        except AnnotoolsError as error:
            return outcome.lose_image(_file_issue("image-unreadable", error, image_path), "image-unreadable")
        if encoded and images.is_truncated(encoded, image):
            issue = Issue(
                "image-truncated",
                "error",
                f"the {image.format} data stops before its end marker: found {len(encoded)} bytes",
                image_path,
            )
            return outcome.lose_image(issue, "image-truncated")
        annotation = dataclasses.replace(
            annotation, image_path=image_path, image=image, split=entry.pair.split
        )
        if image.orientation == 1 or exif.frame_of(annotation.size, image) != "upright":
            outcome.issues += rules.size_issues(annotation, image)
        outcome.issues += rules.format_issues(annotation, image)
    else:
        annotation = dataclasses.replace(annotation, split=entry.pair.split)
        blocking = options.stores_pixels or annotation.size is None or not annotation.size.width
        issue = rules.image_missing_issue(annotation, blocking=blocking)
        if blocking:
            return outcome.lose_image(issue, "image-missing")
        outcome.issues.append(issue)

    frame = _frame(annotation, image, options)
    if isinstance(frame, Issue):
        return outcome.lose_image(frame, frame.rule)
    outcome.issues += frame.issues
    if frame.image is not None and encoded and frame.turn_pixels:
        try:
            encoded, _ = exif.upright(encoded, frame.image, annotation.image_path)
        except ImageError as error:
            return outcome.lose_image(
                _file_issue("image-unreadable", error, annotation.image_path), "image-unreadable"
            )

    one_based = options.box_origin == "one-based"
    width, height = frame.box_size
    unread = {issue.object_index for issue in outcome.issues if issue.object_index is not None}
    outcome.issues += [
        issue
        for issue in rules.box_issues(annotation, width=width, height=height, one_based=one_based)
        if issue.object_index not in unread  # what the reader could not read is not missing as well
    ]
    outcome.issues += rules.class_issues(annotation, options.classes)
    faulty = {
        issue.object_index: issue.rule
        for issue in reversed(outcome.issues)  # the first fault of an object names its loss
        if issue.severity == "error" and issue.object_index is not None
    }
    kept = annotation.objects
    if faulty:
        outcome.lost = [faulty[index] for index in sorted(faulty)]
        kept = tuple(o for index, o in enumerate(annotation.objects) if index not in faulty)
    move_box = _box_mapping(frame, one_based=one_based)
    if move_box is not None:
        kept = tuple(_moved(o, move_box, one_based=one_based) for o in kept)
    outcome.annotation = dataclasses.replace(annotation, objects=kept) if move_box or faulty else annotation
    outcome.example = _example(entry, outcome.annotation, frame, encoded, options)
    return outcome


@dataclass(slots=True)
class _Frame:
    """The frames of boxes and pixels: as the file stores them, or upright as EXIF asks."""

    image: Image | None
    box_size: tuple[int, int]  # of the frame in which the boxes are written in the XML
    out_size: tuple[int, int]  # of the frame in which pixels and boxes are written
    turn_pixels: bool = False
    turn_boxes: Callable[[Box, Image], Box] | None = None
    issues: tuple[Issue, ...] = ()


def _frame(annotation: Annotation, image: Image | None, options: Options) -> _Frame | Issue:
    if image is None:
        size = annotation.size or Size()
        claimed = (size.width or 0, size.height or 0)
        return _Frame(None, claimed, claimed)
    stored = (image.width, image.height)
    if image.orientation == 1:
        return _Frame(image, stored, stored)
    where = annotation.image_path
    if options.exif == "error":
        return Issue(
            "exif-orientation",
            "error",
            f"EXIF orientation: found {image.orientation}, expected 1 (--exif error)",
            where,
        )
    upright = image.upright_size
    drawn_on = exif.frame_of(annotation.size, image)
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
    issue = Issue(
        "exif-orientation", severity, f"EXIF orientation {image.orientation}; {told}; {done}", where
    )
    box_size = upright if boxes_upright else stored
    if options.exif == "upright":
        turn = None if boxes_upright else exif.to_upright
        return _Frame(image, box_size, upright, True, turn, (issue,))
    turn = exif.to_stored if boxes_upright else None
    return _Frame(image, box_size, stored, False, turn, (issue,))


def _box_mapping(frame: _Frame, *, one_based: bool) -> Callable[[Box], Box] | None:
    """From the numbers of the file to edges in the output frame; None when they are the same."""
    turn, image = frame.turn_boxes, frame.image

    def move(box: Box) -> Box:
        if one_based:
            box = Box(box.xmin - 1, box.ymin - 1, box.xmax, box.ymax)
        return turn(box, image) if turn is not None and image is not None else box

    return move if one_based or turn is not None else None


def _moved(obj: Object, move: Callable[[Box], Box], *, one_based: bool) -> Object:
    """The object with everything that has a position moved alike."""

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


def _example(
    entry: Entry, annotation: Annotation, frame: _Frame, encoded: bytes, options: Options
) -> Example:
    pair = entry.pair
    filename = _filename(pair, annotation)
    objects = annotation.objects
    width, height = frame.out_size
    image = frame.image
    return Example(
        id=pair.id,
        filename=filename,
        source_id=str(entry.number) if options.source_id == "numeric" else filename,
        width=width,
        height=height,
        format="" if image is None else image.format,
        channels=(annotation.size and annotation.size.depth) or 3 if image is None else image.channels,
        encoded=encoded,
        sha256=hashlib.sha256(encoded).hexdigest() if encoded else "",
        boxes=tuple([_within(b, width, height) for o in objects if (b := o.bndbox) is not None]),
        labels=tuple([options.classes.id(o.name) for o in objects]),
        names=tuple([o.name for o in objects]),
        poses=tuple([o.pose or "" for o in objects]),
        truncated=tuple([1 if o.truncated else 0 for o in objects]),
        difficult=tuple([1 if o.difficult else 0 for o in objects]),
        occluded=tuple([1 if o.occluded else 0 for o in objects]),
    )


def _within(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """The box without the float noise, below a thousandth of a pixel, that the rules let pass at the edges.

    TFDS and TensorFlow's own crop ops refuse a whole data set for a coordinate of 1.0000001.
    """
    xmin, ymin, xmax, ymax = box.xmin, box.ymin, box.xmax, box.ymax
    if xmin >= 0 and ymin >= 0 and xmax <= width and ymax <= height:
        return xmin, ymin, xmax, ymax
    return max(xmin, 0.0), max(ymin, 0.0), min(xmax, width), min(ymax, height)


def _filename(pair: Pair, annotation: Annotation) -> str:
    """The image's own name; with its folder where the name alone would not be unique."""
    if pair.image is None:
        return annotation.filename or f"{pair.id}.jpg"
    name = PurePosixPath(pair.image).name
    return name if "/" not in pair.id else f"{pair.id}{PurePosixPath(name).suffix}"


def _first_error(issues: list[Issue]) -> str:
    return next((issue.rule for issue in issues if issue.severity == "error"), "unparsable")


def _file_issue(rule: str, error: AnnotoolsError, path: str | None) -> Issue:
    """An exception about a whole file as an issue: the path moves from the text to its own field."""
    bare = type(error).__new__(type(error))
    bare.__dict__.update(error.__dict__, path=None, line=None)
    return Issue(rule, "error", str(bare), error.path or path, error.line)
