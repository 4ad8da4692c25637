"""EXIF orientation: reading it, turning boxes with it, turning pixels for good.

The tag says how a viewer must turn the stored pixels: 1 not at all, 2 mirrored left-right, 3 by 180 degrees,
4 mirrored top-bottom, 5 transposed, 6 by 90 degrees clockwise, 7 transposed along the other diagonal, 8 by
90 degrees counter-clockwise (Exif 2.32, 4.6.4; tag 274). TensorFlow's decoders ignore it
(tensorflow#33932), most annotation tools honour it, so boxes and pixels easily end up in two frames:
the "stored" frame of the pixels in the file and the "upright" frame of the screen.
"""

from __future__ import annotations

import dataclasses
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from annotools.errors import ImageError
from annotools.records import Box, Image, Size

if TYPE_CHECKING:
    import PIL.Image

Frame = Literal["stored", "upright", "either", "unknown"]

TIFF_PREFIX = b"Exif\x00\x00"
NO_ORIENTATION = "EXIF orientation is 0, which means none, expected 1 to 8"
_ORIENTATION = 274
# BYTE, SHORT and LONG; the standard says SHORT, but readers take all three.
_INTEGER_FORMATS = {1: "B", 3: "H", 4: "I"}
# The names of PIL.Image.Transpose, by orientation.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


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


def upright(data: bytes, image: Image, path: str | None = None) -> tuple[bytes, Image]:
    """The image file turned as its EXIF orientation asks, and its new header.

    With orientation 1 the very same bytes object comes back. Otherwise the pixels are decoded, turned and
    encoded again in the same format: JPEG with its own quantisation tables and chroma subsampling (a small
    loss), PNG and WebP without loss. The ICC profile and the EXIF block stay, the latter with orientation 1;
    a preview inside the EXIF block is not turned; XMP, comments and other metadata are not carried over.

    Raises ImageError for an image that cannot be decoded, for an animation, and for a 16-bit colour PNG
    (Pillow would reduce it to 8 bits).
    """
    if image.orientation == 1:
        return data, image
    import PIL.Image  # here, because reading headers must not wait for it

    try:
        with PIL.Image.open(BytesIO(data)) as picture:
            encoded = _encode_turned(picture, data, image, path)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        PIL.Image.DecompressionBombError,
    ) as error:
        raise ImageError(f"cannot be turned upright: {error}", path=path) from error
    width, height = image.upright_size
    return encoded, dataclasses.replace(image, width=width, height=height, orientation=1)


def _encode_turned(picture: PIL.Image.Image, data: bytes, image: Image, path: str | None) -> bytes:
    import PIL.Image

    if getattr(picture, "n_frames", 1) > 1 and image.format != "jpeg":
        raise ImageError("an animation cannot be turned upright", path=path, field="orientation")
    if image.format == "png" and data[24] == 16 and data[25] != 0:
        raise ImageError(
            "a 16-bit colour PNG cannot be turned upright without loss",
            path=path,
            field="orientation",
            found=image.orientation,
            expected="1, or 8 bits a channel",
        )
    options: dict[str, Any] = {}
    if image.format == "jpeg":
        options = _jpeg_options(picture, transposed=image.orientation >= 5)
    elif image.format == "webp":
        # Also for a lossy original: its quality setting is not in the file, so any choice would add a loss.
        options = {"lossless": True, "exact": True}
    picture.load()  # PNG: an eXIf chunk behind the pixels is known only now
    if "transparency" in picture.info:
        options["transparency"] = picture.info["transparency"]
    options["icc_profile"] = picture.info.get("icc_profile")
    if exif := picture.info.get("exif"):
        options["exif"] = reset_orientation(exif)
    turned = picture.transpose(PIL.Image.Transpose[_TURNS[image.orientation]])
    turned.info.clear()
    output = BytesIO()
    turned.save(output, format=image.format, **options)
    return output.getvalue()


def _jpeg_options(picture: PIL.Image.Image, *, transposed: bool) -> dict[str, Any]:
    """What makes Pillow encode with the same tables and sampling as the original."""
    from PIL import JpegImagePlugin

    tables = [list(table) for table in picture.quantization.values()]  # type: ignore[attr-defined]
    if transposed:
        # The coefficients of a transposed block are transposed too, and so must be their tables.
        tables = [[table[8 * (i % 8) + i // 8] for i in range(64)] for table in tables]
    options: dict[str, Any] = {"qtables": tables, "progressive": bool(picture.info.get("progressive"))}
    if picture.mode == "RGB":
        sampling = JpegImagePlugin.get_sampling(picture)
        # 4:2:2 on its side would be 4:4:0. Pillow cannot write that, nor what it calls -1: take 4:4:4 then.
        options["subsampling"] = 0 if sampling == -1 or (sampling == 1 and transposed) else sampling
        options["keep_rgb"] = picture.info.get("adobe_transform") == 0
    return options
