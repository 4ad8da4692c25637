"""EXIF orientation: the tag, read and reset.

The tag says how a viewer must turn the stored pixels: 1 not at all, 2 mirrored left-right, 3 by 180 degrees,
4 mirrored top-bottom, 5 transposed, 6 by 90 degrees clockwise, 7 transposed along the other diagonal, 8 by
90 degrees counter-clockwise (Exif 2.32, 4.6.4; tag 274). TensorFlow's decoders ignore it
(tensorflow#33932), most annotation tools honour it, so boxes and pixels easily end up in two frames:
the "stored" frame of the pixels in the file and the "upright" frame of the screen.
"""

from __future__ import annotations

import struct

TIFF_PREFIX = b"Exif\x00\x00"
NO_ORIENTATION = "EXIF orientation is 0, which means none, expected 1 to 8"
_ORIENTATION = 274
# BYTE, SHORT and LONG; the standard says SHORT, but readers take all three.
_INTEGER_FORMATS = {1: "B", 3: "H", 4: "I"}


def read_orientation(exif: bytes) -> tuple[int, str | None]:
    """(orientation 1 to 8, what is wrong with the block or None). A faulty block counts as orientation 1.

    `exif` is the TIFF structure of an EXIF block, with or without the leading `Exif\\0\\0`.
    """
    orientation, _, _, fault = _find_orientation(exif)
    return orientation, fault


def _find_orientation(exif: bytes) -> tuple[int, int, str, str | None]:
    """(orientation, byte position of its value or 0, struct format of the value, fault)."""
    base = len(TIFF_PREFIX) if exif.startswith(TIFF_PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[base : base + 2])
    if order is None:
        return 1, 0, "", f"EXIF does not start with II or MM but with {exif[base : base + 2]!r}"
    try:
        magic, directory = struct.unpack_from(order + "HI", exif, base + 2)
        if magic != 42:
            return 1, 0, "", f"EXIF has the TIFF magic number {magic}, expected 42"
        (count,) = struct.unpack_from(order + "H", exif, base + directory)
        for position in range(base + directory + 2, base + directory + 2 + 12 * count, 12):
            tag, kind, length = struct.unpack_from(order + "HHI", exif, position)
            if tag != _ORIENTATION:
                continue
            if kind not in _INTEGER_FORMATS or length != 1:
                return 1, 0, "", f"EXIF orientation has type {kind} and count {length}, expected one SHORT"
            value_format = order + _INTEGER_FORMATS[kind]
            (value,) = struct.unpack_from(value_format, exif, position + 8)
            if not 1 <= value <= 8:
                fault = f"EXIF orientation is {value}, expected 1 to 8" if value else NO_ORIENTATION
                return 1, position + 8, value_format, fault
            return value, position + 8, value_format, None
    except struct.error:
        return 1, 0, "", f"EXIF points outside its {len(exif)} bytes"
    return 1, 0, "", None


def reset_orientation(exif: bytes) -> bytes:
    """The same EXIF block with orientation 1; every other byte, maker notes included, stays where it is."""
    _, position, value_format, _ = _find_orientation(exif)
    if not position:
        return exif
    patched = bytearray(exif)
    struct.pack_into(value_format, patched, position, 1)
    return bytes(patched)
