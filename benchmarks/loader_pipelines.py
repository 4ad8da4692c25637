"""One pipeline of benchmarks/loader.py, run in its own process and environment; prints one line of JSON.

    python benchmarks/loader_pipelines.py NAME SHARD IMAGES

`SHARD` is a TFRecord file in the keys of the TF Object Detection API; where a manifest lies beside it,
annotools opens the folder. Every pipeline delivers batches of 32 pictures of 300x300x3 uint8 with their boxes
to this process. Only what a pipeline needs is imported, so that peers do not need annotools nor annotools the
peers.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np

BATCH = 32
SIZE = 300
MOST = 8  # rows for boxes
WORKERS = 2
EDGES = ("xmin", "ymin", "xmax", "ymax")
Batches = Iterator[Any]


def parsed(shard: str) -> Any:
    """(encoded, boxes (R, 4) xyxy in shares of the image, labels) of each record, without end."""
    import tensorflow as tf

    many = {
        f"image/object/bbox/{edge}": tf.io.FixedLenSequenceFeature([], tf.float32, True) for edge in EDGES
    }
    label = {"image/object/class/label": tf.io.FixedLenSequenceFeature([], tf.int64, True)}
    spec = {"image/encoded": tf.io.FixedLenFeature([], tf.string)} | many | label

    def parse(record: Any) -> tuple[Any, Any, Any]:
        example = tf.io.parse_single_example(record, spec)
        boxes = tf.stack([example[key] for key in many], -1)
        return example["image/encoded"], boxes, example["image/object/class/label"]

    return tf.data.TFRecordDataset(shard).repeat().map(parse)


def rows(values: Any) -> Any:
    """Padded to MOST rows of -1."""
    import tensorflow as tf

    values = values[:MOST]
    padding = [[0, MOST - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
    shape = [MOST, *values.shape[1:]]
    return tf.ensure_shape(tf.pad(values, padding, constant_values=tf.cast(-1, values.dtype)), shape)


def decode_only(shard: str) -> Batches:
    """Sequential reading and a whole decode of each picture; a corner of it is delivered."""
    import tensorflow as tf

    def decode(encoded: Any, boxes: Any, labels: Any) -> tuple[Any, Any, Any]:
        pixels = tf.io.decode_jpeg(encoded, channels=3)[:SIZE, :SIZE]
        return tf.ensure_shape(pixels, [SIZE, SIZE, 3]), rows(boxes), rows(labels)

    data = parsed(shard).map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH, drop_remainder=True)
    batches: Batches = iter(data.prefetch(tf.data.AUTOTUNE))
    return batches


def annotools_with(make: Callable[[Any], Any]) -> Callable[[str], Batches]:
    def pipeline(shard: str) -> Batches:
        importlib.import_module("tensorflow")  # its import is not ours

        start = time.perf_counter()
        from annotools import augment
        from annotools.loader import make_dataset

        folder = os.path.dirname(shard)
        source = folder if os.path.exists(os.path.join(folder, "manifest.json")) else shard
        data = make_dataset(
            source, image_size=SIZE, batch_size=BATCH, augment=make(augment), epochs=None, max_boxes=MOST
        )
        iterator: Batches = iter(data)
        next(iterator)
        STARTS.append(time.perf_counter() - start)
        return iterator

    return pipeline


def one_epoch(shard: str) -> Batches:
    """Small batches, of which the data set is almost everything that could use memory."""
    from annotools.augment import ssd
    from annotools.loader import make_dataset

    batches: Batches = iter(
        make_dataset(shard, image_size=64, batch_size=BATCH, augment=ssd(), epochs=2, max_boxes=MOST)
    )
    return batches


def albumentations_recipe() -> Any:
    import albumentations as A  # noqa: N812
    import cv2

    cv2.setNumThreads(0)
    return A.Compose(
        [
            A.ColorJitter(
                brightness=(0.875, 1.125), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.05, 0.05)
            ),
            A.BBoxSafeRandomCrop(erosion_rate=0.2, p=0.8),
            A.HorizontalFlip(p=0.5),
            A.Resize(SIZE, SIZE),
        ],
        bbox_params=A.BboxParams(format="albumentations", label_fields=["labels"]),
    )


def albumentations_one(recipe: Any, encoded: bytes, boxes: Any, labels: Any) -> tuple[Any, Any, Any]:
    import cv2

    pixels = cv2.cvtColor(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    out = recipe(image=pixels, bboxes=boxes, labels=labels)
    found = np.full((MOST, 4), -1, np.float32)
    kinds = np.full(MOST, -1, np.int64)
    count = min(len(out["bboxes"]), MOST)
    found[:count] = np.reshape(out["bboxes"], (-1, 4))[:count]
    kinds[:count] = out["labels"][:count]
    return out["image"], found, kinds


def albumentations_in_tf(shard: str) -> Batches:
    import tensorflow as tf

    recipe = albumentations_recipe()

    def work(encoded: Any, boxes: Any, labels: Any) -> tuple[Any, Any, Any]:
        types = [tf.uint8, tf.float32, tf.int64]

        def function(data: bytes, some: Any, kinds: Any) -> tuple[Any, Any, Any]:
            return albumentations_one(recipe, data, some, kinds)

        image, found, kinds = tf.numpy_function(function, [encoded, boxes, labels], types)
        return (
            tf.ensure_shape(image, [SIZE, SIZE, 3]),
            tf.ensure_shape(found, [MOST, 4]),
            tf.ensure_shape(kinds, [MOST]),
        )

    data = parsed(shard).map(work, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH, drop_remainder=True)
    return iter(data.prefetch(tf.data.AUTOTUNE))


_RECIPE: Any = None


def _prepare() -> None:
    global _RECIPE
    _RECIPE = albumentations_recipe()


def _work(records: list[tuple[bytes, Any, Any]]) -> tuple[Any, ...]:
    done = [albumentations_one(_RECIPE, *record) for record in records]
    return tuple(np.stack(column) for column in zip(*done, strict=True))


def albumentations_in_pool(shard: str) -> Batches:
    """Two processes that get records and send back finished batches. This one reads ahead by four batches."""
    records = [tuple(value.numpy() for value in record) for record in parsed(shard).take(256)]
    pool = multiprocessing.get_context("spawn").Pool(WORKERS, _prepare)
    place = 0

    def submit() -> Any:
        nonlocal place
        chosen = [records[(place + i) % len(records)] for i in range(BATCH)]
        place += BATCH
        return pool.apply_async(_work, (chosen,))

    waiting = [submit() for _ in range(4)]
    while True:
        waiting.append(submit())
        yield waiting.pop(0).get()


def keras_layers(shard: str) -> Batches:
    """Resizing, flip, colour jitter and a fixed number of boxes: Keras has no crop that knows IoU, and its
    own crop moves boxes wrongly in this version (keras#23518)."""
    import keras
    import tensorflow as tf

    fmt = {"bounding_box_format": "xyxy"}
    resize = keras.layers.Resizing(SIZE, SIZE)
    flip = keras.layers.RandomFlip("horizontal", **fmt)
    jitter = keras.layers.RandomColorJitter(
        value_range=(0, 255),
        brightness_factor=0.125,
        contrast_factor=0.5,
        saturation_factor=(0.25, 0.75),
        hue_factor=0.1,
        **fmt,
    )

    def one(encoded: Any, boxes: Any, labels: Any) -> dict[str, Any]:
        pixels = tf.io.decode_jpeg(encoded, channels=3)
        return {
            "images": tf.ensure_shape(resize(pixels), [SIZE, SIZE, 3]),
            "bounding_boxes": {"boxes": rows(boxes * SIZE), "labels": tf.cast(rows(labels), tf.float32)},
        }

    def batch(data: dict[str, Any]) -> tuple[Any, Any, Any]:
        data = jitter(flip(data))
        return (
            tf.cast(data["images"], tf.uint8),
            data["bounding_boxes"]["boxes"],
            data["bounding_boxes"]["labels"],
        )

    data = parsed(shard).map(one, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH, drop_remainder=True)
    return iter(data.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))


STARTS: list[float] = []
PIPELINES: dict[str, Callable[[str], Batches]] = {
    "decode only": decode_only,
    "annotools, resize": annotools_with(lambda augment: None),
    "annotools, geometry": annotools_with(
        lambda augment: [augment.Expand(), augment.IoUCrop(), augment.HorizontalFlip()]
    ),
    "annotools, ssd()": annotools_with(lambda augment: augment.ssd()),
    "annotools, one epoch": one_epoch,
    "albumentations in numpy_function": albumentations_in_tf,
    "albumentations, two processes": albumentations_in_pool,
    "keras layers": keras_layers,
}


def used() -> float:
    """CPU seconds of this process and its children."""
    times = os.times()
    children = sum(_cpu_of(child.pid) for child in multiprocessing.active_children() if child.pid)
    return times.user + times.system + children


def _cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak() -> float:
    """Megabytes. Not `ru_maxrss`, which a process inherits from the one that started it."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def main() -> None:
    name, shard, images = sys.argv[1:]
    batches = PIPELINES[name](shard)
    for _ in range(4):  # warm caches, and what has been prepared ahead
        next(batches)
    count = int(images) // BATCH
    early = 0.0
    start, cpu = time.perf_counter(), used()
    for number in range(count):
        next(batches)
        if number == count // 4:
            early = peak()
    report = {
        "rate": count * BATCH / (time.perf_counter() - start),
        "cpu_ms": (used() - cpu) / (count * BATCH) * 1000,
        "peak_mb": peak(),
        "growth_mb": peak() - early,
        "first_batch_s": STARTS[0] if STARTS else None,
    }
    print(json.dumps(report), flush=True)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)  # a pool and tf.data's threads would take their time


if __name__ == "__main__":
    main()
