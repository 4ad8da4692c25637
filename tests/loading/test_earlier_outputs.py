"""The loader takes outputs with a manifest of version 1: see tests/converting/test_earlier_outputs.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotools.loader import make_dataset

STORED = Path(__file__).parents[1] / "data" / "outputs" / "version1"


@pytest.mark.parametrize("to", ["tfrecord", "tfds", "pickle", "ssd-pickle"])
def test_an_output_is_loaded(to: str) -> None:
    images = None if to in ("tfrecord", "tfds") else STORED / "source" / "JPEGImages"
    (batch,) = make_dataset(
        STORED / to, split="train", image_size=(16, 24), batch_size=4, images=images, shuffle=False
    )
    counts = dict(zip(batch["image_id"].numpy().tolist(), batch["num_boxes"].numpy().tolist(), strict=True))
    assert counts == {b"a": 2, b"b": 1, b"c": 0, b"d": 1}
    assert batch["images"].shape == (4, 16, 24, 3)
