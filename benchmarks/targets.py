"""What training targets cost beside decoding the picture: SSDTargets with the 8732 priors of SSD300.

    python benchmarks/targets.py [--boxes 20] [--batch 32] [--images 1024] [--runs 5]

Everything runs in one process, through `ds.map`. A picture is one of benchmarks/loader.py: 500x375, JPEG
quality 90, 94 kB, decoded whole. "the obvious code" compares every box with every prior, (B, M, A), and
matches by one-hot rows: what one writes first. Boxes are random, a tenth to a third of the picture wide; all
M rows hold an object.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf
from augment import photograph
from measure import Run, alternate, function, median, median_ratio, table, verdict

from annotools.targets import SSD300_VOC, RoiSamples, SSDTargets, YoloTargets
from annotools.targets.graph import encode_boxes

SIZE = 300
ANCHORS = [(10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (280, 240)]


def batch_of(count: int, boxes: int) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    sides = draw.uniform(0.1, 0.33, (count, boxes, 2))
    low = draw.uniform(0, 1, (count, boxes, 2)) * (1 - sides)
    return {
        "images": np.zeros((count, 8, 8, 3), np.uint8),  # nobody looks at them
        "bounding_boxes": {
            "boxes": (np.concatenate([low, low + sides], -1)).astype(np.float32),
            "labels": draw.integers(0, 20, (count, boxes)).astype(np.int32),
        },
    }


def obvious(batch: dict[str, Any]) -> Any:
    """All pairs; the best prior of each box is forced by a one-hot row, the last box wins."""
    boxes, labels = batch["bounding_boxes"]["boxes"], batch["bounding_boxes"]["labels"]
    priors = tf.constant(SSD300_VOC.boxes)
    low = tf.maximum(boxes[:, :, None, :2], priors[:, :2])
    high = tf.minimum(boxes[:, :, None, 2:], priors[:, 2:])
    common = tf.reduce_prod(tf.nn.relu(high - low), -1)
    area = tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], -1)[..., None]
    overlap = common / (area + tf.reduce_prod(priors[:, 2:] - priors[:, :2], -1) - common)
    forced = (
        tf.one_hot(tf.argmax(overlap, -1), len(SSD300_VOC)) * (tf.range(1.0, boxes.shape[1] + 1)[:, None])
    )
    owner = tf.reduce_max(forced, 1)
    row = tf.where(owner > 0, tf.cast(owner, tf.int64) - 1, tf.argmax(overlap, 1))
    is_object = (owner > 0) | (tf.reduce_max(overlap, 1) >= 0.5)
    offsets = encode_boxes(tf.gather(boxes, row, batch_dims=1), priors)
    kinds = tf.where(is_object, tf.gather(labels, row, batch_dims=1), -1)
    return batch["images"], {"boxes": tf.where(is_object[..., None], offsets, 0), "labels": kinds}


def epoch(ds: tf.data.Dataset) -> Callable[[], Run]:
    def iterate() -> None:
        for _ in ds:
            pass

    return lambda: function(iterate)


def competitors(options: argparse.Namespace) -> dict[str, Callable[[], Run]]:
    steps = max(1, options.images // options.batch)
    picture = photograph(375, 500, 0)
    decode = tf.data.Dataset.from_tensors(picture).repeat(steps * options.batch)
    batches = tf.data.Dataset.from_tensors(batch_of(options.batch, options.boxes)).repeat(steps)
    ours = {
        "SSDTargets, caffe": SSDTargets(SSD300_VOC, box_format="rel_xyxy"),
        "SSDTargets, ssd_keras": SSDTargets(SSD300_VOC, matching="ssd_keras", box_format="rel_xyxy"),
        "YoloTargets, v3": YoloTargets("v3", (38, 19, 10), ANCHORS, SIZE, box_format="rel_xyxy"),
        "RoiSamples, 64": RoiSamples(box_format="rel_xyxy"),
    }
    return {
        "decode": epoch(decode.map(lambda data: tf.io.decode_jpeg(data, channels=3))),
        **{name: epoch(batches.map(targets)) for name, targets in ours.items()},
        "the obvious code": epoch(batches.map(obvious)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--boxes", type=int, default=20, help="M, objects in a picture")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    images = max(1, options.images // options.batch) * options.batch
    runs = alternate(competitors(options), options.runs)
    rows = []
    for name, found in runs.items():
        ratio = median_ratio(found, runs["decode"])
        target = verdict(ratio, most=1 / 3) if name == "SSDTargets, caffe" else ""
        rows.append([name, f"{median(found, 'cpu') / images * 1000:.3f}", f"{ratio:.2f}", target])
    print(
        table(
            [f"A = {len(SSD300_VOC)}, M = {options.boxes}", "CPU ms an image", "of a decode", "target"], rows
        )
    )


if __name__ == "__main__":
    main()
