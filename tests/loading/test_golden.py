"""The stream is versioned: (seed, epoch, id) -> boxes and pixels are what they were.

A failure here means that everybody's runs will differ from those of the last release. If that is meant, write
the file anew (`python tests/loading/test_golden.py`) and say so in CHANGELOG.md.

Boxes must agree to a hundredth of a pixel. Pixels come out of JPEG decoders and compilers that differ between
machines in the last bit, so the picture is compared by the means of a grid of cells.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools.augment import PRESETS
from annotools.loader import make_dataset

GOLDEN = Path(__file__).parents[1] / "data" / "loader" / "stream.json"
SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
SIZE, GRID = 120, 4


def stream(folder: Path, preset: str) -> list[dict[str, Any]]:
    """The first two batches of epoch 3 in plain numbers."""
    dataset = make_dataset(
        folder, split="train", image_size=SIZE, batch_size=4, augment=PRESETS[preset](), seed=7, epoch=3
    )
    found = []
    for batch in dataset.take(2):
        images = batch["images"].numpy().reshape(-1, GRID, SIZE // GRID, GRID, SIZE // GRID, 3)
        for i, name in enumerate(batch["image_id"].numpy()):
            count = int(batch["num_boxes"][i])
            boxes = batch["bounding_boxes"]["boxes"][i][:count].numpy()
            found.append(
                {
                    "image_id": name.decode(),
                    "boxes": [[round(float(edge), 3) for edge in box] for box in boxes],
                    "labels": batch["bounding_boxes"]["labels"][i][:count].numpy().tolist(),
                    "cells": images[i].mean((1, 3)).round(2).reshape(-1).tolist(),
                }
            )
    return found


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_stream_is_what_it_was(preset: str, converted: Path) -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[preset]
    found = stream(converted, preset)
    assert [one["image_id"] for one in found] == [one["image_id"] for one in expected]
    for one, two in zip(found, expected, strict=True):
        assert one["labels"] == two["labels"]
        np.testing.assert_allclose(one["boxes"], two["boxes"], atol=0.01)
        np.testing.assert_allclose(one["cells"], two["cells"], atol=1.0)


def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        annotools.convert(SAMPLE_DATA, Path(folder) / "out", to="tfrecord", shards=1)
        streams = {preset: stream(Path(folder) / "out", preset) for preset in sorted(PRESETS)}
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    lines = json.dumps(streams, ensure_ascii=False).replace('{"image_id"', '\n{"image_id"')
    GOLDEN.write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
