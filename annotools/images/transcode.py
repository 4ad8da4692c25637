"""An image file encoded anew, as a JPEG or a PNG that every reader of a record decodes alike."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from annotools.errors import ImageError
from annotools.images.decode import decode
from annotools.images.exif import TIFF_PREFIX
from annotools.images.header import read_header
from annotools.images.readable import is_sequence, why_unreadable

_QUALITY = 95


def why_transcode(data: bytes, path: str) -> str | None:
    """Why a reader of the record may not decode the file to what a viewer shows; None if all do.

    A format that only Pillow reads, what `why_unreadable` says, and GIF and WebP, for which
    `tf.io.decode_image` gives four dimensions.
    """
    try:
        image = read_header(data, path)
    except ImageError as error:
        return error.message if error.found is None else f"{error.message} ({error.found})"
    reason = why_unreadable(data, image, len(data))
    if reason is None and is_sequence(image):
        reason = f"a {image.format.upper()} file, which decodes to four dimensions"
    return reason


def transcode(data: bytes, form: str, path: str) -> bytes:
    """The first frame of an image file as "jpeg" (quality 95, no subsampling) or "png".

    Transparency is left out, as in what Pillow shows as RGB; the EXIF block with its orientation stays.
    Raises ImageError where Pillow cannot decode the file.
    """
    try:
        picture = decode(data)
    except ImageError as error:
        error.path = path
        raise
    exif = picture.info.get("exif", b"")
    if exif and not exif.startswith(TIFF_PREFIX):  # as WebP and PNG hold it, and JPEG does not
        exif = TIFF_PREFIX + exif
    options: dict[str, Any] = {"exif": exif, "icc_profile": None}
    if form == "jpeg":
        options |= {"quality": _QUALITY, "subsampling": 0}
    output = BytesIO()
    wanted = picture.convert("L") if picture.mode in ("1", "L") else _rgb(picture)
    wanted.save(output, form, **options)
    return output.getvalue()


def _rgb(picture: Any) -> Any:
    if picture.mode.startswith("I;16"):
        return picture.point(lambda value: value / 256).convert("L")
    if picture.mode == "P" and isinstance(picture.info.get("transparency"), bytes):
        picture = picture.convert("RGBA")  # Pillow warns of the direct way
    return picture.convert("RGB")
