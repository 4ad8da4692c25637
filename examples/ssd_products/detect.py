"""From what the net answers to detections in the pictures' own pixels, and to pictures of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from detector import SIZE
from PIL import Image, ImageDraw

import annotools
from annotools.loader import make_dataset
from annotools.targets import SSDTargets

Detections = dict[str, tuple[Any, Any, Any]]


def detect(model: keras.Model, targets: SSDTargets, source: str, split: str) -> Detections:
    """{image id: (boxes (R, 4), scores (R,), labels (R,))}, boxes in pixels of the original pictures."""
    sizes = {
        Path(a.xml_path or "").stem: a.image.upright_size
        for a in annotools.read(source, split=split, headers=True)
        if a.image is not None
    }
    found: Detections = {}
    for batch in make_dataset(source, split=split, image_size=SIZE, batch_size=16, shuffle=False):
        answer = model(batch["images"], training=False)
        boxes = targets.decode(answer["boxes"])
        scores = tf.nn.softmax(answer["scores"])[..., 1:]
        kept = tf.image.combined_non_max_suppression(
            boxes[:, :, None], scores, 60, 120, iou_threshold=0.5, score_threshold=0.02, clip_boxes=True
        )
        for index, name in enumerate(batch["image_id"].numpy()):
            width, height = sizes[name.decode()]
            count = int(kept.valid_detections[index])
            shares = kept.nmsed_boxes[index, :count].numpy()
            found[name.decode()] = (
                shares * np.array([width, height, width, height]),
                kept.nmsed_scores[index, :count].numpy(),
                kept.nmsed_classes[index, :count].numpy().astype(int),
            )
    return found


def coco_results(found: Detections) -> list[dict[str, Any]]:
    """As a COCO results file has them: ids of the class map, which count from 1, and x, y, width, height."""
    return [
        {
            "image_id": name,
            "category_id": int(label) + 1,
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "score": float(score),
        }
        for name, parts in found.items()
        for (x1, y1, x2, y2), score, label in zip(*parts, strict=True)
    ]


def draw_detections(source: str, split: str, found: Detections, classes: tuple[str, ...], path: Path) -> None:
    """A sheet of twelve pictures with the detections of score 0.4 or more."""
    sheet = Image.new("RGB", (4 * 330, 3 * 330), "white")
    for index, a in enumerate(annotools.read(source, split=split)):
        if index == 12:
            break
        assert a.image_path is not None
        picture = Image.open(a.image_path).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for box, score, label in zip(*found[Path(a.xml_path or "").stem], strict=True):
            if score >= 0.4:
                pen.rectangle(tuple(box), outline="red")
                pen.text((box[0] + 2, box[1] + 1), f"{classes[label]} {score:.2f}", fill="red")
        sheet.paste(picture, (index % 4 * 330, index // 4 * 330))
    sheet.save(path)


def draw_curve(values: list[float], path: Path) -> None:
    """The loss of each epoch, from the first to the last."""
    sheet = Image.new("RGB", (640, 360), "white")
    pen = ImageDraw.Draw(sheet)
    most = max(values)
    for number in range(5):
        y = 330 - 300 * number / 4
        pen.line([(50, y), (630, y)], fill="lightgrey")
        pen.text((6, y - 6), f"{most * number / 4:.2f}", fill="black")
    step = 580 / max(1, len(values) - 1)
    points = [(50 + step * index, 330 - 300 * value / most) for index, value in enumerate(values)]
    pen.line(points, fill="blue", width=2)
    pen.text((50, 340), f"loss, {len(values)} epochs", fill="black")
    sheet.save(path)
