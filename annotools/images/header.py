"""What an image file really is, read from its bytes: format, size, channels, EXIF orientation. No decoder.

Neither the file's extension nor the `<size>` of an annotation is believed; about one file in fifty of a
collected data set lies (labelImg#289). Sources: ITU-T T.81 (JPEG), PNG third edition, GIF89a, Microsoft's
and OS/2's bitmap header structures, RFC 9649 (WebP).
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable

from annotools.errors import ImageError
from annotools.images.blocks import (
    APP1,
    EOI,
    SEGMENTS,
    SOS,
    Data,
    gif_frames,
    gif_is_complete,
    jpeg_segments,
    next_marker,
    png_chunks,
    webp_chunks,
)
from annotools.images.exif import TIFF_PREFIX, read_orientation
from annotools.images.signatures import CONVERTIBLE, describe
from annotools.records import Image

FIRST_READ = 64 << 10

EXPECTED = "JPEG, PNG, GIF, BMP or WebP"

_segment = struct.Struct(">HH").unpack_from
_frame = struct.Struct(">HHB").unpack_from

# C4, C8 and CC lie in the same range but are tables.
_FRAMES = frozenset(range(0xFFC0, 0xFFD0)) - {0xFFC4, 0xFFC8, 0xFFCC}
# Baseline, extended and progressive, by Huffman or arithmetic coding. Lossless and hierarchical frames, and
# samples of 12 bits, are decoded by neither TensorFlow nor Pillow.
_DECODED_FRAMES = frozenset((0xFFC0, 0xFFC1, 0xFFC2, 0xFFC9, 0xFFCA))
_JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_MODES = {0: ("L", 1), 2: ("RGB", 3), 3: ("P", 3), 4: ("LA", 2), 6: ("RGBA", 4)}


def read_header(data: Data, path: str | None = None) -> Image:
    """The header of an image file, from its bytes or from a prefix of them (64 KiB nearly always do).

    `channels` is what `tf.io.decode_image` delivers: a palette counts 3, in a PNG with transparency 4; 16-bit
    samples count like 8-bit ones. Three exceptions, where Pillow is followed: a CMYK JPEG counts 4
    (TensorFlow converts it to RGB), a BMP with a palette 3 (TensorFlow gives the bare indices), and a 32-bit
    BMP without an alpha mask 3. A damaged EXIF block counts as orientation 1 (`exif_fault` tells). In a
    prefix, an EXIF block that PNG and WebP may keep behind the pixels is not seen.

    Raises ImageError for an unknown format and for a header that is damaged or ends early.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _read_jpeg(data, path)
        if data[:8] == _PNG_SIGNATURE:
            return _read_png(data, path)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _read_gif(data, path)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _read_webp(data, path)
        if data[:2] == b"BM":
            return _read_bmp(data, path)
    except (struct.error, IndexError):
        raise ImageError("the image header ends early", path=path, found=f"{len(data)} bytes") from None
    found = describe(data[:64])
    expected = f"{EXPECTED}; convert --image-format png encodes it anew" if found in CONVERTIBLE else EXPECTED
    raise ImageError("not an image that can be read", path=path, found=found, expected=expected)


def read_header_of(path: str | os.PathLike[str]) -> Image:
    """`read_header` of a file. Only the pages that hold the header are read from disk."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return read_header(b"", name)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return read_header(data, name)
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot be read: {error}", path=name) from error


def read_header_from(read: Callable[[int | None], bytes], path: str | None = None) -> Image:
    """`read_header` of what `read(limit)` gives, where None stands for everything.

    Asks for 64 KiB first, and for the whole file when the header is longer (large colour profiles and
    previews) or, for PNG and WebP, when the EXIF block may lie behind the pixels.
    """
    head = read(FIRST_READ)
    if len(head) == FIRST_READ and not head.startswith((b"GIF8", b"BM")):
        if not head.startswith(b"\xff\xd8"):
            return read_header(read(None), path)
        try:
            return read_header(head, path)
        except ImageError:
            return read_header(read(None), path)
    return read_header(head, path)


def exif_fault(data: Data) -> str | None:
    """What is wrong with the EXIF block of an image that `read_header` accepts; None when sound or absent."""
    exif = find_exif(data)
    return None if exif is None else read_orientation(exif)[1]


def find_exif(data: Data) -> bytes | None:
    """The EXIF block (a TIFF structure) of a JPEG, PNG or WebP file; None when there is none."""
    if data[:2] == b"\xff\xd8":
        for marker, start, end in jpeg_segments(data):
            if marker == APP1 and data[start : start + 6] == TIFF_PREFIX:
                return data[start:end]
    elif data[:8] == _PNG_SIGNATURE:
        for kind, start, end in png_chunks(data):
            if kind == b"eXIf":
                return data[start:end]
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        for kind, start, end in webp_chunks(data):
            if kind == b"EXIF":
                return data[start:end]
    return None


def is_truncated(data: Data, image: Image) -> bool:
    """Whether the file stops before its image is complete. `data` is the whole file, `image` its header.

    Nothing is decoded: a JPEG must have an end marker behind its first scan, a PNG its IEND chunk, a GIF its
    trailer; a BMP and a WebP must be as long as they say. Bytes behind the end (padding, a video of a motion
    photo) are allowed. tf.io.decode_jpeg refuses a JPEG without end marker, even where every pixel is there.
    """
    match image.format:
        case "jpeg":
            if data[-2:] == b"\xff\xd9":  # a preview cannot be the end of a file that has a frame header
                return False
            scan = 0
            for marker, start, _ in jpeg_segments(data):
                if marker == SOS:
                    scan = start
            # In coded data FF is followed by 00 or a restart number, so that FFD9 can only be the end.
            return scan == 0 or data.rfind(b"\xff\xd9", scan) < 0
        case "png":
            if data[-12:] == _PNG_END:
                return False
            return not any(kind == b"IEND" and end + 4 <= len(data) for kind, _, end in png_chunks(data))
        case "gif":
            return not gif_is_complete(data)
        case "webp":
            return len(data) < 8 + int.from_bytes(data[4:8], "little")
        case "bmp":
            return len(data) < _bmp_length(data)
    raise ImageError("unknown image format", found=image.format, expected=EXPECTED)


def _checked(image: Image, path: str | None) -> Image:
    if image.width <= 0 or image.height <= 0:
        raise ImageError(
            f"{image.format} image without pixels",
            path=path,
            found=f"{image.width} x {image.height}",
            expected="at least 1 x 1",
        )
    return image


def _read_jpeg(data: Data, path: str | None) -> Image:
    # Written out, not through jpeg_segments: this loop runs once for every image of a data set.
    height = width = components = 0
    orientation = None
    position = 2
    try:
        while True:
            marker, length = _segment(data, position)
            if marker in _FRAMES:
                height, width, components = _frame(data, position + 5)
                if marker not in _DECODED_FRAMES or data[position + 4] != 8:
                    raise _undecoded_jpeg(marker, data[position + 4], path)
            elif marker == APP1:
                if orientation is None and data[position + 4 : position + 10] == TIFF_PREFIX:
                    orientation, _ = read_orientation(data[position + 4 : position + 2 + length])
            elif marker == SOS:
                break
            elif marker not in SEGMENTS:
                if marker == EOI:
                    break
                position = next_marker(data, position)
                continue
            if length < 2:
                break
            position += 2 + length
    except struct.error:
        pass
    if not components:
        raise ImageError(
            "JPEG without a frame header", path=path, found=f"{len(data)} bytes", expected="a SOF segment"
        )
    mode = _JPEG_MODES.get(components)
    if mode is None:
        raise ImageError(
            "JPEG with an unknown colour model",
            path=path,
            field="components",
            found=components,
            expected="1, 3 or 4",
        )
    return _checked(Image("jpeg", width, height, components, orientation or 1, mode), path)


def _undecoded_jpeg(marker: int, bits: int, path: str | None) -> ImageError:
    kind = "" if marker in _DECODED_FRAMES else "lossless or hierarchical, "
    return ImageError(
        "a JPEG that TensorFlow cannot decode",
        path=path,
        found=f"{kind}{bits} bits a sample",
        expected="baseline or progressive, 8 bits a sample",
    )


def _read_png(data: Data, path: str | None) -> Image:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    sound = data[12:16] == b"IHDR" and depth in _PNG_DEPTHS.get(colour, ())
    if not sound or max(width, height) > 0x7FFFFFFF or data[26:28] != b"\0\0" or data[28] > 1:
        raise ImageError(
            "PNG with a damaged header",
            path=path,
            found=data[8:33].hex(" "),
            expected="an IHDR chunk with colour type 0, 2, 3, 4 or 6 and a depth that goes with it",
        )
    mode, channels = _PNG_MODES[colour]
    orientation = 1
    for kind, start, end in png_chunks(data):
        if kind == b"tRNS" and colour == 3:
            channels = 4
        elif kind == b"eXIf":
            orientation, _ = read_orientation(data[start:end])
    return _checked(Image("png", width, height, channels, orientation, mode), path)


def _read_gif(data: Data, path: str | None) -> Image:
    width, height = struct.unpack_from("<HH", data, 6)
    for frame in gif_frames(data):  # viewers widen the screen for a first frame that is larger
        width, height = max(width, frame.left + frame.width), max(height, frame.top + frame.height)
        break
    return _checked(Image("gif", width, height, 3, 1, "P"), path)


def _read_webp(data: Data, path: str | None) -> Image:
    kind = data[12:16]
    if kind == b"VP8X":
        alpha = bool(data[20] & 0x10)
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        data[29]
    elif kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height, alpha = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        alpha = False
    else:
        raise ImageError(
            "WebP with a damaged header", path=path, found=data[12:30].hex(" "), expected="VP8, VP8L or VP8X"
        )
    orientation = 1
    if kind == b"VP8X":
        exif = find_exif(data)
        orientation = 1 if exif is None else read_orientation(exif)[0]
    mode, channels = ("RGBA", 4) if alpha else ("RGB", 3)
    return _checked(Image("webp", width, height, channels, orientation, mode), path)


def _read_bmp(data: Data, path: str | None) -> Image:
    width, height, bits, alpha = _bmp_header(data, path)[:4]
    if bits <= 8:
        mode, channels = "P", 3
    else:
        mode, channels = ("RGBA", 4) if alpha else ("RGB", 3)
    # A negative height only says that the rows are stored from the top.
    return _checked(Image("bmp", width, abs(height), channels, 1, mode), path)


def _bmp_header(data: Data, path: str | None = None) -> tuple[int, int, int, bool, int, int]:
    """(width, height, bits a pixel, has alpha, compression, bytes of compressed pixels or 0)."""
    (header_length,) = struct.unpack_from("<I", data, 14)
    if header_length == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        alpha, compression, pixel_bytes = False, 0, 0
    elif header_length in (16, 40, 52, 56, 64, 108, 124):
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        alpha, compression, pixel_bytes = False, 0, 0
        if header_length > 16:
            compression, pixel_bytes = struct.unpack_from("<II", data, 30)
        if bits == 32 and compression == 3 and header_length in (56, 108, 124):
            alpha = struct.unpack_from("<I", data, 66)[0] != 0
    else:
        bits = 0
    if bits not in (1, 2, 4, 8, 16, 24, 32):
        raise ImageError("BMP with a damaged header", path=path, found=data[14:30].hex(" "))
    return width, height, bits, alpha, compression, pixel_bytes


def _bmp_length(data: Data) -> int:
    """The number of bytes that the pixels of a BMP end at; its own file size field is often wrong."""
    width, height, bits, _, compression, pixel_bytes = _bmp_header(data)
    (start,) = struct.unpack_from("<I", data, 10)
    if compression in (0, 3):
        pixel_bytes = (width * bits + 31) // 32 * 4 * abs(height)
    return int(start) + pixel_bytes
