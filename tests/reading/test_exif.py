"""Turning boxes and pixels, judged by drawn rectangles and Pillow's exif_transpose, not by our formulas."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from annotools.errors import ImageError
from annotools.images import exif, turn_boxes, turn_pixels
from annotools.images import header as image_headers
from annotools.records import Box, Image, Size

ORIENTATIONS = range(1, 9)
WIDTH, HEIGHT = 64, 48
BOX = (8, 16, 40, 24)


def picture(mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> PIL.Image.Image:
    """A gradient, smooth enough for JPEG and different in every corner."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    planes = [x * 255 // size[0], y * 255 // size[1], (x + y) * 255 // sum(size), 255 - x]
    gradient = PIL.Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))
    if mode == "P":
        return gradient.convert("RGB").quantize(64)
    if mode == "I;16":
        return PIL.Image.fromarray((x * 1000 + y).astype(np.uint16))
    return gradient.convert(mode) if mode in ("RGBA", "LA") else gradient.convert("RGB").convert(mode)


def tagged(image: PIL.Image.Image, fmt: str, orientation: int, **options: Any) -> bytes:
    block = PIL.Image.Exif()
    block[271] = "a camera"
    block[274] = orientation
    block[0x8769] = {0x9003: "2019:01:02 03:04:05"}
    output = BytesIO()
    image.save(output, fmt, exif=block, **options)
    return output.getvalue()


def pixels(data: bytes) -> npt.NDArray[np.int64]:
    with PIL.Image.open(BytesIO(data)) as image:
        if image.mode == "P":
            return np.asarray(image.convert("RGBA"), dtype=np.int64)
        return np.asarray(image, dtype=np.int64)


def upright_pixels(data: bytes) -> npt.NDArray[np.int64]:
    with PIL.Image.open(BytesIO(data)) as image:
        image.load()
        turned = PIL.ImageOps.exif_transpose(image)
        return np.asarray(turned.convert("RGBA") if turned.mode == "P" else turned, dtype=np.int64)


def rectangle_in(data: bytes) -> tuple[int, int, int, int]:
    """The edges of the white rectangle of a stored image, found by its pixels."""
    rows, columns = np.nonzero(pixels(data)[..., 0] > 200)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_boxes_follow_the_pixels(fmt: str, orientation: int) -> None:
    stored = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    xmin, ymin, xmax, ymax = BOX
    stored[ymin:ymax, xmin:xmax] = 255
    options: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"subsampling": 0}}
    data = tagged(PIL.Image.fromarray(stored), fmt, orientation, **options.get(fmt, {}))
    image = image_headers.read_header(data)
    assert image.orientation == orientation

    turned, header = turn_pixels.upright(data, image)
    assert header == image_headers.read_header(turned)
    assert (header.width, header.height) == image.upright_size
    assert turn_boxes.to_upright(Box(*BOX), image) == Box(*rectangle_in(turned))
    assert turn_boxes.to_stored(Box(*rectangle_in(turned)), image) == Box(*BOX)


@given(
    st.integers(1, 8),
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.tuples(*[st.integers(-8000, 8000).map(lambda n: n / 2)] * 4),
)
def test_there_and_back(
    orientation: int, size: tuple[int, int], edges: tuple[float, float, float, float]
) -> None:
    image = Image("jpeg", *size, 3, orientation)
    box = Box(*edges)
    there = turn_boxes.to_upright(box, image)
    assert turn_boxes.to_stored(there, image) == box
    assert turn_boxes.to_upright(turn_boxes.to_stored(box, image), image) == box
    assert (there.width > 0, there.height > 0) == (
        (box.width > 0, box.height > 0) if orientation < 5 else (box.height > 0, box.width > 0)
    )
    assert turn_boxes.to_upright(Box(0, 0, *size), image) == Box(0, 0, *image.upright_size)


def test_orientation_1_is_left_alone() -> None:
    for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        output = BytesIO()
        picture().save(output, fmt)
        data = output.getvalue()
        image = image_headers.read_header(data)
        same, header = turn_pixels.upright(data, image)
        assert same is data
        assert header is image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", ORIENTATIONS[1:])
def test_png_is_turned_without_loss(mode: str, orientation: int) -> None:
    check_lossless(tagged(picture(mode), "PNG", orientation))


def test_transparent_png() -> None:
    check_lossless(tagged(picture("P"), "PNG", 6, transparency=bytes(range(0, 250, 5))))
    data = tagged(picture("RGB"), "PNG", 6, transparency=(0, 0, 0))
    turned = check_lossless(data)
    with PIL.Image.open(BytesIO(turned)) as result:
        assert result.info["transparency"] == (0, 0, 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
def test_webp_is_turned_without_loss(mode: str, lossless: bool) -> None:
    for orientation in ORIENTATIONS[1:]:
        check_lossless(tagged(picture(mode), "WEBP", orientation, lossless=lossless))


def check_lossless(data: bytes) -> bytes:
    image = image_headers.read_header(data)
    turned, header = turn_pixels.upright(data, image)
    assert np.array_equal(pixels(turned), upright_pixels(data))
    assert image_headers.read_header(turned) == header
    assert header == dataclasses.replace(
        image, width=image.upright_size[0], height=image.upright_size[1], orientation=1
    )
    assert turn_pixels.upright(data, image) == (turned, header)
    return turned


def tables_of(image: PIL.Image.Image) -> dict[int, list[int]]:
    assert isinstance(image, JpegImageFile)
    return image.quantization


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("orientation", ORIENTATIONS[1:])
def test_jpeg_is_turned_with_its_own_tables(mode: str, sampling: int, orientation: int) -> None:
    data = tagged(picture(mode), "JPEG", orientation, quality=80, subsampling=sampling, progressive=True)
    image = image_headers.read_header(data)
    turned, header = turn_pixels.upright(data, image)
    assert image_headers.read_header(turned) == header
    assert turn_pixels.upright(data, image) == (turned, header)
    error = np.abs(pixels(turned) - upright_pixels(data))
    assert error.mean() < 0.75
    with PIL.Image.open(BytesIO(data)) as before, PIL.Image.open(BytesIO(turned)) as after:
        assert after.mode == before.mode == mode
        assert after.info["progressive"]
        tables = {key: np.reshape(table, (8, 8)) for key, table in tables_of(before).items()}
        for key, table in tables_of(after).items():
            expected = tables[key].T if orientation >= 5 else tables[key]
            assert np.array_equal(np.reshape(table, (8, 8)), expected)
        if mode == "RGB":
            assert get_sampling(after) == (0 if sampling == 1 and orientation >= 5 else sampling)


def test_a_transposed_table_is_what_keeps_a_photo_alike() -> None:
    """Turned by 90 degrees in whole blocks, a JPEG survives nearly to the bit, with its tables turned too."""
    noisy = np.random.default_rng(1).normal(128, 40, (64, 96, 1)).repeat(3, axis=2).clip(0, 255)
    data = tagged(PIL.Image.fromarray(noisy.astype(np.uint8)), "JPEG", 6, quality=60, subsampling=0)
    turned, _ = turn_pixels.upright(data, image_headers.read_header(data))
    expected = upright_pixels(data)
    plain = BytesIO()
    PIL.Image.fromarray(expected.astype(np.uint8)).save(plain, "JPEG", quality=60, subsampling=0)
    ours = np.abs(pixels(turned) - expected).mean()
    assert ours < 1.0
    assert ours < 0.5 * np.abs(pixels(plain.getvalue()) - expected).mean()


def test_jpeg_stored_as_rgb_stays_so() -> None:
    data = tagged(picture(), "JPEG", 3, keep_rgb=True)
    turned, _ = turn_pixels.upright(data, image_headers.read_header(data))
    assert np.abs(pixels(turned) - upright_pixels(data)).mean() < 1
    with PIL.Image.open(BytesIO(turned)) as result:
        assert result.info["adobe_transform"] == 0


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_profile_and_the_rest_of_the_exif_stay(fmt: str) -> None:
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    data = tagged(picture(), fmt, 8, icc_profile=profile)
    turned, _ = turn_pixels.upright(data, image_headers.read_header(data))
    with PIL.Image.open(BytesIO(turned)) as result:
        result.load()
        assert result.info["icc_profile"] == profile
        block = result.getexif()
        assert block[271] == "a camera"
        assert block[274] == 1
        assert block.get_ifd(0x8769)[0x9003] == "2019:01:02 03:04:05"
    before, after = image_headers.find_exif(data), image_headers.find_exif(turned)
    assert before is not None
    assert after is not None
    changed = [index for index, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    assert len(changed) == 1, "only the orientation may change; maker notes point to absolute positions"


def test_big_endian_exif_is_patched_too() -> None:
    entries = struct.pack(">HHIHH", 274, 3, 1, 6, 0)
    block = b"MM" + struct.pack(">HIH", 42, 8, 1) + entries + bytes(4)
    assert exif.read_orientation(block) == (6, None)
    assert exif.read_orientation(exif.TIFF_PREFIX + block) == (6, None)
    patched = exif.reset_orientation(exif.TIFF_PREFIX + block)
    assert exif.read_orientation(patched) == (1, None)
    assert exif.reset_orientation(b"nothing") == b"nothing"


@pytest.mark.parametrize("what", ["truncated", "animation", "deep"])
def test_what_cannot_be_turned(what: str) -> None:
    if what == "truncated":
        data = tagged(picture(), "JPEG", 6)
        data = data[: len(data) // 2 + 200]
    elif what == "animation":
        data = tagged(picture(), "WEBP", 6, save_all=True, append_images=[picture().rotate(180)])
    else:
        data = tagged(picture(), "PNG", 6)
        data = data[:24] + b"\x10" + data[25:]
    with pytest.raises(ImageError) as caught:
        turn_pixels.upright(data, image_headers.read_header(data), "a.jpg")
    assert caught.value.path == "a.jpg"


@pytest.mark.parametrize(
    ("size", "orientation", "frame"),
    [
        (Size(60, 40), 1, "either"),
        (Size(60, 40), 3, "either"),
        (Size(60, 40), 6, "stored"),
        (Size(40, 60), 6, "upright"),
        (Size(40, 60), 1, "unknown"),
        (Size(61, 40), 6, "unknown"),
        (Size(0, 0), 6, "unknown"),
        (Size(60, None), 6, "unknown"),
        (None, 6, "unknown"),
    ],
)
def test_frame_of(size: Size | None, orientation: int, frame: str) -> None:
    assert turn_boxes.frame_of(size, Image("jpeg", 60, 40, 3, orientation)) == frame


def test_frame_of_a_square_image_is_open() -> None:
    assert turn_boxes.frame_of(Size(50, 50, 3), Image("jpeg", 50, 50, 3, 6)) == "either"


def test_reading_headers_does_not_import_pillow() -> None:
    code = "import sys, annotools.images.header, annotools.images.exif; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
