"""What the augmentation costs beside decoding: images per second and CPU time, one process, tf.data threads.

    python benchmarks/augment.py [--size 375x500] [--images 64] [--rounds 5]

Pictures are synthetic with the spectrum of photographs (1/f), JPEG quality 90. Every pipeline delivers
batches of 32 pictures of 300x300 to the consumer. The pipelines take turns, and each round compares them
with the decode-only pipeline of the same round, so that a busy machine slows them alike; the median of the
ratios is shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from annotools import augment
from annotools.augment.plan.sample import Sample

Function = Callable[..., Any]
Pipeline = Callable[[tf.data.Dataset], tf.data.Dataset]
OUTPUT = (300, 300)
BATCH = 32


def photograph(height: int, width: int, seed: int) -> bytes:
    """A JPEG with the spectrum of a photograph: amplitude falls as 1 / frequency."""
    draw = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(draw.normal(size=(height, width, 3)), axes=(0, 1)) / frequency[..., None]
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    field = (field - field.mean()) / field.std() * 50 + 120
    pixels = np.clip(field.mean(-1, keepdims=True) * 0.7 + field * 0.3, 0, 255).astype(np.uint8)
    encoded: bytes = tf.io.encode_jpeg(pixels, quality=90).numpy()
    return encoded


def source(height: int, width: int, images: int) -> tf.data.Dataset:
    draw = np.random.default_rng(0)
    files = [photograph(height, width, seed) for seed in range(8)]
    print(f"{height}x{width}: {np.mean([len(data) for data in files]) / 1000:.0f} kB a file")
    corners = draw.uniform(0, 1, (images, 4, 2, 2)) * [width, height]
    boxes = np.concatenate([corners.min(2), corners.max(2)], -1).astype(np.float32)
    elements = {
        "encoded": [files[index % 8] for index in range(images)],
        "boxes": boxes,
        "id": np.arange(images, dtype=np.int64),
    }
    size = tf.constant([height, width])

    def sample(element: dict[str, tf.Tensor]) -> tuple[Sample, tf.Tensor]:
        rows = tf.range(4)
        name = tf.constant("x")
        found = Sample(element["encoded"], size, element["boxes"], rows, tf.zeros([4], tf.bool), rows, name)
        return found, augment.example_seed(0, 0, element["id"])

    return tf.data.Dataset.from_tensor_slices(elements).repeat().map(sample)


def parallel(data: tf.data.Dataset, function: Function) -> tf.data.Dataset:
    return data.map(function, num_parallel_calls=2, deterministic=True).batch(BATCH, drop_remainder=True)


def decode_only(data: tf.data.Dataset) -> tf.data.Dataset:
    def decode(sample: Sample, seed: tf.Tensor) -> tf.Tensor:
        # a slice of the decoded picture: a copy into a batch of fixed size, and nothing else
        pixels = tf.io.decode_jpeg(sample.encoded, channels=3)[: OUTPUT[0], : OUTPUT[1]]
        return tf.ensure_shape(pixels, [*OUTPUT, 3])

    return parallel(data, decode)


def decode_resize(data: tf.data.Dataset) -> tf.data.Dataset:
    def decode(sample: Sample, seed: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(sample.encoded, channels=3)
        return tf.cast(tf.image.resize(pixels, OUTPUT) + 0.5, tf.uint8)

    return parallel(data, decode)


def planned(ops: Any, *, batch_color: bool = False, pixels: bool = True) -> Pipeline:
    augmenter = augment.Augmenter(ops, OUTPUT)

    def pipeline(data: tf.data.Dataset) -> tf.data.Dataset:
        data = data.map(lambda sample, seed: (sample, augmenter.draw(seed))).batch(BATCH)
        plans = data.map(augmenter.plan)
        if not pixels:
            return plans.map(lambda plan: plan.boxes)
        plans = plans.unbatch()
        if not batch_color:
            return parallel(plans, augmenter.execute)

        def uncolored(plan: augment.Plan) -> tuple[tf.Tensor, ...]:
            return augmenter.execute(plan, color=False), plan.color_matrix, plan.color_keep

        return parallel(plans, uncolored).map(augment.apply_batch)

    return pipeline


# the first op does nothing and keeps the places, hence the random numbers, that the others have in ssd()
GEOMETRY = replace(augment.ssd(), ops=(augment.Translate(p=0.0), *augment.ssd().ops[1:]))
PIPELINES: dict[str, Pipeline] = {
    "decode only": decode_only,
    "decode and resize": decode_resize,
    "plan of ssd, no pixels": planned(augment.ssd(), pixels=False),
    "no ops": planned([]),
    "geometry of ssd": planned(GEOMETRY),
    "ssd, colour in the batch": planned(augment.ssd(), batch_color=True),
    "ssd, colour for each image": planned(augment.ssd()),
    "ssd, exact HSV": planned(augment.ssd(hsv="exact")),
}
OPS = {"decode only": decode_only, "no ops": planned([])} | {
    op.__name__: planned(op(p=1.0))
    for op in (
        augment.ColorJitter,
        augment.HsvGain,
        augment.Gamma,
        augment.Posterize,
        augment.Solarize,
        augment.AutoContrast,
        augment.Equalize,
        augment.CLAHE,
        augment.GaussianBlur,
        augment.MotionBlur,
        augment.Sharpness,
        augment.GaussianNoise,
        augment.JpegArtifacts,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="375x500", help="height x width of the pictures")
    parser.add_argument("--images", type=int, default=256, help="pictures of one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ops", action="store_true", help="each op on pixels alone, instead of the recipes")
    parser.add_argument("--only", nargs="*", default=None, help="names of pipelines, beside decode only")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    data = source(height, width, 512)
    chosen = {
        name: make(data).prefetch(2)
        for name, make in (OPS if options.ops else PIPELINES).items()
        if options.only is None or name == "decode only" or name in options.only
    }
    batches = max(options.images // BATCH, 1)
    running = {name: iter(dataset) for name, dataset in chosen.items()}
    wall: dict[str, list[float]] = {name: [] for name in chosen}
    cpu: dict[str, list[float]] = {name: [] for name in chosen}
    for round_number in range(options.rounds + 1):
        for name, iterator in running.items():
            # what the threads have prepared while others ran must not count
            for _ in range(3):
                next(iterator)
            start, start_cpu = time.perf_counter(), time.process_time()
            for _ in range(batches):
                next(iterator)
            if round_number:  # the first round warms up
                wall[name].append((time.perf_counter() - start) / (batches * BATCH))
                cpu[name].append((time.process_time() - start_cpu) / (batches * BATCH))
    for name in chosen:
        ratio = statistics.median(
            base / own for base, own in zip(wall["decode only"], wall[name], strict=True)
        )
        ratio_cpu = statistics.median(
            base / own for base, own in zip(cpu["decode only"], cpu[name], strict=True)
        )
        speed, load = 1 / statistics.median(wall[name]), statistics.median(cpu[name]) * 1000
        ratios = f"{ratio:5.2f} of decode only, {ratio_cpu:.2f} by CPU time"
        print(f"{name:28}{speed:7.0f} img/s {load:6.2f} ms CPU {ratios}")


if __name__ == "__main__":
    main()
