"""Seeded pictures with boxes, the same on every machine and with every NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Scene = tuple[NDArray[np.float64], NDArray[np.int64]]


def make_scenes(count: int, seed: int = 7) -> list[Scene]:
    """(boxes (R, 4) in shares, labels (R,) from 0 to 2) with 0 to 11 boxes. Every other picture has its
    edges on a grid of 60, where many IoUs are equal; every third repeats a box.
    """
    draw = np.random.RandomState(seed)  # its stream is frozen for good
    scenes: list[Scene] = []
    for index in range(count):
        rows = draw.randint(0, 12)
        corners = draw.randint(0, 61, (rows, 2, 2)) / 60 if index % 2 else draw.random_sample((rows, 2, 2))
        boxes = np.concatenate([corners.min(1), corners.max(1) + 1 / 60], axis=1)
        if index % 3 == 0 and rows > 1:
            boxes[-1] = boxes[0]
        scenes.append((boxes, draw.randint(0, 3, rows).astype(np.int64)))
    return scenes


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return make_scenes(60)


def padded(scenes: list[Scene], rows: int, size: float = 300.0) -> dict[str, Any]:
    """A batch as the loader has it: pixels of pictures of `size`, float32, padding of -1."""
    boxes = np.full((len(scenes), rows, 4), -1, np.float32)
    labels = np.full((len(scenes), rows), -1, np.int32)
    for index, (some, kinds) in enumerate(scenes):
        boxes[index, : len(some)] = some * size
        labels[index, : len(kinds)] = kinds
    side = int(size)
    return {
        "images": np.zeros((len(scenes), side, side, 3), np.uint8),
        "bounding_boxes": {"boxes": boxes, "labels": labels},
        "num_boxes": (labels >= 0).sum(1).astype(np.int32),
        "image_id": np.array([f"image-{index}" for index in range(len(scenes))]),
    }


@pytest.fixture(scope="session")
def batch(scenes: list[Scene]) -> dict[str, Any]:
    return padded(scenes[:8], 12)
