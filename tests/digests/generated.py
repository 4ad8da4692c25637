"""Sources made here, always of the same bytes: no picture is encoded, Pillow and zlib may differ."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).parent / "pictures"
SHOP_NAMES = ("shoes", "watch", "手机", "books")

Object = tuple[str, Any, Any, Any, Any]
ONE: tuple[Object, ...] = (("shoes", 5, 6, 30, 35),)


def picture(name: str = "plain.jpg", *, comment: str = "", orientation: int = 0) -> bytes:
    """A stored picture of 60 x 40 pixels; a JPEG with a comment differs from all others in bytes only."""
    data = (PICTURES / name).read_bytes()
    if comment:
        text = comment.encode()
        data = data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]
    if orientation:
        tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, orientation, 0) + b"\0\0\0\0"
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + data[2:]
    return data


def voc_xml(
    filename: str, objects: Iterable[Object] = ONE, size: Sequence[Any] | None = (60, 40, 3)
) -> bytes:
    lines = ["<annotation>", f"\t<filename>{filename}</filename>"]
    if size is not None:
        tags = zip(("width", "height", "depth"), size, strict=True)
        lines += ["\t<size>" + "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags) + "</size>"]
    for name, *box in objects:
        lines += ["\t<object>", f"\t\t<name>{name}</name>", "\t\t<difficult>0</difficult>", "\t\t<bndbox>"]
        edges = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        lines += [f"\t\t\t<{tag}>{value}</{tag}>" for tag, value in edges]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return "\n".join([*lines, "</annotation>", ""]).encode()


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def add(root: Path, stem: str, objects: Iterable[Object] = ONE, **given: Any) -> None:
    """One image and its XML in a VOC tree; `image` and `xml` replace their bytes, None leaves one out."""
    extension = given.get("extension", ".jpg")
    image = given.get("image", picture(comment=stem))
    xml = given.get("xml", voc_xml(f"{stem}{extension}", objects, given.get("size", (60, 40, 3))))
    if image is not None:
        put(root / "JPEGImages" / f"{stem}{extension}", image)
    if xml is not None:
        put(root / "Annotations" / f"{stem}.xml", xml)


def add_list(root: Path, name: str, stems: Iterable[str]) -> None:
    put(root / "ImageSets" / "Main" / f"{name}.txt", "".join(f"{stem}\n" for stem in stems).encode())


def make_shop(root: Path) -> Path:
    """40 images with 0 to 3 objects of four classes, in no list."""
    for number in range(40):
        objects = [
            (SHOP_NAMES[(number + k) % 4], 1 + k, 2 + number % 7, 20 + number % 13 + k, 30 + k)
            for k in range(number % 4)
        ]
        add(root, f"img{number:03d}", objects)
    return root


def make_listed(root: Path) -> Path:
    """The shop with lists that leave images out."""
    make_shop(root)
    stems = [f"img{number:03d}" for number in range(40)]
    add_list(root, "train", stems[:20])
    add_list(root, "val", stems[20:28])
    add_list(root, "test", stems[28:36])
    add_list(
        root, "shoes_train", [f"{stem} {1 if number % 2 else -1}" for number, stem in enumerate(stems[:20])]
    )
    return root


def make_copies(root: Path) -> Path:
    """Photos with the augmented copies that Roboflow makes of each, which belong to one split."""
    for number in range(24):
        add(root, f"shelf_{number // 3}_jpg.rf.{number * 7919:08x}ABc", ONE if number % 2 else ())
    return root


def make_messy(root: Path) -> Path:
    """One image for each thing that goes wrong, beside some that are right."""
    for number in range(4):
        add(root, f"good{number}", [("shoes", 5, 6, 30, 35), ("watch", 1 + number, 2, 20, 30)])
    watch = ("watch", 5, 6, 30, 35)
    boxes: dict[str, list[Object]] = {
        "inverted": [("shoes", 30, 6, 5, 35), watch],
        "outside": [("shoes", -4, 6, 64, 35), watch],
        "just-outside": [("shoes", -0.0004, -1e-9, 60.0009, 40.3)],
        "noise": [("shoes", -0.0004, -1e-9, 60.0009, 40.0000001), ("watch", 1, 2, 60.0000001, 40.0009)],
        "nowhere": [("shoes", 70, 50, 80, 60), watch],
        "zero": [("shoes", 9, 6, 9, 35), watch],
        "twice": [watch, watch],
        "nan": [("shoes", "nan", 6, 30, 35), watch],
        "text": [("shoes", 5, "abc", 30, 35), watch],
        "fractions": [("shoes", 5.25, "6.50", "30.125", 35)],
        "normalised": [("shoes", 0.1, 0.2, 0.5, 0.9)],
        "case": [("Shoes", 5, 6, 30, 35), (" watch ", 1, 2, 30, 35), ("red  cup", 1, 2, 9, 9)],
        "whole": [("shoes", 0, 0, 60, 40)],
        "negative": [],
        "tiny": [("shoes", 5, 6, 6, 7)],
    }
    for stem, objects in boxes.items():
        add(root, stem, objects)
    add(root, "unparsable", xml=voc_xml("unparsable.jpg")[:200])
    add(root, "wrong-root", xml=b"<annotations><image/></annotations>")
    add(root, "no-box", xml=voc_xml("no-box.jpg").replace(b"bndbox", b"other"))
    add(root, "no-image", image=None)
    add(root, "no-xml", xml=None)
    add(root, "html", image=b"<!DOCTYPE html><html>404</html>")
    add(root, "empty", image=b"")
    add(root, "cut", image=picture()[:-40])
    add(root, "png-called-jpg", image=picture("plain.png"))
    add(root, "no-size", size=None)
    add(root, "zero-size", size=(0, 0, 3))
    add(root, "swapped", size=(40, 60, 3))
    add(root, "scaled", [("shoes", 50, 60, 300, 350)], size=(600, 400, 3))
    add(root, "unrelated", size=(61, 35, 3))
    add(root, "depth", size=(60, 40, 1))
    add(root, "deleted", xml=voc_xml("deleted.jpg").replace(b"<bndbox>", b"<deleted>1</deleted><bndbox>"))
    add(root, "turned", image=picture(orientation=3))
    add(root, "same1", image=picture(comment="same"))
    add(root, "same2", image=picture(comment="same"))
    put(root / "JPEGImages" / "good3.png", picture("plain.png"))
    put(root / "old" / "outside.xml", voc_xml("outside.jpg"))
    return root


def make_exif(root: Path) -> Path:
    """Each orientation, with a <size> of the picture as shown and, where that differs, as stored."""
    for orientation in range(1, 9):
        image = picture(comment=f"{orientation}", orientation=orientation)
        shown = (40, 60, 3) if orientation >= 5 else (60, 40, 3)
        add(root, f"shown{orientation}", [("shoes", 3, 5, 20, 33)], image=image, size=shown)
        if orientation >= 5:
            add(root, f"stored{orientation}", [("shoes", 3, 5, 50, 33)], image=image + b" ", size=(60, 40, 3))
    return root


def make_pictures(root: Path) -> Path:
    """Each stored picture: formats, colours and depths."""
    for path in sorted(PICTURES.iterdir()):
        add(root, path.name.replace(".", "-"), image=path.read_bytes(), extension=path.suffix)
    return root


def make_shapes(root: Path) -> Path:
    """Objects that have another shape instead of a box."""

    def polygon(*points: tuple[int, int]) -> str:
        return "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points)

    shapes = {
        "rotated": "<robndbox><cx>30</cx><cy>20</cy><w>20</w><h>10</h><angle>0.7853981634</angle></robndbox>",
        "corners": "<robndbox><x_left_top>10</x_left_top><y_left_top>5</y_left_top>"
        "<x_right_top>30</x_right_top><y_right_top>8</y_right_top><x_right_bottom>28</x_right_bottom><y_right_bottom>20</y_right_bottom>"
        "<x_left_bottom>8</x_left_bottom><y_left_bottom>17</y_left_bottom></robndbox>",
        "points": f"<polygon>{polygon((3, 4), (40, 9), (20, 30))}</polygon>",
        "numbered": "<polygon><x1>3</x1><y1>4</y1><x2>40</x2><y2>9</y2><x3>20</x3><y3>30</y3></polygon>",
    }
    for stem, shape in shapes.items():
        text = voc_xml(f"{stem}.jpg").decode()
        start, end = text.index("\t\t<bndbox>"), text.index("</bndbox>") + len("</bndbox>")
        add(root, stem, xml=(text[:start] + shape + text[end:]).encode())
    add(root, "plain")
    return root


def make_layout(root: Path, names: Iterable[str]) -> Path:
    """The files `names`: pictures, XML, text. What follows `=` is the <filename> or the text."""
    for entry in names:
        name, _, content = entry.partition("=")
        extension = name.rpartition(".")[2].lower()
        if extension == "xml":
            put(root / name, voc_xml(content))
        elif extension in ("jpg", "jpeg"):
            put(root / name, picture(comment=name))
        elif extension in ("png", "gif", "webp", "bmp"):
            put(root / name, picture(f"plain.{extension}"))
        else:
            put(root / name, content.encode())
    return root
