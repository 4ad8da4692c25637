"""Draws a larger and harder shop: random scenes with train, val and a test split of its own look.

    python sample_data/many.py FOLDER [--scenes 2000] [--scale 2] [--workers 2]

The layout is that of `make.py`. A scene holds one to three rows of products: some stand in front of a
neighbour, are cut by the border, a quarter larger or much smaller; cartons, bottles and plants, which are
not annotated, stand among them. Light, camera and shop vary. Products are recoloured, turned a little and
mirrored; those of `test` in hues that no picture of `train` and `val` has, and turned further: a detector
that has learnt drawings by heart does worse there. Seven tenths of the scenes are `train`, `val` and `test`
are 15% each. The same Pillow gives the same files, whatever `--workers`.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import make
import shelf
from brush import Layer
from PIL import Image, ImageOps
from scenes import CLUTTER, PORTRAIT, PRODUCTS, Row, Scene

HANGING = tuple(key for key, product in PRODUCTS.items() if product.hangs)
STANDING = tuple(key for key, product in PRODUCTS.items() if product.name and not product.hangs)
LOOKS = {"train": ((0.0, 0.55), 4.0), "val": ((0.0, 0.55), 4.0), "test": ((0.55, 1.0), 8.0)}
"""Of each split: from which to which part of the colour circle products are turned, and by how many degrees
they lean at most."""


def restyle(look: tuple[tuple[float, float], float], layer: Layer, rng: Random) -> None:
    """Another colour, mirrored, leaning."""
    (least, most), lean = look
    picture, shape = layer.image.convert("RGB"), layer.image.getchannel("A")
    hue, saturation, value = picture.convert("HSV").split()
    turn, strength = round(256 * rng.uniform(least, most)), rng.uniform(0.6, 1.2)
    hue = hue.point([(h + turn) % 256 for h in range(256)])
    saturation = saturation.point([min(255, round(s * strength)) for s in range(256)])
    picture = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    picture.putalpha(shape)
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    layer.image = picture.rotate(rng.uniform(-lean, lean), Image.Resampling.BILINEAR)


def words(rng: Random, keys: tuple[str, ...], count: int, width: int) -> str:
    """A row's text: what stands where."""
    chosen = []
    for place in range(count):
        word = rng.choice(CLUTTER) if keys is STANDING and rng.random() < 0.18 else rng.choice(keys)
        if place and keys is STANDING and rng.random() < 0.25:
            word = f"+{word}"
        elif rng.random() < 0.07:
            word += f"@{rng.choice((-30, -18, width - 34, width - 20))}"
        chosen.append(f"{word}*{rng.uniform(0.6, 1.25):.2f}")
    return " ".join(chosen)


def random_scene(number: int, split: str) -> Scene:
    """The scene of this number; it depends on nothing else."""
    rng = Random(f"{split}-{number}")
    portrait = rng.random() < 0.3
    size = PORTRAIT if portrait else (320, 240)
    layout = rng.choice(("shelves", "rail", "close", "shelves", "rail"))
    most = 4 if portrait else 6
    if layout == "close":
        rows: tuple[Row, ...] = (Row(size[1] - 26, 176, words(rng, STANDING, rng.randint(1, 3), size[0])),)
    elif portrait:
        top = Row(14, 112, words(rng, HANGING, rng.randint(1, 3), 240), rail=True)
        if layout == "shelves":
            top = Row(104, 84, words(rng, STANDING, rng.randint(1, most), 240))
        middle = Row(212, 72, words(rng, STANDING, rng.randint(1, most), 240))
        rows = (top, middle, Row(304, 76, words(rng, STANDING, rng.randint(1, most), 240)))
    elif layout == "rail":
        top = Row(12, 108, words(rng, HANGING, rng.randint(1, 5), 320), rail=True)
        rows = (top, Row(220, 78, words(rng, STANDING, rng.randint(1, most), 320)))
    else:
        rows = tuple(Row(y, 92, words(rng, STANDING, rng.randint(1, most), 320)) for y in (112, 222))
    return Scene(
        f"{split}-{number:05}",
        rng.choice(sorted(shelf.THEMES)),
        rows,
        size,
        split,
        tilt=rng.uniform(0.3, 2.2),
        dim=rng.uniform(0.1, 0.3) if rng.random() < 0.2 else 0.0,
        restyle=partial(restyle, LOOKS[split]),
    )


def scenes(count: int) -> list[Scene]:
    """`count` scenes, in the order train, val, test."""
    held_out = round(count * 0.15)
    parts = {"train": count - 2 * held_out, "val": held_out, "test": held_out}
    return [random_scene(number, split) for split, several in parts.items() for number in range(several)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--scale", type=int, default=2, help="drawn so many times larger, then reduced")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    every = scenes(options.scenes)
    make.prepare(options.folder, every)
    with ProcessPoolExecutor(options.workers) as pool:
        for _ in pool.map(partial(make.write, options.folder, scale=options.scale), every, chunksize=16):
            pass
    print(f"{len(every)} scenes in {options.folder}")


if __name__ == "__main__":
    main()
