"""The product detector of the course: from a folder of XML to average precision.

    python sample_data/many.py products --scenes 2000          # once; 3 CPU minutes
    python examples/ssd_products/train.py products --output products_run
    python examples/ssd_products/train.py sample_data --short  # one step: does it run?

`detector.py` is the net and its loss, `detect.py` what is done with its answers. OUTPUT gets the weights,
`loss.png`, `detections.png` and `detections.json`, which `annotools evaluate SOURCE detections.json
--split test` reads.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
from detect import coco_results, detect, draw_curve, draw_detections
from detector import PER_STRIDE, SIZE, build, make_anchors

import annotools
from annotools.augment import ColorJitter, HorizontalFlip, ScaleJitter, Translate, ssd
from annotools.loader import make_dataset
from annotools.targets import SSDTargets, kmeans_anchors, mean_best_iou, object_shapes

RECIPES: dict[str, Any] = {
    "none": None,
    "ssd": ssd(),
    "mild": [ColorJitter(), ScaleJitter((0.8, 1.3), (0.8, 1.25)), Translate((0.15, 0.15)), HorizontalFlip()],
}


def fit(source: str, options: argparse.Namespace) -> tuple[keras.Model, SSDTargets, list[float]]:
    """The trained model, its targets, and the loss of each epoch."""
    keras.utils.set_random_seed(options.seed)
    ds = make_dataset(
        source,
        split=options.train_split,
        image_size=SIZE,
        batch_size=options.batch,
        augment=RECIPES[options.augment],
        seed=options.seed,
        epochs=None,
        drop_remainder=True,
    )
    steps = options.steps or options.epochs * ds.steps_per_epoch
    shapes = object_shapes(annotools.read(source, split=options.train_split, headers=True), SIZE)
    anchors = make_anchors(kmeans_anchors(shapes, sum(PER_STRIDE), seed=options.seed))
    fit_of = mean_best_iou(shapes, kmeans_anchors(shapes, sum(PER_STRIDE)))
    print(f"{len(shapes)} objects, {len(anchors)} anchors, mean best IoU {fit_of:.2f}, {steps} steps")
    targets = SSDTargets(anchors, negative=0.4)
    warm = min(200, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        2e-5, max(1, steps - warm), 0.01, warmup_target=2e-3, warmup_steps=warm
    )
    model = build(ds.num_classes, anchors)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=10))
    rounds = min(steps, max(1, options.epochs))
    history = model.fit(
        ds.map(targets),
        epochs=rounds,
        steps_per_epoch=max(1, steps // rounds),
        shuffle=False,
        verbose=options.verbose,
    )
    return model, targets, history.history["loss"]


def report(source: str, split: str, found: Any) -> tuple[str, ...]:
    """Average precision with difficult objects left out, as the devkit does, and counted. The class names."""
    print(f"{split}:")
    for difficult, word in (("ignore", "left out"), ("count", "counted")):
        result = annotools.evaluate(source, found, split=split, difficult=difficult)
        forms = result.forms
        print(
            f"  difficult objects {word}: mAP@.5 {forms['voc10']:.3f} (voc10), {forms['voc07']:.3f} (voc07); "
            f"COCO AP {forms['coco']:.3f}, AP75 {result.coco_by_iou[0.75]:.3f}"
        )
    print("  " + ", ".join(f"{name} {value:.2f}" for name, value in result.ap.items()))
    return tuple(result.ap)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a VOC tree, as sample_data/many.py writes it")
    parser.add_argument("--output", type=Path, default=Path("ssd_products_run"))
    parser.add_argument("--epochs", type=int, default=26)
    parser.add_argument("--steps", type=int, help="instead of --epochs: the whole budget, in batches")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--augment", choices=RECIPES, default="mild")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--train-split", default="train", help="the list of ImageSets/Main to train on")
    parser.add_argument("--short", action="store_true", help="one step of two pictures")
    return parser


def main() -> None:
    options = make_parser().parse_args()
    if options.short:
        options.steps, options.batch = 1, 2
    start, cpu = time.time(), time.process_time()
    model, targets, losses = fit(options.source, options)
    print(f"trained in {time.time() - start:.0f} s, {time.process_time() - cpu:.0f} s of CPU")
    options.output.mkdir(parents=True, exist_ok=True)
    draw_curve(losses, options.output / "loss.png")
    model.save_weights(options.output / "model.weights.h5")
    for split in ("val", "test"):
        found = detect(model, targets, options.source, split)
        classes = report(options.source, split, found)
    draw_detections(options.source, "test", found, classes, options.output / "detections.png")
    (options.output / "detections.json").write_text(json.dumps(coco_results(found)))
    seconds, cpu = time.time() - start, time.process_time() - cpu
    print(f"all of it in {seconds:.0f} s, {cpu:.0f} s of CPU: {options.output}")


if __name__ == "__main__":
    main()
