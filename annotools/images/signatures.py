"""What a file is that is not what it should be: a name for its first bytes, to put into messages."""

from __future__ import annotations


def describe(head: bytes) -> str:
    """What a file seems to be that is none of the five image formats, from its first bytes."""
    if not head:
        return "an empty file"
    for magic, name in _FOREIGN_MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}.get(
            head[8:12], f"an MP4-like container ({head[8:12]!r})"
        )
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if text.startswith(b"<"):
        return "XML or SVG text"
    return f"bytes {head[:12].hex(' ')}"


_FOREIGN_MAGIC = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    *((b"P%d%c" % (kind, blank), "PPM, PGM or PBM") for kind in range(1, 7) for blank in b" \t\r\n"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"PK\x03\x04", "a zip archive"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)

CONVERTIBLE = frozenset(("TIFF", "BigTIFF", "JPEG 2000", "PPM, PGM or PBM", "AVIF", "Photoshop"))
"""Names of formats that Pillow reads, though TensorFlow does not."""
