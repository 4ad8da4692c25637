"""Scoring detections: `annotools.evaluate` beside pycocotools and, where it is installed, faster-coco-eval.

    python benchmarks/evaluate.py [--images 5000] [--detections 100000] [--runs 5]

One random set in memory: objects of 20 classes, a fifth of them difficult, detections around them and
anywhere. annotools reads its truth from a pickle, matches by the devkit's and by COCO's rule, and makes
three forms, curves, errors and confusion; the peers have their index already and make the COCO form alone, in
one range of areas.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from dataset import CLASSES
from measure import Run, alternate, function, median, median_ratio, table

import annotools
from annotools.classes.class_map import ClassMap
from annotools.formats import pkl
from annotools.records import Annotation, Box, Object


@dataclass
class Set:
    """Objects and detections as columns; boxes xyxy."""

    images: int
    image: Any
    label: Any
    box: Any
    difficult: Any
    found_image: Any
    found_label: Any
    found_box: Any
    score: Any


def make_set(images: int, detections: int) -> Set:
    draw = np.random.default_rng(0)
    count = 3 * images
    corner = draw.integers(0, 400, (count, 2))
    box = np.concatenate([corner, corner + draw.integers(10, 200, (count, 2))], 1).astype(np.float64)
    image, label = draw.integers(0, images, count), draw.integers(0, len(CLASSES), count)
    near = draw.integers(0, count, detections)
    found = np.round(box[near] + draw.normal(0, 8, (detections, 4)))
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    elsewhere = draw.random(detections) < 0.4
    return Set(
        images=images,
        image=image,
        label=label,
        box=box,
        difficult=draw.random(count) < 0.2,
        found_image=np.where(elsewhere, draw.integers(0, images, detections), image[near]),
        found_label=np.where(elsewhere, draw.integers(0, len(CLASSES), detections), label[near]),
        found_box=found,
        score=draw.random(detections),
    )


def save(made: Set, path: Path) -> None:
    """The ground truth as a pickle of annotools."""
    objects: list[list[Object]] = [[] for _ in range(made.images)]
    for place, label, box, difficult in zip(
        made.image.tolist(), made.label.tolist(), made.box.tolist(), made.difficult.tolist(), strict=True
    ):
        objects[place].append(Object(CLASSES[label], Box(*box), difficult=difficult))
    annotations = (
        Annotation(filename=f"{place:06}.jpg", split="test", objects=tuple(own))
        for place, own in enumerate(objects)
    )
    pkl.write(annotations, path, classes=ClassMap.from_names(CLASSES))


def arrays(made: Set) -> dict[str, Any]:
    """The detections as `evaluate` takes them."""
    order = np.argsort(made.found_image, kind="stable")
    bounds = np.searchsorted(made.found_image[order], np.arange(made.images + 1))
    rows = [order[start:stop] for start, stop in pairwise(bounds)]
    return {
        f"{place:06}": (made.found_box[own], made.score[own], made.found_label[own])
        for place, own in enumerate(rows)
    }


def peer(made: Set, coco_class: Any, eval_class: Any) -> Callable[[], Run]:
    """A run of something with the interface of pycocotools; `evaluate` and `accumulate` are timed."""

    def xywh(boxes: Any) -> list[list[float]]:
        rows: list[list[float]] = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).tolist()
        return rows

    rows = zip(made.image.tolist(), made.label.tolist(), xywh(made.box), strict=True)
    truth = {
        "info": {},
        "images": [{"id": place} for place in range(made.images)],
        "categories": [{"id": label, "name": name} for label, name in enumerate(CLASSES)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
            for n, (i, c, b) in enumerate(rows, start=1)
        ],
    }
    found = zip(
        made.found_image.tolist(),
        made.found_label.tolist(),
        xywh(made.found_box),
        made.score.tolist(),
        strict=True,
    )
    results = [{"image_id": i, "category_id": c, "bbox": b, "score": s} for i, c, b, s in found]
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco_class()
        data.dataset = truth
        data.createIndex()
        loaded = data.loadRes(results)

    def work() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = eval_class(data, loaded, "bbox")
            evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
            evaluation.params.maxDets = [100]
            evaluation.evaluate()
            evaluation.accumulate()

    return lambda: function(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    made = make_set(args.images, args.detections)
    competitors: dict[str, Callable[[], Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.pkl"
        save(made, path)
        found = arrays(made)
        competitors["annotools.evaluate"] = lambda: function(lambda: annotools.evaluate(path, found))
        competitors["annotools, reading the truth"] = lambda: function(lambda: list(pkl.read(path)))
        with contextlib.suppress(ImportError):
            from pycocotools.coco import COCO
            from pycocotools.cocoeval import COCOeval

            competitors["pycocotools"] = peer(made, COCO, COCOeval)
        with contextlib.suppress(ImportError):
            import faster_coco_eval as faster

            competitors["faster-coco-eval"] = peer(made, faster.COCO, faster.COCOeval_faster)
        runs = alternate(competitors, args.runs)
    base = runs["annotools.evaluate"]
    rows = [
        [
            name,
            *(f"{median(own, field):.2f}" for field in ("wall", "cpu")),
            f"{median_ratio(own, base):.2f}",
        ]
        for name, own in runs.items()
    ]
    print(
        f"{args.images} images, {3 * args.images} objects, {args.detections} detections, "
        f"{args.runs} runs each, medians"
    )
    print(table(["what", "wall s", "cpu s", "cpu, times annotools"], rows))


if __name__ == "__main__":
    main()
