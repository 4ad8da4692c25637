"""Image headers against Pillow, against bytes written here by hand, and against files made to hurt."""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import ImageError
from annotools.images import header as image_headers
from annotools.records import Image

SIZE = (37, 23)


def encode(mode: str, fmt: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 4), dtype=np.uint8)
    if mode == "I;16":
        picture = PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode in ("RGBA", "RGB", "LA"):
        picture = PIL.Image.fromarray(pixels).convert(mode)
    elif mode == "P":
        picture = PIL.Image.fromarray(pixels).convert("RGB").quantize(64)
    else:
        picture = PIL.Image.fromarray(pixels).convert("RGB").convert(mode)
    output = BytesIO()
    picture.save(output, fmt, **options)
    return output.getvalue()


def exif_block(orientation: int, order: str = "<", kind: str = "H") -> bytes:
    """A TIFF block with Make, orientation and XResolution, so that the tag is not the only one."""
    code = {"B": 1, "H": 3, "I": 4}[kind]
    value = struct.pack(order + kind, orientation).ljust(4, b"\x00")
    entries = struct.pack(order + "HHI4s", 271, 2, 4, b"abc\x00")
    entries += struct.pack(order + "HHI4s", 274, code, 1, value)
    entries += struct.pack(order + "HHII", 282, 5, 1, 50)
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + "HIH", 42, 8, 3) + entries + struct.pack(order + "I", 0)
    return head + struct.pack(order + "II", 72, 1)


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">HH", marker, len(payload) + 2) + payload


def jpeg(*before: bytes, frame: int = 0xFFC0, components: int = 3, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of segments only: `before`, one frame header, one scan header, a little coded data, the end."""
    width, height = size
    payload = struct.pack(">BHHB", 8, height, width, components) + b"\x01\x11\x00" * components
    scan = segment(0xFFDA, bytes([components]) + b"\x01\x00" * components + b"\x00\x3f\x00")
    return b"\xff\xd8" + b"".join(before) + segment(frame, payload) + scan + b"\x12\xff\x00\x34" + b"\xff\xd9"


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def insert_png_chunk(data: bytes, kind: bytes, payload: bytes, before: bytes) -> bytes:
    position = data.index(before) - 4
    return data[:position] + png_chunk(kind, payload) + data[position:]


GENERATED: dict[str, bytes] = {
    **{
        f"jpeg-{mode}-{'progressive' if progressive else 'baseline'}-{sampling}": encode(
            mode, "JPEG", progressive=progressive, subsampling=sampling
        )
        for mode in ("L", "RGB", "CMYK")
        for progressive in (False, True)
        for sampling in (0, 1, 2)
    },
    **{f"png-{mode}": encode(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    "png-P-transparent": encode("P", "PNG", transparency=3),
    "png-L-transparent": encode("L", "PNG", transparency=3),
    **{f"gif-{mode}": encode(mode, "GIF") for mode in ("1", "L", "P", "RGB")},
    **{f"bmp-{mode}": encode(mode, "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")},
    **{f"webp-{mode}": encode(mode, "WEBP") for mode in ("L", "RGB", "RGBA")},
    **{f"webp-{mode}-lossless": encode(mode, "WEBP", lossless=True) for mode in ("L", "RGB", "RGBA")},
    "webp-RGB-animated": encode("RGB", "WEBP", save_all=True, append_images=[PIL.Image.new("RGB", SIZE)]),
}
# What the generated files deliver, from tf.io.decode_image of TensorFlow 2.21 and, where the docstring says
# so, from Pillow; `test_channels_are_those_of_tensorflow` asks TensorFlow itself.
CHANNELS = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "I;16": 1, "CMYK": 4}


@pytest.mark.parametrize("case", GENERATED)
def test_header_is_what_pillow_says(case: str) -> None:
    data = GENERATED[case]
    fmt, mode = case.split("-")[:2]
    image = image_headers.read_header(data)
    with PIL.Image.open(BytesIO(data)) as picture:
        assert (image.width, image.height) == picture.size == SIZE
        assert image.format == str(picture.format).lower() == fmt
        if fmt in ("jpeg", "webp"):
            assert image.mode == picture.mode
    expected = CHANNELS[mode]
    if fmt in ("gif", "bmp", "webp"):
        expected = 4 if fmt == "webp" and mode == "RGBA" else 3
    if case == "png-P-transparent":
        expected = 4
    assert image.channels == expected
    assert image.orientation == 1


def test_channels_are_those_of_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    exceptions = {"bmp-1", "bmp-L", "bmp-P", "bmp-RGBA"} | {case for case in GENERATED if "CMYK" in case}
    for case in sorted(GENERATED.keys() - exceptions - {"webp-RGB-animated"}):
        decoded = tf.io.decode_image(GENERATED[case], expand_animations=False)
        assert image_headers.read_header(GENERATED[case]).channels == decoded.shape[-1], case


def test_real_images(bccd: Path, microcontrollers: Path) -> None:
    files = sorted([*bccd.rglob("*.jpg"), *microcontrollers.rglob("*.jpg")])
    assert len(files) == 513
    for file in files:
        data = file.read_bytes()
        image = image_headers.read_header(data, str(file))
        with PIL.Image.open(file) as picture:
            orientation = picture.getexif().get(274, 1)
            assert (image.width, image.height, image.mode, image.orientation) == (
                *picture.size,
                picture.mode,
                orientation,
            )
        assert image_headers.read_header(data[: 64 << 10]) == image
        assert image_headers.read_header_of(file) == image
        assert image_headers.exif_fault(data) is None
        assert not image_headers.is_truncated(data, image)
        assert image_headers.is_truncated(data[:-2], image)


# JPEG


@pytest.mark.parametrize("frame", [m for m in range(0xFFC0, 0xFFD0) if m not in (0xFFC4, 0xFFC8, 0xFFCC)])
def test_every_jpeg_frame_type(frame: int) -> None:
    """All have the same header, but TensorFlow decodes no lossless and no hierarchical ones."""
    data = jpeg(segment(0xFFC4, b"\x00" * 17), frame=frame)
    if frame in (0xFFC0, 0xFFC1, 0xFFC2, 0xFFC9, 0xFFCA):
        image = image_headers.read_header(data)
        assert (image.width, image.height, image.channels) == (*SIZE, 3)
        return
    with pytest.raises(ImageError, match="TensorFlow cannot decode") as caught:
        image_headers.read_header(data)
    assert "lossless or hierarchical" in str(caught.value.found)


@pytest.mark.parametrize("marker", [0xFFC4, 0xFFC8, 0xFFCC])
def test_tables_are_not_frames(marker: int) -> None:
    wrong = segment(marker, struct.pack(">BHHB", 8, 999, 999, 3) + b"\x00" * 9)
    assert image_headers.read_header(jpeg(wrong)).width == SIZE[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_orientation(order: str, orientation: int) -> None:
    exif = segment(0xFFE1, b"Exif\x00\x00" + exif_block(orientation, order))
    others = [
        segment(0xFFE0, b"JFIF\x00" + b"\x00" * 9),
        segment(0xFFE1, b"http://ns.adobe.com/xap/1.0/\x00<x/>"),
        segment(0xFFE2, b"ICC_PROFILE\x00" + b"\x00" * 40_000),
    ]
    plain = encode("RGB", "JPEG")
    for data in (
        jpeg(exif),
        jpeg(*others, exif),
        plain[:2] + exif + plain[2:],
        plain[:2] + b"".join(others) + exif + plain[2:],
    ):
        assert image_headers.read_header(data).orientation == orientation
        assert image_headers.exif_fault(data) is None
    with PIL.Image.open(BytesIO(plain[:2] + exif + plain[2:])) as picture:
        assert picture.getexif()[274] == orientation


def test_exif_behind_the_frame_header_counts() -> None:
    data = jpeg()
    scan = data.index(b"\xff\xda")
    data = data[:scan] + segment(0xFFE1, b"Exif\x00\x00" + exif_block(6)) + data[scan:]
    assert image_headers.read_header(data).orientation == 6


@pytest.mark.parametrize("kind", ["B", "H", "I"])
def test_orientation_of_another_integer_type(kind: str) -> None:
    data = jpeg(segment(0xFFE1, b"Exif\x00\x00" + exif_block(8, ">", kind)))
    assert image_headers.read_header(data).orientation == 8


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (b"", "does not start with II or MM"),
        (b"XX" + exif_block(6)[2:], "does not start with II or MM"),
        (b"II\x2b\x00" + exif_block(6)[4:], "magic number 43"),
        (exif_block(6)[:20], "points outside"),
        (exif_block(6)[:4] + b"\xff\xff\x00\x00" + exif_block(6)[8:], "points outside"),
        (exif_block(0), "orientation is 0"),
        (exif_block(9), "orientation is 9"),
        (exif_block(6).replace(b"\x12\x01\x03\x00", b"\x12\x01\x02\x00"), "type 2"),
    ],
)
def test_damaged_exif_is_told_and_counts_as_upright(block: bytes, words: str) -> None:
    data = jpeg(segment(0xFFE1, b"Exif\x00\x00" + block))
    assert image_headers.read_header(data).orientation == 1
    assert words in str(image_headers.exif_fault(data))


def test_fill_bytes_and_stray_bytes_between_segments() -> None:
    data = jpeg(b"\xff\xff\xff", segment(0xFFE0, b"JFIF\x00" + b"\x00" * 9), b"\x00\x17\xff\x00\xff\x01")
    assert image_headers.read_header(data).width == SIZE[0]
    assert not image_headers.is_truncated(data, image_headers.read_header(data))


def test_the_end_marker_of_a_preview_is_not_the_end() -> None:
    preview = encode("RGB", "JPEG")
    data = encode("RGB", "JPEG")
    data = data[:2] + segment(0xFFE1, b"Exif\x00\x00" + exif_block(1) + preview) + data[2:]
    image = image_headers.read_header(data)
    assert not image_headers.is_truncated(data, image)
    assert image_headers.is_truncated(data[:-2], image)
    assert image_headers.is_truncated(data[: len(data) // 2 + 200], image)


def test_bytes_behind_the_end_are_allowed() -> None:
    for case, data in GENERATED.items():
        image = image_headers.read_header(data)
        assert not image_headers.is_truncated(data, image), case
        assert not image_headers.is_truncated(data + b"\x00" * 512 + b"ftypmp42", image), case


@pytest.mark.parametrize("case", GENERATED)
def test_every_shorter_file_is_truncated_or_has_no_header(case: str) -> None:
    data = GENERATED[case]
    for length in range(len(data)):
        try:
            image = image_headers.read_header(data[:length])
        except ImageError:
            continue
        assert image_headers.is_truncated(data[:length], image), length


def test_tensorflow_refuses_a_jpeg_without_end_marker() -> None:
    """The reason for `is_truncated`: TensorFlow fails in the middle of an epoch, and names no file."""
    tf = pytest.importorskip("tensorflow")
    data = encode("RGB", "JPEG")
    assert tf.io.decode_jpeg(data).shape == (SIZE[1], SIZE[0], 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_jpeg(data[:-2])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (jpeg(size=(0, 5)), "without pixels"),
        (jpeg(size=(5, 0)), "without pixels"),
        (jpeg(components=2), "colour model"),
        (b"\xff\xd8\xff\xd9" + jpeg()[2:], "without a frame header"),
        (b"\xff\xd8\xff\xe0\x00\x00" + jpeg()[2:], "without a frame header"),
        (jpeg()[:11], "without a frame header"),
    ],
)
def test_damaged_jpeg(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        image_headers.read_header(data, "a.jpg")
    assert caught.value.path == "a.jpg"


# PNG


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_png_orientation(before: bytes) -> None:
    data = insert_png_chunk(encode("RGB", "PNG"), b"eXIf", exif_block(5, ">"), before)
    assert image_headers.read_header(data).orientation == 5
    with PIL.Image.open(BytesIO(data)) as picture:
        picture.load()
        assert picture.getexif()[274] == 5


def test_interlaced_and_16_bit_png() -> None:
    """Made by hand: Pillow writes neither interlaced nor 16-bit colour PNG."""
    for colour, channels, mode in ((0, 1, "L"), (2, 3, "RGB"), (4, 2, "LA"), (6, 4, "RGBA")):
        header = struct.pack(">IIBBBBB", 5, 1, 16, colour, 0, 0, 1)
        data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IEND", b"")
        assert image_headers.read_header(data) == Image("png", 5, 1, channels, 1, mode)


@pytest.mark.parametrize(
    "header",
    [
        struct.pack(">IIBBBBB", 0, 1, 8, 2, 0, 0, 0),
        struct.pack(">IIBBBBB", 1, 1, 8, 5, 0, 0, 0),
        struct.pack(">IIBBBBB", 1 << 31, 1, 8, 2, 0, 0, 0),
    ],
)
def test_damaged_png(header: bytes) -> None:
    with pytest.raises(ImageError):
        image_headers.read_header(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))


# BMP and WebP


def test_bmp_headers_of_all_ages() -> None:
    def bmp(header: bytes, pixels: int) -> bytes:
        return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(header)) + header + b"\x00" * pixels

    os2 = struct.pack("<IHHHH", 12, 5, 4, 1, 24)
    top_down = struct.pack("<IiiHHIIiiII", 40, 5, -4, 1, 24, 0, 0, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    with_alpha = struct.pack("<IiiHHIIiiII", 108, 5, 4, 1, 32, 3, 0, 0, 0, 0, 0) + masks + b"\x00" * 52
    for header, pixels, mode in ((os2, 64, "RGB"), (top_down, 64, "RGB"), (with_alpha, 80, "RGBA")):
        data = bmp(header, pixels)
        image = image_headers.read_header(data)
        with PIL.Image.open(BytesIO(data)) as picture:
            assert picture.size == (5, 4)
            assert picture.mode == mode
        assert image == Image("bmp", 5, 4, len(mode), 1, mode)
        assert not image_headers.is_truncated(data, image)
        assert image_headers.is_truncated(data[:-1], image)
    with pytest.raises(ImageError, match="damaged header"):
        image_headers.read_header(bmp(struct.pack("<IHHHH", 13, 5, 4, 1, 24), 64))


def test_webp_orientation_behind_the_pixels() -> None:
    for block in (exif_block(7), b"Exif\x00\x00" + exif_block(7)):
        data = encode("RGB", "WEBP", exif=block)
        assert data.index(b"EXIF") > data.index(b"VP8 ")
        assert image_headers.read_header(data).orientation == 7


# What is no image, and what pretends to be one


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (encode("RGB", "TIFF"), "TIFF"),
        (b"MM\x00*\x00\x00\x00\x08", "TIFF"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC"),
        (encode("RGB", "AVIF"), "AVIF"),
        (b"\n<!DOCTYPE html><html>404", "an HTML page"),
        (b"<?xml version='1.0'?><annotation/>", "XML or SVG text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file itself"),
        (b"just some text", "bytes 6a 75 73 74"),
    ],
)
def test_other_files_are_named(data: bytes, found: str) -> None:
    with pytest.raises(ImageError) as caught:
        image_headers.read_header(data, "shelf/a.jpg")
    assert caught.value.path == "shelf/a.jpg"
    assert str(caught.value.found).startswith(found)
    anew = "; convert --image-format png encodes it anew" if found in ("TIFF", "AVIF") else ""
    assert caught.value.expected == "JPEG, PNG, GIF, BMP or WebP" + anew


def test_a_file_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    with pytest.raises(ImageError, match="cannot be read") as caught:
        image_headers.read_header_of(file)
    assert caught.value.path == str(file)
    file.write_bytes(b"")
    with pytest.raises(ImageError, match="an empty file"):
        image_headers.read_header_of(file)
    for case, data in GENERATED.items():
        file.write_bytes(data)
        assert image_headers.read_header_of(file) == image_headers.read_header(data), case


@pytest.mark.parametrize("case", ["jpeg", "png", "webp", "gif"])
def test_a_header_longer_than_the_first_read(case: str) -> None:
    profile = segment(0xFFE2, b"ICC_PROFILE\x00" + bytes(60_000))
    data = {
        "jpeg": jpeg(profile, profile, segment(0xFFE1, b"Exif\x00\x00" + exif_block(6))),
        "png": insert_png_chunk(
            insert_png_chunk(encode("RGB", "PNG"), b"teSt", bytes(70_000), b"IDAT"),
            b"eXIf",
            exif_block(6),
            b"IEND",
        ),
        "webp": encode("RGB", "WEBP", exif=exif_block(6), icc_profile=bytes(70_000)),
        "gif": encode("RGB", "GIF") + bytes(70_000),
    }[case]
    asked: list[int | None] = []

    def read(limit: int | None) -> bytes:
        asked.append(limit)
        return data[:limit]

    image = image_headers.read_header_from(read)
    assert image == image_headers.read_header(data)
    assert image.orientation == (1 if case == "gif" else 6)
    assert asked == ([image_headers.FIRST_READ] if case == "gif" else [image_headers.FIRST_READ, None])


BASES = [*GENERATED.values(), jpeg(segment(0xFFE1, b"Exif\x00\x00" + exif_block(6)))]


@settings(max_examples=400, deadline=None)
@given(
    base=st.sampled_from(BASES),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 2000),
)
def test_only_image_errors_come_out(base: bytes, edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(base)
    for position, value in edits:
        data[position % len(data)] = value
    check_hostile(bytes(data[: len(data) - cut] if cut < len(data) else data))


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBPVP8X"]),
    rest=st.binary(max_size=200),
)
def test_only_image_errors_come_out_of_noise(start: bytes, rest: bytes) -> None:
    check_hostile(start + rest)


def check_hostile(data: bytes) -> None:
    try:
        image = image_headers.read_header(data)
    except ImageError:
        return
    assert image.width > 0
    assert image.height > 0
    assert 1 <= image.orientation <= 8
    fault = image_headers.exif_fault(data)
    assert fault is None or image.orientation == 1
    if not image_headers.is_truncated(data, image):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with PIL.Image.open(BytesIO(data)) as picture:
                    size = picture.size
            except Exception:
                return  # Pillow refuses some files at their header that only lack sense further on
        if image.format in ("jpeg", "png"):
            assert (image.width, image.height) == size


def test_a_file_of_empty_segments_ends_soon() -> None:
    """A million steps at most: time in proportion to the length, whatever the bytes."""
    for data in (
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100_000,
        b"\xff\xd8" + b"\xff" * 400_000,
        encode("RGB", "PNG")[:33] + b"\x00\x00\x00\x00abcd\x00\x00\x00\x00" * 30_000,
        b"GIF89a" + struct.pack("<HHBBB", 3, 3, 0, 0, 0) + b"\x21\xf9" * 100_000,
        b"RIFF\xff\xff\xff\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(10) + b"abcd\x00\x00\x00\x00" * 30_000,
    ):
        check_hostile(data)
