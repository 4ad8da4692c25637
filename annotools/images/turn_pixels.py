"""An image file turned upright for good, as its EXIF orientation asks."""

from __future__ import annotations

import dataclasses
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from annotools.errors import ImageError
from annotools.images.exif import reset_orientation
from annotools.records import Image

if TYPE_CHECKING:
    import PIL.Image

# The names of PIL.Image.Transpose, by orientation.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


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
    turned = picture.transpose(PIL.Image.Transpose[TURNS[image.orientation]])
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
