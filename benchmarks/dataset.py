"""A data set of any size that resembles VOC2007, for the benchmarks.

    python benchmarks/dataset.py FOLDER --files 5000

Annotations/ holds one XML of about 1 kB for each image, in the layout of VOC2007, each different.
JPEGImages/ holds JPEG, 500x375 and about 44 kB unless asked otherwise: a few dozen distinct pictures,
hard-linked to all names. So 50,000 of them cost little disk and stay in the page cache: the benchmarks
measure programs, not the disk.
The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path
from random import Random

from PIL import Image, ImageChops, ImageFilter

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
POSES = ("Unspecified", "Left", "Right", "Frontal", "Rear")
Size = tuple[int, int]


def picture(rng: Random, kilobytes: int, size: Size) -> bytes:
    """A JPEG whose detail falls off with frequency as in photographs, of `kilobytes` within 5 %."""
    image = Image.new("RGB", size, (128, 128, 128))
    for octave in range(7 if size[0] < 1000 else 9):
        cells = (4 << octave, 3 << octave)
        noise = Image.frombytes("RGB", cells, rng.randbytes(3 * cells[0] * cells[1]))
        layer = noise.resize(size, Image.Resampling.BICUBIC)
        layer = Image.blend(layer.convert("L").convert("RGB"), layer, 0.3)  # photographs are mostly grey
        image = Image.blend(image, layer, 0.6 / (octave + 1))
    for _ in range(6):  # edges: things in front of a background
        blob = Image.frombytes("L", (5, 4), rng.randbytes(20)).resize(size, Image.Resampling.BICUBIC)
        mask = blob.point([255 if v > 170 else 0 for v in range(256)]).filter(ImageFilter.GaussianBlur(1))
        tint = Image.new("RGB", image.size, tuple(80 + v // 3 for v in rng.randbytes(3)))
        image = Image.composite(ImageChops.overlay(image, tint), image, mask)
    low, high, best = 20, 97, b""
    while low <= high:
        quality = (low + high) // 2
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        best = buffer.getvalue()
        if abs(len(best) - kilobytes * 1000) < 50 * kilobytes:
            break
        if len(best) < kilobytes * 1000:
            low = quality + 1
        else:
            high = quality - 1
    return best


def annotation(rng: Random, stem: str, size: Size) -> str:
    """One to five objects; every twentieth person has the parts of VOC's person layout task."""
    width, height = size
    lines = [
        "<annotation>",
        "\t<folder>VOC2007</folder>",
        f"\t<filename>{stem}.jpg</filename>",
        "\t<source>",
        "\t\t<database>The VOC2007 Database</database>",
        "\t\t<annotation>PASCAL VOC2007</annotation>",
        "\t\t<image>flickr</image>",
        f"\t\t<flickrid>{rng.randrange(10**8, 10**9)}</flickrid>",
        "\t</source>",
        "\t<owner>",
        f"\t\t<flickrid>{rng.randrange(10**6)}</flickrid>",
        "\t\t<name>somebody</name>",
        "\t</owner>",
        "\t<size>",
        f"\t\t<width>{width}</width>",
        f"\t\t<height>{height}</height>",
        "\t\t<depth>3</depth>",
        "\t</size>",
        "\t<segmented>0</segmented>",
    ]
    for _ in range(rng.choice((1, 1, 2, 2, 3, 3, 4, 5))):
        name = rng.choice(CLASSES)
        xmin, ymin = rng.randrange(1, width - 60), rng.randrange(1, height - 60)
        xmax, ymax = rng.randrange(xmin + 40, width + 1), rng.randrange(ymin + 40, height + 1)
        lines += [
            "\t<object>",
            f"\t\t<name>{name}</name>",
            f"\t\t<pose>{rng.choice(POSES)}</pose>",
            f"\t\t<truncated>{int(rng.random() < 0.3)}</truncated>",
            f"\t\t<difficult>{int(rng.random() < 0.15)}</difficult>",
            "\t\t<bndbox>",
            f"\t\t\t<xmin>{xmin}</xmin>",
            f"\t\t\t<ymin>{ymin}</ymin>",
            f"\t\t\t<xmax>{xmax}</xmax>",
            f"\t\t\t<ymax>{ymax}</ymax>",
            "\t\t</bndbox>",
        ]
        if name == "person" and rng.random() < 0.05:
            lines += [
                "\t\t<part>",
                "\t\t\t<name>head</name>",
                "\t\t\t<bndbox>",
                f"\t\t\t\t<xmin>{xmin}</xmin>",
                f"\t\t\t\t<ymin>{ymin}</ymin>",
                f"\t\t\t\t<xmax>{(xmin + xmax) // 2}</xmax>",
                f"\t\t\t\t<ymax>{(ymin + ymax) // 2}</ymax>",
                "\t\t\t</bndbox>",
                "\t\t</part>",
            ]
        lines.append("\t</object>")
    return "\n".join([*lines, "</annotation>", ""])


def make(
    folder: Path,
    files: int,
    *,
    seed: int = 0,
    distinct: int = 32,
    kilobytes: int = 44,
    size: Size = (500, 375),
) -> Path:
    """Write the data set, unless the folder holds it already; returns `folder`."""
    stamp = folder / ".complete"
    recipe = f"files={files} seed={seed} distinct={distinct} kilobytes={kilobytes} size={size}\n"
    if stamp.exists() and stamp.read_text() == recipe:
        return folder
    annotations, images = folder / "Annotations", folder / "JPEGImages"
    annotations.mkdir(parents=True)
    images.mkdir()
    rng = Random(seed)
    originals: list[Path] = []
    for i in range(files):
        stem = f"{i:06d}"
        (annotations / f"{stem}.xml").write_text(annotation(rng, stem, size), encoding="utf-8")
        path = images / f"{stem}.jpg"
        if len(originals) < distinct:
            path.write_bytes(picture(rng, kilobytes, size))
            originals.append(path)
        else:
            os.link(originals[i % distinct], path)
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("".join(f"{i:06d}\n" for i in range(files)))
    (folder / "classes.txt").write_text("\n".join([*CLASSES, ""]))
    stamp.write_text(recipe)
    return folder


def set_apart(folder: Path) -> Path:
    """Give every image, which `make` links to a few, its own bytes: a JPEG comment with its number."""
    stamp = folder / ".set-apart"
    if not stamp.exists():
        for number, image in enumerate(sorted((folder / "JPEGImages").iterdir())):
            data = image.read_bytes()
            own = image.with_suffix(".own")
            own.write_bytes(data[:2] + b"\xff\xfe\x00\x0a%08d" % number + data[2:])
            os.replace(own, image)
        stamp.touch()
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distinct", type=int, default=32, help="different pictures")
    parser.add_argument("--kilobytes", type=int, default=44, help="size of one picture")
    parser.add_argument("--size", default="500x375", help="of the pictures, in pixels")
    args = parser.parse_args()
    width, height = (int(extent) for extent in args.size.split("x"))
    made = make(
        args.folder,
        args.files,
        seed=args.seed,
        distinct=args.distinct,
        kilobytes=args.kilobytes,
        size=(width, height),
    )
    print(made)
