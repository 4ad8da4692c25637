"""Write the seeds of the fuzzing corpus: small real files of every kind that the readers know.

    python tests/fuzz/make_corpus.py [FOLDER]        the default is tests/fuzz/corpus

The seeds are committed, because the ordinary tests start from them too. A seed of a target with several
readers has the number of one in front (see `READERS` in that target).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
LARGEST = 4096  # libFuzzer is fast on small inputs


def images() -> Iterator[bytes]:
    """Each format, with and without EXIF, palette, alpha, animation."""
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    gradient = Image.linear_gradient("L").resize((24, 16))
    plans: list[tuple[str, str, dict[str, Any]]] = [
        *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
        ("JPEG", "RGB", {"exif": exif, "progressive": True}),
        *(("PNG", mode, {}) for mode in ("L", "LA", "RGB", "RGBA", "P", "1", "I;16")),
        ("PNG", "RGB", {"exif": exif}),
        ("PNG", "P", {"transparency": 0}),
        ("GIF", "P", {}),
        ("GIF", "P", {"save_all": True, "append_images": [gradient.convert("P")], "loop": 0}),
        *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"lossless": True, "exif": exif}),
    ]
    for format, mode, options in plans:
        output = io.BytesIO()
        picture = gradient.convert("I").convert(mode) if mode == "I;16" else gradient.convert(mode)
        picture.save(output, format, **options)
        yield output.getvalue()
    for order in ("<", ">"):
        tag = struct.pack(order + "HHIHH", 274, 3, 1, 6, 0)
        mark = b"II" if order == "<" else b"MM"
        yield mark + struct.pack(order + "HIH", 42, 8, 1) + tag + bytes(4)


def voc() -> Iterator[bytes]:
    """One file of each dialect and of each fault, as far as they are small."""
    for folder in (REPOSITORY / "tests" / "data" / "voc", REPOSITORY / "sample_data"):
        for file in sorted(folder.rglob("*.xml")):
            yield file.read_bytes()


def tfrecord() -> Iterator[bytes]:
    """Records of every dialect, framed, compressed, cut, and by themselves."""
    from annotools.classes.class_map import ClassMap
    from annotools.formats import tfds
    from annotools.formats.example import tf_example
    from annotools.formats.example.framing_writer import Writer
    from annotools.records import Example

    pixels = next(images())
    classes = ClassMap.from_names(["cup", "mug"])
    one = Example(
        "a", "a.jpg", "a.jpg", 24, 16, "jpeg", 1, pixels, hashlib.sha256(pixels).hexdigest(),
        ((1.0, 2.0, 9.0, 12.0),), (2,), ("mug",), ("",), (0,), (1,), (0,),
    )  # fmt: skip
    none = Example("b", "b.jpg", "b.jpg", 24, 16, "jpeg", 1, pixels, hashlib.sha256(pixels).hexdigest())
    records = []
    for example in (one, none):
        for head, tail in (tf_example.encode(example), tfds.encode(example, classes)):
            records.append(head + example.encoded + tail)
    yield from records
    output = io.BytesIO()
    with Writer(output, digest=False) as writer:
        for record in records:
            writer.write(record)
    framed = output.getvalue()
    yield framed
    yield framed[:-7]
    yield gzip.compress(framed, mtime=0)
    yield zlib.compress(framed)
    yield b""


def pickles() -> Iterator[bytes]:
    """The files of the tests, and values of every protocol."""
    for file in sorted((REPOSITORY / "tests" / "data" / "pickles").rglob("*")):
        if file.is_file() and file.suffix in (".pkl", ".p", ".pickle"):
            yield file.read_bytes()
    value = {"a.jpg": [1, -(2**70), 1.5, "é", b"x", None, True, ("t",)], "b": {"c": 2.0**60}}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(value, protocol)
        own = {"format": "annotools", "version": 1, "classes": {"cup": 1}, "annotations": [{"filename": "a"}]}
        yield pickle.dumps(own, protocol)


TARGETS = {"images": images, "voc": voc, "tfrecord": tfrecord, "pickle": pickles}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    for target, seeds in TARGETS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for seed in seeds():
            if len(seed) <= LARGEST:
                name = hashlib.sha256(seed).hexdigest()[:12]
                (folder / target / name).write_bytes(seed)


if __name__ == "__main__":
    main()
