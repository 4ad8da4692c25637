"""What augmentation is worth with 100 training pictures: three recipes, equal budgets, three seeds.

    python examples/ssd_products/compare.py products [--steps 2100] [--seeds 3] [--pictures 100]

prints mean and spread of mAP@.5 (voc10, difficult objects counted) and of COCO AP on the test split. One
run of 2,100 steps of 8 takes some six minutes of CPU; all nine an hour.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from detect import detect
from train import RECIPES, fit, make_parser

import annotools


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a VOC tree, as sample_data/many.py writes it")
    parser.add_argument("--steps", type=int, default=2100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=100)
    options = parser.parse_args()
    lists = Path(options.source) / "ImageSets" / "Main"
    names = (lists / "train.txt").read_text(encoding="utf-8").split()[: options.pictures]
    split = f"train{options.pictures}"
    (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    print(
        f"| augment | mAP@.5 | COCO AP |, {len(names)} pictures, {options.steps} steps, {options.seeds} seeds"
    )
    for recipe in RECIPES:
        scores: list[tuple[float, float]] = []
        for seed in range(options.seeds):
            words = [
                "--augment",
                recipe,
                "--steps",
                str(options.steps),
                "--seed",
                str(seed),
                "--verbose",
                "0",
            ]
            settings = make_parser().parse_args([options.source, "--train-split", split, *words])
            model, targets, _ = fit(options.source, settings)
            found = detect(model, targets, options.source, "test")
            forms = annotools.evaluate(options.source, found, split="test", difficult="count").forms
            scores.append((forms["voc10"], forms["coco"]))
        cells = []
        for values in zip(*scores, strict=True):
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.3f} +- {spread:.3f}")
        print(f"| {recipe} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
