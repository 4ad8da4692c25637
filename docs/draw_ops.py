"""The sheets of docs/augmentation.md: what each op makes of a picture of sample_data, with its boxes.

    python docs/draw_ops.py [FOLDER]        default: docs/pictures

Every op is on one of the sheets, with arguments that show it; a tile is named by the text that makes it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
from PIL import Image, ImageDraw

import annotools
from annotools import augment as a

HERE = Path(__file__).parent
SAMPLE_DATA = HERE.parent / "sample_data"
TILE = (120, 160)  # height, width
NAME = 13  # pixels of height for the text
COLUMNS = 5
PALETTE = ("#ff3b30", "#34c759", "#0a84ff", "#ffcc00", "#ff2d95", "#00c7be")

SHEETS: dict[str, tuple[str, ...]] = {
    "geometry": (
        "perspective(0.6, p=1.0)",
        "horizontal_flip(1.0)",
        "vertical_flip(1.0)",
        "rot90(turns=(1,), p=1.0)",
        "random_crop",
        "iou_crop",
        "expand(max_ratio=2.5, p=1.0)",
        "scale_jitter",
        "translate((0.3, 0.3))",
        "rotate(degrees=30)",
        "rotate(degrees=30, boxes=ellipse)",
        "shear(x=25)",
        "resize((80, 160))",
        "letterbox((160, 160))",
        "center_crop((120, 120))",
        "resize_scale|fixed_size_crop",
        "resize_shortest_edge((90,))",
        "random_size_crop(90, 200)",
        "fixed_size_crop",
        "rand_augment(magnitude=20)",
    ),
    "colour": (
        "none",
        "color_jitter(p_each=1.0)",
        "color_jitter(p_each=1.0, hsv=exact)",
        "hsv_gain",
        "grayscale(1.0)",
        "channel_shuffle(1.0)",
        "gamma((0.4, 0.5), p=1.0)",
        "posterize((2, 2), p=1.0)",
        "solarize((100, 120), p=1.0)",
        "auto_contrast(p=1.0)",
        "equalize(p=1.0)",
        "clahe((3, 3), p=1.0)",
        "gaussian_blur((1.5, 2), p=1.0)",
        "motion_blur((9, 12), p=1.0)",
        "sharpness((3, 4), p=1.0)",
        "gaussian_noise((20, 25), p=1.0)",
        "jpeg_artifacts((8, 12), p=1.0)",
        "on_pixels(negative)",
        "some_of((gamma, grayscale(1.0)), 2)",
        "random_order((gamma, grayscale(1.0)))",
    ),
    "several": (
        "cutout(holes=3, p=1.0)",
        "random_erase(p=1.0)",
        "mosaic",
        "mix_up(p=1.0)",
        "mosaic|mix_up(p=1.0, ops=(mosaic,))",
        "copy_paste(4, p=1.0)",
        "sometimes(rotate(degrees=30))",
        "one_of((rotate, cutout(p=1.0)))",
        "if_classes(rotate(degrees=30), none=(9,))",
        "cutout(p=1.0)|on_pixels(negative)",
    ),
    "presets": ("light", "ssd", "torchvision_ssd", "ssd512", "yolo", "yolox", "detr(longest=160)", "lsj"),
}


def negative(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return 255 - pixels


def sample(number: int) -> a.Sample:
    """The picture shelf-<number> with its boxes; labels by the order in which classes are met."""
    path = SAMPLE_DATA / "Annotations" / f"shelf-{number:03}.xml"
    annotation = annotools.parse(path.read_bytes(), path=str(path))
    names = sorted({one.name for every in annotools.read(SAMPLE_DATA) for one in every.objects})
    found = [one.bndbox for one in annotation.objects if one.bndbox is not None]
    boxes = [(box.xmin, box.ymin, box.xmax, box.ymax) for box in found]
    data = (SAMPLE_DATA / "JPEGImages" / f"shelf-{number:03}.jpg").read_bytes()
    return a.make_sample(data, boxes, [names.index(one.name) for one in annotation.objects])


def tile(text: str, samples: list[a.Sample]) -> Image.Image:
    """One picture with its boxes, and the text under it."""
    augmenter = a.Augmenter(a.from_text(text, (negative,)), TILE, resize="letterbox")
    plan = augmenter.plan_one(
        samples[0], a.example_seed(3, 0, len(text)), partner=lambda k, seed: samples[1 + k % 5]
    )
    picture = Image.fromarray(augmenter.execute(plan).numpy())
    draw = ImageDraw.Draw(picture)
    for box, label in zip(plan.boxes.numpy(), plan.labels.numpy(), strict=True):
        x1, y1, x2, y2 = (float(edge) for edge in box)
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=PALETTE[int(label) % len(PALETTE)])
    whole = Image.new("RGB", (TILE[1], TILE[0] + NAME), "white")
    whole.paste(picture, (0, 0))
    ImageDraw.Draw(whole).text((1, TILE[0]), text[:31], fill="black", font_size=9)
    return whole


def draw_sheet(texts: tuple[str, ...], samples: list[a.Sample]) -> Image.Image:
    rows = -(-len(texts) // COLUMNS)
    width, height = TILE[1] + 4, TILE[0] + NAME + 4
    sheet = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    for place, text in enumerate(texts):
        sheet.paste(tile(text, samples), (place % COLUMNS * width, place // COLUMNS * height))
    return sheet


def main(folder: Path) -> None:
    samples = [sample(number) for number in (1, 2, 3, 4, 5, 7)]
    folder.mkdir(exist_ok=True)
    for name, texts in SHEETS.items():
        draw_sheet(texts, samples).save(folder / f"ops-{name}.webp", quality=72, method=6)


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    main(Path(arguments[0]) if arguments else HERE / "pictures")
