"""Boxes between the stored frame of an image and its upright frame (EXIF orientation, see exif.py)."""

from __future__ import annotations

from typing import Literal

from annotools.records import Box, Image, Size

Frame = Literal["stored", "upright", "either", "unknown"]


def to_upright(box: Box, image: Image) -> Box:
    """A box of the stored frame in the upright frame. Edges in pixels; nothing is ordered or clipped."""
    return _turn(box, image.width, image.height, image.orientation)


def to_stored(box: Box, image: Image) -> Box:
    """A box of the upright frame in the stored frame; the inverse of `to_upright`."""
    # The two quarter turns undo each other; every other orientation undoes itself.
    inverse = {6: 8, 8: 6}.get(image.orientation, image.orientation)
    return _turn(box, *image.upright_size, inverse)


def _turn(box: Box, width: int, height: int, orientation: int) -> Box:
    x0, y0, x1, y1 = box.as_tuple()
    match orientation:
        case 2:
            return Box(width - x1, y0, width - x0, y1)
        case 3:
            return Box(width - x1, height - y1, width - x0, height - y0)
        case 4:
            return Box(x0, height - y1, x1, height - y0)
        case 5:
            return Box(y0, x0, y1, x1)
        case 6:
            return Box(height - y1, x0, height - y0, x1)
        case 7:
            return Box(height - y1, width - x1, height - y0, width - x0)
        case 8:
            return Box(y0, width - x1, y1, width - x0)
    return box


def frame_of(size: Size | None, image: Image) -> Frame:
    """In which frame an annotation was drawn, judged by its `<size>`.

    "stored" or "upright" when only that frame has this size, "either" when both have it (orientation 1 to 4,
    or a square image), "unknown" when the size is absent, incomplete or fits neither frame. So the question
    can be decided for orientations 5 to 8 of an image that is not square, and only for those.
    """
    if size is None or size.width is None or size.height is None:
        return "unknown"
    claimed = (size.width, size.height)
    stored = claimed == (image.width, image.height)
    upright = claimed == image.upright_size
    if stored and upright:
        return "either"
    if stored:
        return "stored"
    return "upright" if upright else "unknown"
