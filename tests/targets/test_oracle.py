"""A perfect detector: ground truth through encode, decode, NMS. What is missed is what NMS has to remove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import annotools
from annotools.targets import SSD300_VOC, SSDTargets
from annotools.targets.matching import iou

NMS = 0.45


def detections(boxes: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """What a net that answers with the targets themselves says: boxes in shares, labels."""
    targets = SSDTargets(SSD300_VOC)
    found = targets.for_image(boxes, labels, (1, 1))
    some = found["labels"] >= 0
    return targets.decode(found["boxes"])[some], found["labels"][some]


def suppressed(boxes: NDArray[Any], labels: NDArray[Any]) -> list[int]:
    kept: list[int] = []
    for row in range(len(boxes)):
        same = [other for other in kept if labels[other] == labels[row]]
        if not len(same) or iou(boxes[row : row + 1], boxes[same]).max() <= NMS:
            kept.append(row)
    return kept


def unfound(boxes: NDArray[Any], labels: NDArray[Any], found: NDArray[Any], kinds: NDArray[Any]) -> set[int]:
    """Objects without a detection of their class that is equal to them."""
    overlap = iou(boxes, found) * (labels[:, None] == kinds[None])
    return set(np.flatnonzero(overlap.max(axis=1, initial=0) < 0.999).tolist())


def has_twin(boxes: NDArray[Any], labels: NDArray[Any], row: int) -> bool:
    overlap = iou(boxes[row : row + 1], boxes)[0] * (labels == labels[row])
    overlap[row] = 0
    return bool(overlap.max() > NMS - 1e-4)


def scenes_of(source: Path) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """From the records, not from batches: the loader leaves out boxes that became too thin."""
    classes: dict[str, int] = {}
    scenes = []
    for annotation in annotools.read(source, headers=True):
        assert annotation.image is not None
        width, height = annotation.image.upright_size
        things = [(thing.name, thing.bndbox) for thing in annotation.objects if thing.bndbox is not None]
        things = [(name, box) for name, box in things if box.area > 0]  # as `convert` has it
        boxes = [box.as_tuple() for _, box in things]
        labels = [classes.setdefault(name, len(classes)) for name, _ in things]
        shares = np.array(boxes, np.float32).reshape(-1, 4) / np.array(
            [width, height, width, height], np.float32
        )
        scenes.append((shares, np.array(labels, np.int32)))
    return scenes


@pytest.mark.parametrize("data", ["sample_data", "bccd", "crowd"])
def test_the_whole_loss_is_what_nms_removes(data: str, request: pytest.FixtureRequest) -> None:
    if data == "crowd":
        draw = np.random.RandomState(0)
        low = draw.uniform(0, 0.8, (40, 6, 2))
        low[:, 3:] = low[:, :3] + draw.uniform(-0.05, 0.05, (40, 3, 2))  # three pairs, near to each other
        crowd = np.concatenate([low, low + 0.2], axis=-1).astype(np.float32)
        scenes = [(boxes, draw.randint(0, 2, 6)) for boxes in crowd]
    else:
        scenes = scenes_of(request.getfixturevalue(data))
    objects = missed = removed = 0
    for boxes, labels in scenes:
        found, kinds = detections(boxes, labels)
        assert not unfound(boxes, labels, found, kinds)  # 1.0 without NMS
        kept = suppressed(found, kinds)
        lost = unfound(boxes, labels, found[kept], kinds[kept])
        assert all(has_twin(boxes, labels, row) for row in lost)
        objects, missed = objects + len(boxes), missed + len(lost)
        removed += sum(has_twin(boxes, labels, row) for row in range(len(boxes)))
    assert objects > 50
    assert missed <= removed
    if data == "crowd":
        assert 0 < missed < objects / 2
    if data == "sample_data":
        assert (missed, removed) == (0, 0)
