"""Folders that YOLO trainers read: `data.yaml`, `images/<split>/`, `labels/<split>/<stem>.txt`.

https://docs.ultralytics.com/datasets/detect/ : a line an object, `class x y width height`, classes from 0 in
the order of the class map, the box by its centre, all as shares of the image, as float64 in full. An image
without objects has an empty file. Images have the names of their ids, so no two of them share a label file.
There is no place for difficult, truncated, occluded and pose: the manifest counts them as `not_written`.

`<split>.sha256` lists the checksums of both files of each image, in the order of the ids; `sha256sum -c` and
`verify` read it.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from annotools.classes.class_map import ClassMap
from annotools.classes.data_yaml import quoted
from annotools.errors import ImageError, ParseError, SourceError
from annotools.files.names import Names
from annotools.files.whole import whole_file
from annotools.formats.entry import Entry, Finding
from annotools.images.header import read_header
from annotools.records import Edges, Example

_SUM: Final = re.compile(r"(\\?)([0-9a-f]{64})  ((?:images|labels)/.+)", re.DOTALL)
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_LETTERS: Final = {escape: letter for letter, escape in _ESCAPES.items()}
Row = tuple[int, Edges]

_KEYS: Final = {"valid": "val", "validation": "val"}


def shard_name(split: str, index: int, count: int) -> str:
    """`train.sha256`: a split is one list of files."""
    return f"{split}.sha256"


def check_format(example: Example) -> None:
    """Raise ImageError for a GIF, which OpenCV and Ultralytics do not take for an image."""
    if example.format == "gif":
        raise ImageError(
            "YOLO trainers do not read GIF (--image-format encodes it anew)",
            path=example.filename,
            field="format",
            found="gif",
            expected="jpeg, png, bmp or webp",
        )


def write(examples: Iterable[Example], path: str | os.PathLike[str], *, classes: ClassMap) -> int:
    """Write images and labels beside `path`, and their checksums into it; return how many images.

    Raises ClassMapError for a class that is not in `classes`, and OutputError for a name that this file
    system cannot hold.
    """
    file, count = Path(path), 0
    allowed = Names(file.parent)
    with whole_file(file) as sums:
        for example in examples:
            text = b"".join(_lines(example, classes))
            image, label = _files(example, file.stem)
            for name, data in ((image, example.encoded), (label, text)):
                allowed.add(name)
                place = file.parent / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
                sums.write(_sum_line(name, data))
            count += 1
    return count


def _files(example: Example, split: str) -> tuple[str, str]:
    """The names of image and label file of an image."""
    extension = posixpath.splitext(example.filename)[1]
    return f"images/{split}/{example.id}{extension}", f"labels/{split}/{example.id}.txt"


def _lines(example: Example, classes: ClassMap) -> Iterator[bytes]:
    width, height = example.width, example.height
    for name, (xmin, ymin, xmax, ymax) in zip(example.names, example.boxes, strict=True):
        x, y = (xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height
        number = classes.index(name, path=example.filename)
        yield f"{number} {x} {y} {(xmax - xmin) / width} {(ymax - ymin) / height}\n".encode()


def _sum_line(name: str, data: bytes) -> bytes:
    """As sha256sum writes it: a backslash comes first where the name had to be escaped."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in name)
    mark = "" if escaped == name else "\\"
    return f"{mark}{hashlib.sha256(data).hexdigest()}  {escaped}\n".encode()


def write_sidecars(
    folder: Path, splits: Mapping[str, Sequence[tuple[str, int, int]]], classes: ClassMap
) -> None:
    """Write data.yaml. Its folders are below its own; `valid` and `validation` are called val there."""
    lines = [f"{_plain(_KEYS.get(name, name))}: {_plain(f'images/{name}')}\n" for name in splits]
    names = [f"  {number}: {quoted(name)}\n" for number, name in enumerate(classes.names)]
    text = "".join([*lines, f"nc: {len(classes)}\n", "names:\n", *names])
    (folder / "data.yaml").write_text(text, encoding="utf-8", newline="\n")


def _plain(text: str) -> str:
    """Without quotes where YAML reads it as text in any case."""
    return text if re.fullmatch(r"(images/)?(train|val|valid|test|trainval)", text) else quoted(text)


def stored_classes(path: str | os.PathLike[str]) -> None:
    """The list has no names of classes; data.yaml is held against the manifest."""


def beside(path: str | os.PathLike[str]) -> Iterator[str]:
    """The names of all files that a list speaks of. ParseError, SourceError."""
    return (name for _, name in _sums(path))


def entries(path: str | os.PathLike[str], classes: Mapping[str, int], *, upright: bool) -> Iterator[Entry]:
    """The images of a list for `verify`. ParseError where it is not as `write` leaves it; SourceError."""
    file = Path(path)
    names = sorted(classes, key=classes.__getitem__)
    found = _sums(path)
    for (image_sum, image), (label_sum, label) in zip(found, found, strict=False):
        if not image.startswith("images/") or not label.startswith("labels/"):
            raise ParseError("not an image and its labels", path=str(path), found=(image, label))
        findings: list[Finding] = []
        picture = _read(file.parent / image, image_sum, "image-sha256", image, findings)
        text = _read(file.parent / label, label_sum, "shard-sha256", label, findings)
        size = _size(picture, image, findings)
        rows = _rows(text, label, findings)
        key = image.split("/", 2)[2]
        yield Entry(
            key,
            partial(_said, image_sum, size, text),
            boxes=[_edges(shares, size) for _, shares in rows],
            size=size,
            names=[names[label] if 0 <= label < len(names) else "" for label, _ in rows],
            field=label,
            findings=findings,
        )


def entry_of(example: Example, classes: Mapping[str, int], *, upright: bool) -> Entry:
    """The same for one image that has yet to be written."""
    text = b"".join(_lines(example, ClassMap(classes)))
    key = _files(example, "")[0].split("/", 2)[2]
    return Entry(key, partial(_said, example.sha256, (example.width, example.height), text))


def _said(image_sum: str, size: tuple[int, int], text: bytes) -> dict[str, Any]:
    return {"image": image_sum, "size": list(size), "labels": text.decode(errors="replace").split("\n")[:-1]}


def _sums(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """(SHA-256, name) of each line of a list."""
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:
            for number, data in enumerate(file, 1):
                match = _SUM.fullmatch(data.removesuffix(b"\n").decode(errors="replace"))
                if match is None or ".." in match[3].split("/"):
                    raise ParseError("not a checksum and a name", path=where, line=number, found=data)
                name = match[3]
                if match[1]:
                    name = re.sub(r"\\.", lambda one: _LETTERS.get(one[0], one[0]), name)
                yield match[2], name
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", path=where) from error


def _read(path: Path, expected: str, rule: str, name: str, findings: list[Finding]) -> bytes:
    """The bytes of a file, and what is wrong with them."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        findings.append(Finding("shard-missing", name, f"cannot be read: {reason}"))
        return b""
    if (found := hashlib.sha256(data).hexdigest()) != expected:
        findings.append(Finding(rule, name, "not the file that was written", found, expected))
    return data


def _size(data: bytes, name: str, findings: list[Finding]) -> tuple[int, int]:
    """(width, height) of an image, (1, 1) where it cannot be read."""
    try:
        header = read_header(data)
    except ImageError as error:
        if data:
            findings.append(Finding("image-unreadable", name, error.message, error.found))
        return 1, 1
    return header.width, header.height


def _rows(text: bytes, name: str, findings: list[Finding]) -> list[Row]:
    """(class, (x, y, width, height)) of each line that is one."""
    rows: list[Row] = []
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            label, x, y, width, height = line.split(b" ")
            rows.append((int(label), (float(x), float(y), float(width), float(height))))
        except ValueError:
            message = f"line {number} is not `class x y width height`"
            findings.append(Finding("undecodable", name, message, line))
    if text and not text.endswith(b"\n"):
        findings.append(Finding("undecodable", name, "the last line has no end", text[-40:]))
    return rows


def _edges(shares: Edges, size: tuple[int, int]) -> Edges:
    x, y, width, height = shares
    return (
        (x - width / 2) * size[0],
        (y - height / 2) * size[1],
        (x + width / 2) * size[0],
        (y + height / 2) * size[1],
    )
