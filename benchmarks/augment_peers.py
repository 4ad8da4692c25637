"""What one op costs on the pixels of a 300x300 picture, beside the same op of other libraries.

    python benchmarks/augment_peers.py annotools
    venv/bin/python benchmarks/augment_peers.py albumentations      with albumentations and OpenCV
    venv/bin/python benchmarks/augment_peers.py torchvision         with torch and torchvision

Each is run in an environment of its own, with one thread. It prints CPU milliseconds a picture: the median of
rounds that take turns through the ops, less what no op at all costs. For annotools it is `Augmenter.execute`
in a graph; the plan, which is made for a batch at once, is shown apart. Always with p = 1, uint8 in and out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIDE = 300
Function = Callable[[], Any]


def photograph() -> Any:
    """(SIDE, SIDE, 3) uint8 with the spectrum of a photograph: amplitude falls as 1 / frequency."""
    draw = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(draw.normal(size=(SIDE, SIDE, 3)), axes=(0, 1)) / frequency[..., None]
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return np.clip((field - field.mean()) / field.std() * 50 + 120, 0, 255).astype(np.uint8)


BOXES = [[20, 30, 200, 210], [150, 40, 290, 160], [5, 200, 80, 290]]


def of_annotools() -> dict[str, Function]:
    import tensorflow as tf

    from annotools import augment as a

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sample = a.make_sample(photograph(), BOXES, [0, 1, 2])
    ops: dict[str, Any] = {
        "nothing": [],
        "flip": a.HorizontalFlip(1.0),
        "rotate": a.Rotate(15.0),
        "crop and resize": a.RandomCrop(),
        "brightness, contrast": a.ColorJitter(51, (0.8, 1.2), (1.0, 1.0), 0.0, p_each=1.0),
        "colour jitter": a.ColorJitter(51, (0.8, 1.2), (0.5, 1.5), 0.1, p_each=1.0),
        "colour jitter, exact HSV": a.ColorJitter(51, (0.8, 1.2), (0.5, 1.5), 0.1, p_each=1.0, hsv="exact"),
        "HSV": a.HsvGain(),
        "gray": a.Grayscale(1.0),
        "gamma": a.Gamma(p=1.0),
        "posterize": a.Posterize(p=1.0),
        "solarize": a.Solarize(p=1.0),
        "auto contrast": a.AutoContrast(p=1.0),
        "equalize": a.Equalize(p=1.0),
        "CLAHE": a.CLAHE(p=1.0),
        "gaussian blur": a.GaussianBlur((1.0, 1.0), p=1.0),
        "motion blur": a.MotionBlur((7.0, 7.0), p=1.0),
        "sharpness": a.Sharpness(p=1.0),
        "noise": a.GaussianNoise(p=1.0),
        "JPEG": a.JpegArtifacts((50, 50), p=1.0),
        "cutout": a.Cutout(2, p=1.0),
    }

    def executed(op: Any) -> Function:
        augmenter = a.Augmenter(op, (SIDE, SIDE))
        plan = augmenter.for_pixels(augmenter.plan_one(sample, a.example_seed(0, 0, 3)))
        # constants of the graph would be computed once and for all
        pixels = tf.Variable(sample.encoded)
        run = tf.function(
            lambda: augmenter.execute(plan._replace(sources=(pixels.read_value(),))), autograph=False
        )
        return lambda: run()

    def planned() -> Function:
        augmenter = a.Augmenter(a.ssd(), (SIDE, SIDE))
        batch = tf.nest.map_structure(lambda value: tf.repeat(value[None], 32, 0), sample)
        draws = [augmenter.draw(a.example_seed(0, 0, number)) for number in range(32)]
        together = tf.nest.map_structure(lambda *values: tf.stack(values), *draws)
        run = tf.function(lambda numbers: augmenter.plan(batch, numbers).boxes, autograph=False)
        return lambda: run(together)

    return {name: executed(op) for name, op in ops.items()} | {"plan of ssd(), 32 pictures": planned()}


def of_albumentations() -> dict[str, Function]:
    import albumentations as A  # noqa: N812
    import cv2

    cv2.setNumThreads(1)
    picture = photograph()
    ops = {
        "nothing": A.NoOp(p=1),
        "flip": A.HorizontalFlip(p=1),
        "rotate": A.Rotate(15, p=1),
        "crop and resize": A.RandomResizedCrop((SIDE, SIDE), scale=(0.3, 1), p=1),
        "brightness, contrast": A.RandomBrightnessContrast(0.2, 0.2, p=1),
        "colour jitter, exact HSV": A.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.5, 1.5), (-0.1, 0.1), p=1),
        "HSV": A.HueSaturationValue(10, 30, 20, p=1),
        "gray": A.ToGray(p=1),
        "gamma": A.RandomGamma((80, 120), p=1),
        "posterize": A.Posterize((4, 6), p=1),
        "solarize": A.Solarize((0.5, 1), p=1),
        "auto contrast": A.AutoContrast(method="pil", p=1),
        "equalize": A.Equalize(mode="pil", p=1),
        "CLAHE": A.CLAHE((1, 4), (8, 8), p=1),
        "gaussian blur": A.GaussianBlur(blur_limit=0, sigma_limit=(1, 1), p=1),
        "motion blur": A.MotionBlur((7, 7), p=1),
        "sharpness": A.Sharpen((0.2, 0.5), p=1),
        "noise": A.GaussNoise((0.01, 0.04), p=1),
        "JPEG": A.ImageCompression(quality_range=(50, 50), p=1),
        "cutout": A.CoarseDropout((2, 2), (0.1, 0.3), (0.1, 0.3), fill=114, p=1),
    }
    given = {"image": picture, "bboxes": BOXES, "labels": [0, 1, 2]}

    def called(op: Any) -> Function:
        params = A.BboxParams("pascal_voc", label_fields=["labels"])
        pipeline = A.Compose([A.NoOp(p=1), op], bbox_params=params)
        return lambda: pipeline(**given)

    return {name: called(op) for name, op in ops.items()}


def of_torchvision() -> dict[str, Function]:
    import torch
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    picture = tv_tensors.Image(torch.from_numpy(photograph()).permute(2, 0, 1).contiguous())
    boxes = tv_tensors.BoundingBoxes(BOXES, format="XYXY", canvas_size=(SIDE, SIDE))
    given = {"image": picture, "boxes": boxes, "labels": torch.arange(3)}
    ops = {
        "nothing": v2.Identity(),
        "flip": v2.RandomHorizontalFlip(1.0),
        "rotate": v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR),
        "crop and resize": v2.RandomResizedCrop((SIDE, SIDE), scale=(0.3, 1), antialias=False),
        "brightness, contrast": v2.ColorJitter(0.2, 0.2),
        "colour jitter, exact HSV": v2.ColorJitter(0.2, 0.2, 0.5, 0.1),
        "gray": v2.RandomGrayscale(1.0),
        "posterize": v2.RandomPosterize(5, p=1.0),
        "solarize": v2.RandomSolarize(128, p=1.0),
        "auto contrast": v2.RandomAutocontrast(1.0),
        "equalize": v2.RandomEqualize(1.0),
        "gaussian blur": v2.GaussianBlur(7, (1.0, 1.0)),
        "sharpness": v2.RandomAdjustSharpness(2.0, 1.0),
        "JPEG": v2.JPEG((50, 50)),
        "cutout": v2.RandomErasing(1.0),
    }

    def called(op: Any) -> Function:
        return lambda: op(given)

    return {name: called(op) for name, op in ops.items()}


PEERS = {"annotools": of_annotools, "albumentations": of_albumentations, "torchvision": of_torchvision}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.05, help="CPU time of an op in a round, about")
    options = parser.parse_args()
    functions = PEERS[options.peer]()
    cost: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(options.rounds + 1):
        for name, function in functions.items():
            start, count = time.process_time(), 0
            while time.process_time() - start < options.seconds or count < 3:
                function()
                count += 1
            if number:  # the first round warms up
                cost[name].append((time.process_time() - start) / count * 1000)
    base = statistics.median(cost["nothing"])
    for name, times in cost.items():
        print(f"{name:28}{statistics.median(times) - (base if name != 'nothing' else 0):8.2f} ms")


if __name__ == "__main__":
    main()
