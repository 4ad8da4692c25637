"""Repairs by name: what each `--fix` does to a record. The same for `annotools fix` and `annotools convert`.

Nothing is repaired unless its fix was asked for, and each repair is one entry in the list that comes back.
A fault that a fix cannot repair is left for the rules to report.
"""

from __future__ import annotations

import dataclasses
import math
from posixpath import splitext

from annotools.classes.spelling import cleaned
from annotools.records import TOLERANCE, Annotation, Box, Image, Object, RotatedBox, Size, number, record
from annotools.repair.fixes import Fixes, Repair
from annotools.validation.rules.image import EXTENSIONS, verdict_on

REFUSED = ("scaled", "stretched", "unrelated")
"""Verdicts on `<size>` that size-from-image does not touch."""


@record
class Repaired:
    """A record after its repairs; `kept[i]` is the index that its object i had in the original."""

    annotation: Annotation
    repairs: tuple[Repair, ...] = ()
    kept: tuple[int, ...] = ()


def repair(
    annotation: Annotation,
    fixes: Fixes,
    *,
    width: int | None,
    height: int | None,
    image: Image | None = None,
    one_based: bool = False,
) -> Repaired:
    """The record with the fixes applied. `width`, `height`: of the frame of the boxes, in pixels."""
    if not fixes.names:
        return Repaired(annotation, (), tuple(range(len(annotation.objects))))
    repairer = _Repairer(annotation, fixes, width, height, 1 if one_based else 0)
    for index, obj in enumerate(annotation.objects):
        repairer.repair(index, obj)
    changed = dataclasses.replace(annotation, objects=tuple(obj for _, obj in repairer.objects))
    if image is not None:
        changed = _with_size(changed, image, repairer)
        changed = _with_extension(changed, image, repairer)
    return Repaired(changed, tuple(repairer.repairs), tuple(index for index, _ in repairer.objects))


class _Repairer:
    """Repairs the objects of one annotation one after the other."""

    def __init__(
        self, annotation: Annotation, fixes: Fixes, width: int | None, height: int | None, origin: int
    ) -> None:
        self.path = annotation.xml_path
        self.fixes = fixes
        self.limits = (width, height)
        self.origin = origin
        self.objects: list[tuple[int, Object]] = []
        self.repairs: list[Repair] = []
        self._seen: set[tuple[str, Box]] = set()

    def note(self, fix: str, message: str, line: int | None = None, index: int | None = None) -> None:
        self.repairs.append(Repair(fix, message, self.path, line, index))

    def repair(self, index: int, obj: Object) -> None:
        name = self.name(index, obj)
        box = obj.bndbox
        if box is None and "box-from-shape" in self.fixes:
            box = around(obj)
            if box is not None:
                shown = ", ".join(map(number, box.as_tuple()))
                self.note("box-from-shape", f"bndbox is now ({shown})", obj.line, index)
        if box is not None:
            line = obj.bndbox_line or obj.line
            box = self.swapped(box, line, index)
            box = self.clipped(box, line, index)
            width, height = box.width + self.origin, box.height + self.origin
            if "drop-zero-area" in self.fixes and (width == 0 or height == 0):
                self.note(
                    "drop-zero-area",
                    f"removed {name!r} of {number(width)} x {number(height)} px",
                    line,
                    index,
                )
                return
            if "drop-duplicates" in self.fixes:
                if (name, box) in self._seen:
                    self.note("drop-duplicates", f"removed a second {name!r} with the same box", line, index)
                    return
                if box.area > 0:
                    self._seen.add((name, box))
        if name != obj.name or box != obj.bndbox:
            obj = dataclasses.replace(obj, name=name, bndbox=box)
        self.objects.append((index, obj))

    def name(self, index: int, obj: Object) -> str:
        name = obj.name
        if "strip-class-names" in self.fixes and cleaned(name) != name:
            name = cleaned(name)
            self.note("strip-class-names", f"{obj.name!a} is now {name!r}", obj.line, index)
        new = self.fixes.class_names.get(name, name)
        if new != name:
            self.note("map-classes", f"{name!r} is now {new!r}", obj.line, index)
        return new

    def swapped(self, box: Box, line: int | None, index: int) -> Box:
        if "swap-inverted" not in self.fixes:
            return box
        xmin, ymin, xmax, ymax = box.as_tuple()
        # Counted from 1, xmin = 5 and xmax = 4 is a box without width, not one that is inverted.
        if xmin - self.origin > xmax:
            xmin, xmax = xmax, xmin
            self.note(
                "swap-inverted", f"xmin and xmax are now {number(xmin)} and {number(xmax)}", line, index
            )
        if ymin - self.origin > ymax:
            ymin, ymax = ymax, ymin
            self.note(
                "swap-inverted", f"ymin and ymax are now {number(ymin)} and {number(ymax)}", line, index
            )
        return Box(xmin, ymin, xmax, ymax)

    def clipped(self, box: Box, line: int | None, index: int) -> Box:
        if "clip" not in self.fixes:
            return box
        new = clip(box, self.limits, self.origin)
        # What the rules let pass is not touched: the file would change and no finding would go away.
        moved = max(abs(a - b) for a, b in zip(box.as_tuple(), new.as_tuple(), strict=True))
        if moved <= TOLERANCE or box.xmin - self.origin > box.xmax or box.ymin - self.origin > box.ymax:
            return box
        empty = new.width + self.origin <= 0 or new.height + self.origin <= 0
        was_empty = box.width + self.origin <= 0 or box.height + self.origin <= 0
        if empty and not was_empty and "drop-zero-area" not in self.fixes:
            return box  # nothing of it is inside: there is no box to keep, and dropping was not asked for
        before, after = (", ".join(map(number, one.as_tuple())) for one in (box, new))
        self.note("clip", f"({before}) is now ({after})", line, index)
        return new


def clip(box: Box, limits: tuple[int | None, int | None], origin: int) -> Box:
    """The box cut to an image of `limits` (width, height) pixels, None where one is not known.

    origin   1 where xmin and ymin count pixels from 1, else 0
    """
    low = float(origin)
    right, bottom = (math.inf if limit is None else float(limit) for limit in limits)
    return Box(
        min(max(box.xmin, low), right + low),
        min(max(box.ymin, low), bottom + low),
        min(max(box.xmax, 0.0), right),
        min(max(box.ymax, 0.0), bottom),
    )


def around(obj: Object) -> Box | None:
    """The upright box around the rotated box or polygon of an object, in the file's numbers; else None."""
    shape = obj.rotated or obj.polygon
    if isinstance(shape, RotatedBox):
        cos, sin = abs(math.cos(shape.angle)), abs(math.sin(shape.angle))
        half_width = (shape.w * cos + shape.h * sin) / 2
        half_height = (shape.w * sin + shape.h * cos) / 2
        return Box(
            shape.cx - half_width, shape.cy - half_height, shape.cx + half_width, shape.cy + half_height
        )
    if shape is None or not shape.points:
        return None
    xs, ys = [point.x for point in shape.points], [point.y for point in shape.points]
    return Box(min(xs), min(ys), max(xs), max(ys))


def _with_size(annotation: Annotation, image: Image, repairer: _Repairer) -> Annotation:
    size = annotation.size or Size()
    claim = (size.width or 0, size.height or 0)
    # An EXIF-rotated claim is right about the frame of the boxes; correcting it would move them. The others
    # are what is left to tell that the boxes may not belong to this image.
    if "size-from-image" not in repairer.fixes or (
        all(claim) and verdict_on(annotation, image).startswith(("equal", "EXIF-rotated", *REFUSED))
    ):
        return annotation
    width, height = image.upright_size
    depth = image.channels if annotation.size is None else size.depth
    before = f"{claim[0]}x{claim[1]}" if annotation.size is not None else "missing"
    repairer.note("size-from-image", f"{before} is now {width}x{height}")
    return dataclasses.replace(annotation, size=Size(width, height, depth))


def _with_extension(annotation: Annotation, image: Image, repairer: _Repairer) -> Annotation:
    """`<filename>` only; `annotools fix` renames the file, and `convert` names no file by it."""
    name = annotation.filename
    if "extension-from-content" not in repairer.fixes or name is None:
        return annotation
    new = real_name(name, image)
    if new == name:
        return annotation
    repairer.note("extension-from-content", f"<filename> {name!r} is now {new!r}")
    return dataclasses.replace(annotation, filename=new)


def real_name(name: str, image: Image) -> str:
    """A file name with the extension of the real format; the same name if it has one already, or none."""
    stem, extension = splitext(name)
    known = EXTENSIONS.get(image.format, ())
    every = {one for group in EXTENSIONS.values() for one in group}
    if extension.lower() in known or extension.lower() not in every:
        return name
    return stem + known[0]
