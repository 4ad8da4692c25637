"""What is said of an image from its header, against what TensorFlow and Pillow make of the whole file.

Every kind of file that Pillow or a few lines here can write is in KINDS; those that need another encoder are
files in tests/data/images (made with libjpeg-turbo's cjpeg).
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from annotools.errors import ImageError
from annotools.images.header import read_header
from annotools.images.readable import is_sequence, sample_bits, why_unreadable

W, H = 32, 24
Y, X = np.mgrid[0:H, 0:W]
PIXELS: NDArray[np.uint8] = np.stack([X * 8, Y * 10, (X * 3 + Y * 5) % 256], -1).astype(np.uint8)
RGB = PIL.Image.fromarray(PIXELS)
GREY = RGB.convert("L")
RGBA = RGB.copy()
RGBA.putalpha(PIL.Image.fromarray((X * 7 % 256).astype(np.uint8)))
OPAQUE = RGB.copy()
OPAQUE.putalpha(255)
FILES = sorted((Path(__file__).parents[1] / "data" / "images").glob("*.jpg"))
ABORTS = "webp-animation"  # TensorFlow 2.21 ends the process with a failed check


def saved(picture: PIL.Image.Image, fmt: str, **options: Any) -> bytes:
    output = BytesIO()
    picture.save(output, fmt, **options)
    return output.getvalue()


def frames(fmt: str, *pictures: PIL.Image.Image, **options: Any) -> bytes:
    first, *others = pictures
    return saved(first, fmt, save_all=True, append_images=others, **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour: int, depth: int, rows: NDArray[Any], before: bytes = b"", size: Any = (W, H)) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    blocks = chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + blocks


def bmp(
    bits: int, pixels: bytes, *, compression: int = 0, header: int = 40, masks: bytes = b"",
    palette: bytes = b"", size: tuple[int, int] = (W, H),
) -> bytes:  # fmt: skip
    body = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, 0, 0, 0, len(palette) // 4, 0)
    body = (body + masks).ljust(header, b"\0")
    start = 14 + len(body) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + body + palette + pixels


def with_screen(gif: bytes, width: int, height: int) -> bytes:
    return gif[:6] + struct.pack("<HH", width, height) + gif[10:]


WIDE = (PIXELS.astype(">u2") * 257).astype(">u2")
BGR = PIXELS[::-1, :, ::-1]
BGRX = np.dstack([BGR, np.zeros((H, W), np.uint8)]).tobytes()
BGRA = np.dstack([BGR, np.full((H, W), 255, np.uint8)]).tobytes()
MASKS = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
INDEXED = RGB.quantize(16)
INDICES = np.asarray(INDEXED)[::-1].astype(np.uint8)
COLOURS = np.array(INDEXED.getpalette()[:48], np.uint8).reshape(-1, 3)[:, ::-1]  # type: ignore[index]
PALETTE = b"".join(bytes(colour) + b"\0" for colour in COLOURS)
GREYS = b"".join(bytes((value, value, value, 0)) for value in range(256))
RLE = b"".join(b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in INDICES) + b"\0\1"
GIF = saved(RGB.quantize(64), "GIF")
LOSSY = saved(RGB, "WEBP", quality=90)

KINDS: dict[str, bytes] = {
    **{
        f"jpeg-{mode}-{name}": saved(RGB.convert(mode), "JPEG", quality=95, **options)
        for mode in ("L", "RGB", "CMYK")
        for name, options in (("base", {}), ("progressive", {"progressive": True}))
    },
    **{f"jpeg-sampling{n}": saved(RGB, "JPEG", quality=95, subsampling=n) for n in (0, 1, 2)},
    "jpeg-rgb-kept": saved(RGB, "JPEG", quality=95, keep_rgb=True),
    "jpeg-restarts": saved(RGB, "JPEG", quality=95, restart_marker_rows=1),
    "jpeg-one-pixel": saved(RGB.resize((1, 1)), "JPEG"),
    "jpeg-junk-behind": saved(RGB, "JPEG", quality=95) + b"junk",
    "jpeg-mpo": frames("MPO", RGB, RGB),
    **{f"jpeg-{file.stem}": file.read_bytes() for file in FILES},
    **{f"png-{mode}": saved(RGBA.convert(mode), "PNG") for mode in ("1", "L", "LA", "RGB", "RGBA")},
    **{f"png-P{bits}": saved(RGB.quantize(2**bits), "PNG", bits=bits) for bits in (1, 2, 4, 8)},
    "png-P-transparent": saved(RGB.quantize(64), "PNG", transparency=3),
    "png-P-alphas": saved(RGB.quantize(64), "PNG", transparency=bytes(range(64))),
    "png-L-transparent": saved(GREY, "PNG", transparency=100),
    "png-RGB-transparent": saved(RGB, "PNG", transparency=(0, 0, 0)),
    "png-L16": png(0, 16, WIDE[..., 0]),
    "png-LA16": png(4, 16, WIDE[..., :2]),
    "png-RGB16": png(2, 16, WIDE),
    "png-RGBA16": png(6, 16, np.dstack([WIDE, WIDE[..., :1]])),
    "png-gamma": png(2, 8, PIXELS, chunk(b"gAMA", struct.pack(">I", 100000))),
    "png-gamma16": png(2, 16, WIDE, chunk(b"gAMA", struct.pack(">I", 45455))),
    "png-srgb": png(2, 8, PIXELS, chunk(b"sRGB", b"\0")),
    "png-animation": frames("PNG", RGB, RGB.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)),
    "png-long-side": png(0, 8, np.zeros((1, 1_000_001), np.uint8), size=(1_000_001, 1)),
    "bmp-1": saved(RGB.convert("1"), "BMP"),
    "bmp-L": saved(GREY, "BMP"),
    "bmp-P": saved(RGB.quantize(200), "BMP"),
    "bmp-RGB": saved(RGB, "BMP"),
    "bmp-RGBA": saved(RGBA, "BMP"),
    "bmp-4": bmp(4, (INDICES[:, ::2] << 4 | INDICES[:, 1::2]).tobytes(), palette=PALETTE),
    "bmp-8": bmp(8, INDICES.tobytes(), palette=PALETTE),
    "bmp-8-rle": bmp(8, RLE, compression=1, palette=PALETTE),
    "bmp-8-grey": bmp(8, np.asarray(GREY)[::-1].tobytes(), palette=GREYS),
    "bmp-8-inverted": bmp(8, np.asarray(GREY)[::-1].tobytes(), palette=GREYS[::-1][1:] + b"\0"),
    "bmp-16": bmp(16, np.zeros((H, W), "<u2").tobytes()),
    "bmp-565": bmp(
        16, np.zeros((H, W), "<u2").tobytes(), compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    ),
    "bmp-24": bmp(24, BGR.tobytes()),
    "bmp-24-top-down": bmp(24, PIXELS[..., ::-1].tobytes(), size=(W, -H)),
    "bmp-24-padded": bmp(24, b"".join(row[:31].tobytes() + b"\0" * 3 for row in BGR), size=(31, H)),
    "bmp-24-longer": bmp(24, BGR.tobytes()) + b"\0\0",
    "bmp-32": bmp(32, BGRX),
    "bmp-32-masks": bmp(32, BGRX, compression=3, masks=MASKS[:12]),
    "bmp-32-v3": bmp(32, BGRA, compression=3, header=56, masks=MASKS),
    "bmp-32-v4": bmp(32, BGRA, compression=3, header=108, masks=MASKS),
    "bmp-32-v5": bmp(32, BGRA, compression=3, header=124, masks=MASKS),
    "bmp-32-other-order": bmp(
        32, BGRA, compression=3, header=108, masks=struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    ),
    "bmp-os2": b"BM" + struct.pack("<IHHIIHHHH", 26 + W * H * 3, 0, 0, 26, 12, W, H, 1, 24) + BGR.tobytes(),
    "gif-P": GIF,
    "gif-L": saved(GREY, "GIF"),
    "gif-1": saved(RGB.convert("1"), "GIF"),
    "gif-not-interlaced": saved(RGB.quantize(64), "GIF", interlace=0),
    "gif-transparent": saved(RGB.quantize(64), "GIF", transparency=5),
    "gif-animation": frames("GIF", RGB.quantize(64), GREY),
    "gif-larger-screen": with_screen(GIF, W + 8, H + 6),
    "gif-smaller-screen": with_screen(GIF, W - 8, H - 6),
    "webp-lossy": LOSSY,
    "webp-lossy-alpha": saved(RGBA, "WEBP", quality=90),
    "webp-lossless": saved(RGB, "WEBP", lossless=True),
    "webp-lossless-alpha": saved(RGBA, "WEBP", lossless=True, exact=True),
    "webp-lossless-opaque": saved(OPAQUE, "WEBP", lossless=True),
    "webp-profile": saved(RGB, "WEBP", icc_profile=b"x" * 128),
    ABORTS: frames("WEBP", RGB, GREY.convert("RGB")),
}
UNREADABLE = {
    *("png-animation", "png-long-side", "bmp-1", "bmp-P", "bmp-4", "bmp-8", "bmp-8-rle", "bmp-8-inverted"),
    *("bmp-16", "bmp-565", "bmp-24-longer", "bmp-32-other-order", "bmp-os2", "gif-transparent"),
    *("gif-animation", "gif-larger-screen", "webp-lossy-alpha", "webp-lossless-alpha", ABORTS),
}


def verdict(data: bytes) -> str | None:
    """From the first 64 KiB, as `validate --images header` sees them; a GIF whole."""
    head = data if data.startswith(b"GIF8") else data[: 64 << 10]
    return why_unreadable(head, read_header(head), len(data))


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict(kind: str) -> None:
    assert (verdict(KINDS[kind]) is not None) == (kind in UNREADABLE), verdict(KINDS[kind])


def pillow(data: bytes) -> tuple[NDArray[Any], int]:
    """(pixels, frames); of 16 bits the upper 8."""
    with PIL.Image.open(BytesIO(data)) as picture:
        count = getattr(picture, "n_frames", 1)
        if picture.mode.startswith("I;16"):
            return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, 2), count
        alphas = isinstance(picture.info.get("transparency"), bytes)  # Pillow warns of the direct way
        return np.asarray((picture.convert("RGBA") if alphas else picture).convert("RGB")), count


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (ABORTS, "png-long-side")])
def test_the_verdict_is_that_of_tensorflow_and_pillow(kind: str) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    data = KINDS[kind]
    try:
        if kind.startswith("jpeg"):  # decode_image takes a fast transform, whose rounding is coarser
            tf.io.decode_image(data, channels=3)
            decoded = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        else:
            decoded = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError:
        assert verdict(data) is not None
        return
    shown, count = pillow(data)
    image = read_header(data)
    same = decoded.shape == shown.shape and np.abs(decoded.astype(int) - shown).max() <= 1
    same = same and (count == 1 or kind == "jpeg-mpo")
    assert (verdict(data) is None) == same
    if same:
        assert decoded.shape == (image.height, image.width, 3)
        assert is_sequence(image) == (tf.io.decode_image(data, channels=3).shape.rank == 4)


def test_an_animated_webp_ends_the_process_of_tensorflow(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "a.webp").write_bytes(KINDS[ABORTS])
    code = (
        "import sys, tensorflow as tf\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "tf.io.decode_image(data, channels=3, expand_animations=False)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.webp")], capture_output=True, check=False
    )
    assert run.returncode != 0


@pytest.mark.parametrize(("marker", "bits"), [(0xC3, 8), (0xC1, 12), (0xC5, 8), (0xCB, 8)])
def test_a_jpeg_that_nobody_decodes_is_no_image(marker: int, bits: int) -> None:
    data = bytearray(KINDS["jpeg-RGB-base"])
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = marker, bits
    with pytest.raises(ImageError, match="TensorFlow cannot decode"):
        read_header(bytes(data))


def test_bits_of_a_sample() -> None:
    wide = [kind for kind, data in KINDS.items() if sample_bits(data, read_header(data)) == 16]
    assert sorted(wide) == ["png-L16", "png-LA16", "png-RGB16", "png-RGBA16", "png-gamma16"]
