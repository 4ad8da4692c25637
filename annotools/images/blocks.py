"""The blocks that image files are built of: JPEG segments, PNG and WebP chunks, GIF blocks.

Each walk goes forward by at least the size of a block header a step, so that damaged and hostile files cost
time in proportion to their length, and ends quietly where the data ends.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import NamedTuple

Data = bytes | mmap.mmap

SOS, EOI, APP1 = 0xFFDA, 0xFFD9, 0xFFE1
# Segments that carry a length. FF00, FF01 and FFD0 to FFD9 stand alone; FFFF is a fill byte before a marker.
SEGMENTS = frozenset(range(0xFFC0, 0xFFFF)) - frozenset(range(0xFFD0, 0xFFDA))

_segment = struct.Struct(">HH").unpack_from
_png_chunk = struct.Struct(">I4s").unpack_from
_riff_chunk = struct.Struct("<4sI").unpack_from


def jpeg_segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the payload of each segment, up to and with the header of the first scan."""
    position = 2
    while position + 4 <= len(data):
        marker, length = _segment(data, position)
        if marker == EOI:
            return
        if marker not in SEGMENTS:
            position = next_marker(data, position)
            continue
        if length < 2:
            return
        yield marker, position + 4, position + 2 + length
        if marker == SOS:
            return
        position += 2 + length


def next_marker(data: Data, position: int) -> int:
    """Where the next JPEG marker may start, behind fill bytes, stray bytes and markers that stand alone.

    libjpeg skips them too, with a warning at most.
    """
    after = position + 1 if data[position + 1] == 0xFF else position + 2
    found = data.find(b"\xff", after)
    return len(data) if found < 0 else found


def png_chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the payload of each chunk, up to and with IEND."""
    position = 8
    while position + 8 <= len(data):
        length, kind = _png_chunk(data, position)
        yield kind, position + 8, position + 8 + length
        if kind == b"IEND":
            return
        position += 12 + length


def webp_chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the payload of each chunk inside the RIFF container."""
    position = 12
    while position + 8 <= len(data):
        kind, length = _riff_chunk(data, position)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + length % 2


class GifFrame(NamedTuple):
    """Place and size of a frame in pixels of the screen; whether one of its colours is transparent."""

    left: int
    top: int
    width: int
    height: int
    has_palette: bool
    transparent: bool


def gif_frames(data: Data) -> Iterator[GifFrame]:
    """The frames of a GIF, as far as `data` goes."""
    try:
        flags = data[10]
        position, transparent = 13 + _gif_palette_length(flags), False
        while (kind := data[position]) != 0x3B:
            if kind == 0x2C:
                left, top, width, height, own = struct.unpack_from("<HHHHB", data, position + 1)
                yield GifFrame(left, top, width, height, bool((flags | own) & 0x80), transparent)
                transparent = False
                position += 11 + _gif_palette_length(own)
            elif kind == 0x21:
                if data[position + 1] == 0xF9:
                    transparent = bool(data[position + 3] & 1)
                position += 2
            else:
                position += 1  # decoders skip what they do not know
                continue
            while length := data[position]:
                position += 1 + length
            position += 1
    except (IndexError, struct.error):
        return


def gif_is_complete(data: Data) -> bool:
    """Whether the blocks of a GIF lead to its trailer."""
    try:
        position = 13 + _gif_palette_length(data[10])
        while True:
            kind = data[position]
            if kind == 0x3B:
                return True
            if kind == 0x2C:
                position += 11 + _gif_palette_length(data[position + 9])
            elif kind == 0x21:
                position += 2
            else:
                position += 1  # decoders skip what they do not know
                continue
            while length := data[position]:
                position += 1 + length
            position += 1
    except IndexError:
        return False


def _gif_palette_length(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
