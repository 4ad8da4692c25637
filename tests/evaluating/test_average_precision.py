"""Average precision against chainercv, pycocotools and a second implementation that is written here."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools

KEPT = json.loads((Path(__file__).parents[1] / "data" / "evaluation" / "chainercv.json").read_text())
Edges = tuple[float, float, float, float]
MakeScene = Callable[..., Any]
SCENES: list[dict[str, Any]] = [
    *({"seed": seed} for seed in range(6)),
    {"seed": 20, "ties": True},
    {"seed": 21, "difficult": 0.0},
    {"seed": 22, "difficult": 0.9},
    {"seed": 23, "images": 1},
    {"seed": 25, "crowded": True},
    {"seed": 26, "crowded": True, "classes": 1, "difficult": 0.5, "images": 150},
    {"seed": 24, "images": 200, "classes": 2, "ties": True},
]


def same(value: float, other: float | None, tolerance: float) -> bool:
    if other is None or math.isnan(other):
        return math.isnan(value)
    return abs(value - other) <= tolerance


@pytest.mark.parametrize("kept", KEPT["sets"], ids=lambda kept: str(kept["arguments"]))
@pytest.mark.parametrize("iou", [0.5, 0.75])
def test_voc_forms_equal_chainercv(
    kept: dict[str, Any], iou: float, random_scene: MakeScene, tmp_path: Path
) -> None:
    made = random_scene(**kept["arguments"])
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections(), iou=iou)
    assert [one.objects for one in result.classes] == kept["objects"]
    for one, voc07, voc10 in zip(
        result.classes, kept["ap"][f"voc07@{iou}"], kept["ap"][f"voc10@{iou}"], strict=True
    ):
        assert same(one.voc10, voc10, 1e-12)
        if one.objects % 5:  # it compares floats, and 3 of 5 objects do not reach 6 * 0.1
            assert same(one.voc07, voc07, 1e-12)


def plain_iou(box: Edges, other: Edges) -> float:
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (box, other)]
    return width * height / (sum(areas) - width * height)


def plain_voc(made: Any, label: int, iou: float) -> tuple[float, float]:
    """(11 points, area) for one class, one detection after the other."""
    ranked = [
        (score, place, image, box)
        for place, image in enumerate(made.objects)
        for wanted, box, score in made.found.get(image, [])
        if wanted == label
    ]
    ranked.sort(key=lambda row: (-row[0], row[1]))
    taken: set[tuple[str, int]] = set()
    hits = misses = 0
    steps = []
    for _, _, image, box in ranked:
        best, chosen = -1.0, -1
        for number, (other, edges, _) in enumerate(made.objects[image]):
            overlap = plain_iou(box, edges)
            if other == label and overlap > best:
                best, chosen = overlap, number
        if chosen >= 0 and best >= iou:
            if made.objects[image][chosen][2]:
                continue
            if (image, chosen) not in taken:
                taken.add((image, chosen))
                hits += 1
            else:
                misses += 1
        else:
            misses += 1
        steps.append((hits, hits / (hits + misses)))
    total = sum(one[0] == label and not one[2] for objects in made.objects.values() for one in objects)
    if not total:
        return math.nan, math.nan
    points = [
        max([precision for hits, precision in steps if 10 * hits >= tenth * total], default=0.0)
        for tenth in range(11)
    ]
    area = 0.0
    for wanted in range(1, total + 1):
        area += max([precision for hits, precision in steps if hits >= wanted], default=0.0) / total
    return sum(points) / 11, area


@pytest.mark.parametrize("arguments", SCENES, ids=str)
@pytest.mark.parametrize("iou", [0.5, 0.3])
def test_voc_forms_equal_plain_loops(
    arguments: dict[str, Any], iou: float, random_scene: MakeScene, tmp_path: Path
) -> None:
    made = random_scene(**arguments)
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections(), iou=iou)
    for label, one in enumerate(result.classes):
        voc07, voc10 = plain_voc(made, label, iou)
        assert same(one.voc07, voc07, 1e-12)
        assert same(one.voc10, voc10, 1e-12)


def coco_precision(made: Any) -> Any:
    """(10, classes) average precision by pycocotools, with `difficult` where it looks for `ignore`."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    class WithDifficult(COCOeval):  # type: ignore[misc]
        def _prepare(self) -> None:
            super()._prepare()
            for objects in self._gts.values():
                for one in objects:
                    one["ignore"] = one["difficult"]  # which it overwrites with iscrowd

    def xywh(box: Edges) -> list[float]:
        return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

    truth = COCO()
    rows = [
        {"image_id": int(image), "category_id": label, "bbox": xywh(box), "difficult": int(difficult)}
        for image, objects in made.objects.items()
        for label, box, difficult in objects
    ]
    truth.dataset = {
        "info": {},
        "images": [{"id": int(image)} for image in made.objects],
        "categories": [{"id": label, "name": name} for label, name in enumerate(made.names)],
        "annotations": [
            {"id": number, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3], **row}
            for number, row in enumerate(rows, start=1)
        ],
    }
    results = [
        {"image_id": int(image), "category_id": label, "bbox": xywh(box), "score": score}
        for image, found in made.found.items()
        for label, box, score in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation: Any = WithDifficult(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # IoU, recall, class, area, most detections
    return np.where(precision < 0, np.nan, precision).mean(axis=1)


@pytest.mark.parametrize("arguments", SCENES, ids=str)
def test_coco_form_equals_pycocotools(
    arguments: dict[str, Any], random_scene: MakeScene, tmp_path: Path
) -> None:
    made = random_scene(**arguments)
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections(), form="coco")
    table = coco_precision(made)
    ours = np.transpose([one.coco_by_iou for one in result.classes])
    np.testing.assert_allclose(ours, table, rtol=0, atol=1e-9)
    assert abs(result.map - np.nanmean(table)) < 1e-9
    assert abs(result.coco_by_iou[0.75] - np.nanmean(table[5])) < 1e-9


@pytest.mark.parametrize(("wrong", "expected"), [(99, 0.01), (100, 0.0)])
def test_coco_form_looks_at_a_hundred_detections_of_a_class_in_an_image(
    wrong: int, expected: float, new_scene: MakeScene, tmp_path: Path
) -> None:
    box, elsewhere = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
    made = new_scene(("cup", "pen"), {"1": [(0, box, False), (1, elsewhere, False)], "2": []})
    made.found["1"] = [(0, elsewhere, 0.5 + number / 1000) for number in range(wrong)] + [(0, box, 0.4)]
    made.found["2"] = [(0, elsewhere, 0.1)] * 150
    made.found["1"] += [(1, elsewhere, 0.3)]  # the limit is for each class
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections(), form="coco")
    assert result.ap == {"cup": pytest.approx(expected), "pen": 1.0}
    np.testing.assert_allclose(
        np.transpose([one.coco_by_iou for one in result.classes]), coco_precision(made), rtol=0, atol=1e-9
    )


def test_eleven_points_compare_whole_numbers(new_scene: MakeScene, tmp_path: Path) -> None:
    """3 of 10 objects are a recall of 0.3, which 3 * 0.1 in floats is not: 4 points, not 3."""
    boxes: list[Edges] = [(20.0 * place, 0.0, 20.0 * place + 9, 9.0) for place in range(10)]
    made = new_scene(("cup",), {"a": [(0, box, False) for box in boxes]})
    made.found["a"] = [(0, box, 1 - place / 10) for place, box in enumerate(boxes[:3])]
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    assert result.forms["voc07"] == pytest.approx(4 / 11, abs=1e-15)
    assert result.forms["voc10"] == pytest.approx(0.3, abs=1e-15)


def test_a_difficult_object_is_neither_found_nor_missed_nor_wrong(
    new_scene: MakeScene, tmp_path: Path
) -> None:
    near, far = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
    made = new_scene(("cup",), {"a": [(0, near, True), (0, far, False)]})
    made.found["a"] = [(0, near, 0.9), (0, near, 0.8), (0, far, 0.7)]
    path = made.save(tmp_path / "truth.pkl")
    ignored = annotools.evaluate(path, made.detections())
    assert ignored.map == 1.0
    assert (ignored.objects, ignored.classes[0].ignored, sum(ignored.errors.values())) == (1, 2, 0)
    counted = annotools.evaluate(path, made.detections(), difficult="count")
    assert counted.map == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert counted.errors["duplicate"] == 1


def test_ground_truth_fed_back_is_perfect(bccd: Path) -> None:
    for split in ("train", "val", "test"):
        truth = {}
        classes = {"Platelets": 0, "RBC": 1, "WBC": 2}
        for one in annotools.read(bccd / "BCCD", split=split):
            objects = [item for item in one.objects if item.bndbox and item.bndbox.area > 0]
            truth[Path(one.image_path or "").stem] = (
                [item.bndbox.as_tuple() for item in objects if item.bndbox],
                [0.9] * len(objects),
                [classes[item.name] for item in objects],
            )
        result = annotools.evaluate(bccd / "BCCD", truth, split=split, on_error="skip")
        assert result.forms == {"voc07": 1.0, "voc10": 1.0, "coco": 1.0}
        assert sum(result.errors.values()) == 0
        assert result.objects == sum(len(labels) for _, _, labels in truth.values())
        assert np.trace(result.confusion) == result.objects == result.confusion.sum()
