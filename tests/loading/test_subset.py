"""Only the images that have objects: the same pictures, an order of their own, everything else as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools.augment import HorizontalFlip, Mosaic
from annotools.loader import explain, make_dataset, pipeline_of

OPTIONS: dict[str, Any] = {"split": "train", "image_size": (48, 64), "only_with_objects": True}


def by_id(dataset: tf.data.Dataset) -> dict[bytes, Any]:
    return {one["image_id"].numpy(): tf.nest.map_structure(lambda v: v.numpy(), one) for one in dataset}


@pytest.mark.parametrize("cache", [None, "encoded"])
@pytest.mark.parametrize("source", ["converted", "sample_data"])
def test_the_image_without_objects_is_left_out(
    source: str, cache: Any, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(source)
    options = OPTIONS | {"batch_size": None, "augment": HorizontalFlip(), "cache": cache}
    found = by_id(make_dataset(folder, **options))
    every = by_id(make_dataset(folder, **(options | {"only_with_objects": False})))
    assert len(every) == 16
    assert set(found) == {name for name, one in every.items() if one["num_boxes"]}
    assert len(found) == 15
    for name, one in found.items():
        tf.nest.map_structure(np.testing.assert_array_equal, one, every[name])


def test_partners_have_objects_as_well_and_every_image_comes_once_an_epoch(converted: Path) -> None:
    dataset = make_dataset(converted, batch_size=5, augment=Mosaic(), epochs=2, **OPTIONS)
    assert len(dataset) == 6
    names = [name for batch in dataset for name in batch["image_id"].numpy()]
    assert len(set(names[:15])) == len(set(names[15:])) == 15
    assert names[:15] != names[15:]
    assert pipeline_of(dataset).examples.counts().min() >= 1
    numbers = pipeline_of(dataset).numbers(tf.range(15, dtype=tf.int64), tf.constant(0, tf.int64)).numpy()
    assert numbers.shape == (15, 4)
    assert numbers.max() == 14


def test_workers_share_them_and_a_step_goes_on(converted: Path) -> None:
    whole = list(make_dataset(converted, batch_size=1, **OPTIONS))
    rest = list(make_dataset(converted, batch_size=1, start_step=9, **OPTIONS))
    for one, two in zip(rest, whole[9:], strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, two)
    parts = [
        {
            name
            for batch in make_dataset(converted, batch_size=2, shard=(i, 3), **OPTIONS)
            for name in batch["image_id"].numpy()
        }
        for i in range(3)
    ]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 15


def test_explain_finds_the_row_of_the_batch(converted: Path) -> None:
    dataset = make_dataset(converted, batch_size=4, augment=HorizontalFlip(), **OPTIONS)
    batch = next(iter(dataset))
    for place in (0, 3):
        seen = explain(dataset, batch["image_id"][place].numpy().decode())
        assert (seen.step, seen.place) == (0, place)
        np.testing.assert_array_equal(seen.image, batch["images"][place])
