"""Whether TensorFlow reads an image file, and to the pixels that Pillow shows: told from the header.

The truth is `tf.io.decode_image(data, channels=3, expand_animations=False)` of TensorFlow 2.21 (its
decode_image_op.cc, jpeg_mem.cc, gif_io.cc and webp_io.cc); tests/reading/test_readable.py holds what is said
here against it and against Pillow, for every kind of file that could be made. JPEG files that neither of
them decodes (12 bits, lossless, hierarchical) are no images for `read_header`.
"""

from __future__ import annotations

import struct

from annotools.images.blocks import Data, gif_frames, png_chunks
from annotools.records import Image

_MOST_PIXELS = 1 << 29  # of JPEG and PNG; a quarter of it for BMP
_LONGEST_PNG_SIDE = 1_000_000  # PNG_USER_WIDTH_MAX of libpng
_GREY_PALETTE = b"".join(bytes((value, value, value, 0)) for value in range(256))
_BGR_MASKS = (0xFF0000, 0xFF00, 0xFF)


def why_unreadable(data: Data, image: Image, length: int) -> str | None:
    """Why TensorFlow does not decode the image to what a viewer shows; None if it does.

    data     the file, or its first 64 KiB; a GIF is needed whole
    image    what `read_header` says of it
    length   bytes of the file
    """
    match image.format:
        case "jpeg":
            if image.width * image.height >= _MOST_PIXELS:
                return _too_many_pixels(image, _MOST_PIXELS)
            return None if data[2:3] == b"\xff" else "stray bytes before the first segment"
        case "png":
            return _png(data, image)
        case "gif":
            return _gif(data, image)
        case "webp":
            return _webp(data, image)
    return _bmp(data, image, length)


def is_sequence(image: Image) -> bool:
    """Whether plain `tf.io.decode_image(data)` gives four dimensions, frames first, also for one frame."""
    return image.format in ("gif", "webp")


def sample_bits(data: Data, image: Image) -> int:
    """Bits of a stored sample: 16 for some PNG, of which TensorFlow keeps the upper 8."""
    return data[24] if image.format == "png" else 8


def _too_many_pixels(image: Image, limit: int) -> str:
    return f"{image.width} x {image.height} pixels, where TensorFlow takes fewer than {limit}"


def _png(data: Data, image: Image) -> str | None:
    if max(image.width, image.height) > _LONGEST_PNG_SIDE:
        return f"{image.width} x {image.height} pixels, where libpng takes at most {_LONGEST_PNG_SIDE} a side"
    if image.width * image.height >= _MOST_PIXELS:
        return _too_many_pixels(image, _MOST_PIXELS)
    for kind, start, _ in png_chunks(data):
        if kind == b"acTL":
            frames = int.from_bytes(data[start : start + 4], "big")
            return _animation(frames) if frames > 1 else None
        if kind == b"IDAT":
            break
    return None


def _animation(frames: int) -> str:
    return f"an animation of {frames} frames"


def _gif(data: Data, image: Image) -> str | None:
    frames = list(gif_frames(data))
    if len(frames) > 1:
        return _animation(len(frames))
    if not frames:
        return "no frame in it"
    frame = frames[0]
    if (frame.left, frame.top, frame.width, frame.height) != (0, 0, image.width, image.height):
        return (
            f"its frame is {frame.width} x {frame.height} at {frame.left}, {frame.top} of a screen of "
            f"{image.width} x {image.height}"
        )
    if not frame.has_palette:
        return "no palette"
    return "transparent pixels, which TensorFlow makes black" if frame.transparent else None


def _webp(data: Data, image: Image) -> str | None:
    if data[12:16] == b"VP8X" and data[20] & 2:
        return "an animation"
    return "an alpha channel in a WebP file" if image.mode == "RGBA" else None


def _bmp(data: Data, image: Image, length: int) -> str | None:
    (start, header) = struct.unpack_from("<II", data, 10)
    if header < 16:
        return "a header of OS/2"
    (bits,) = struct.unpack_from("<H", data, 28)
    compression = struct.unpack_from("<I", data, 30)[0] if header > 16 else 0
    if bits not in (8, 24, 32):
        return f"{bits} bits a pixel, where TensorFlow takes 8, 24 and 32"
    if compression not in (0, 3) or (compression == 3 and bits != 32):
        return f"compression {compression}"
    if compression == 3 and struct.unpack_from("<III", data, 54) != _BGR_MASKS:
        return "channels in another order than blue, green, red"
    if image.width * image.height >= ((1 << 31) - 1) // 8:
        return _too_many_pixels(image, ((1 << 31) - 1) // 8)
    if bits == 8:
        entries = struct.unpack_from("<I", data, 46)[0] or 256 if header >= 40 else 256
        palette = bytes(data[14 + header : 14 + header + 4 * min(entries, 256)])
        if palette[0::4] + palette[1::4] + palette[2::4] != 3 * _GREY_PALETTE[0 : len(palette) : 4]:
            return "a palette, whose indices TensorFlow takes for grey"
    expected = start + (image.width * bits // 8 + 3) // 4 * 4 * image.height
    if length != expected:
        return f"{length} bytes, where TensorFlow takes exactly {expected} for its size"
    return None
