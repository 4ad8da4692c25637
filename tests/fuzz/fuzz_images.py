"""Anything as the head of an image file, and as an EXIF block."""

from __future__ import annotations

from annotools.errors import ImageError
from annotools.images import exif
from annotools.images import header as image_headers
from annotools.records import Image

# Channels by mode; 4 for a palette that a tRNS chunk makes transparent.
CHANNELS = {"L": {1}, "LA": {2}, "P": {3, 4}, "RGB": {3}, "RGBA": {4}, "CMYK": {4}}


def check(data: bytes) -> None:
    """The header of an image is sound, or an ImageError says why there is none."""
    check_exif(data)
    try:
        image = image_headers.read_header(data, "x")
    except ImageError as error:
        assert str(error).startswith("x: ")
        assert image_headers.exif_fault(data) is None or image_headers.find_exif(data) is not None
        return
    assert image == Image(
        image.format, image.width, image.height, image.channels, image.orientation, image.mode
    )
    assert image.format in ("jpeg", "png", "gif", "bmp", "webp")
    assert 0 < image.width < 2**32
    assert 0 < image.height < 2**32
    assert image.channels in CHANNELS[image.mode]
    assert 1 <= image.orientation <= 8
    assert isinstance(image_headers.is_truncated(data, image), bool)
    if len(data) <= image_headers.FIRST_READ:
        assert image_headers.read_header_from(lambda limit: data[:limit]) == image
    block = image_headers.find_exif(data)
    if block is None:
        assert image_headers.exif_fault(data) is None
    else:
        check_exif(block)
        if image_headers.exif_fault(data) is not None and image.format != "png":  # a PNG may have several
            assert image.orientation == 1


def check_exif(block: bytes) -> None:
    orientation, fault = exif.read_orientation(block)
    assert 1 <= orientation <= 8
    assert fault is None or (orientation == 1 and len(fault) < 200)
    upright = exif.reset_orientation(block)
    assert len(upright) == len(block)
    if fault is None:
        assert exif.read_orientation(upright) == (1, None)
