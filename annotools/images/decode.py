"""The pixels of an image, decoded by Pillow: what can be decoded is not only a matter of the header."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING

from annotools.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image


def decode(
    data: bytes, *, form: str | None = None, at_least: tuple[str, tuple[int, int]] | None = None
) -> PIL.Image.Image:
    """The picture in an image file, all of its pixels decoded.

    form       the only format that is tried, as `Image.format` names it
    at_least   a mode and a (width, height) in pixels that will do: a JPEG is then decoded smaller and faster

    Raises ImageError, whose cause is what the decoder has raised.
    """
    import PIL.Image  # 40 ms, and most commands decode nothing

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata
            picture = PIL.Image.open(BytesIO(data), formats=None if form is None else [form])
            if at_least is not None:
                picture.draft(*at_least)
            picture.load()
    except Exception as error:  # a decoder's way to say no can be any exception
        # Pillow's own text has the address of an object in it.
        reason = "unknown format" if isinstance(error, PIL.UnidentifiedImageError) else str(error)
        raise ImageError(f"cannot be decoded: {reason}") from error
    return picture
