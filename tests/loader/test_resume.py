"""Whatever is stopped, split or run in parallel: the same bits."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from annotools.augment import light, ssd, torchvision_ssd, yolo
from annotools.loader import make_dataset, steps_per_epoch

Same = Callable[[Any, Any], None]
OPTIONS: dict[str, Any] = {"split": "train", "image_size": (96, 128), "batch_size": 5, "seed": 3}


def test_the_same_call_gives_the_same_bits(converted: Path, assert_same: Same) -> None:
    first, second = (make_dataset(converted, augment=ssd(), **OPTIONS) for _ in range(2))
    assert_same(first, second)
    assert_same(first, first)


def test_parallelism_and_the_number_of_shards_do_not_matter(
    converted: Path, converted_in_four: Path, assert_same: Same
) -> None:
    options = OPTIONS | {"augment": yolo()}
    one = make_dataset(converted, num_parallel_calls=1, **options)
    many = make_dataset(converted_in_four, num_parallel_calls=8, **options)
    assert_same(one, many)


def test_start_step_continues_where_the_epoch_was_left(converted: Path, assert_same: Same) -> None:
    options = OPTIONS | {"augment": ssd()}
    whole = make_dataset(converted, **options)
    for step in (0, 1, 3, 4):
        assert_same(itertools.islice(whole, step, None), make_dataset(converted, start_step=step, **options))


def test_epochs_in_one_data_set_are_the_epochs_one_by_one(converted: Path, assert_same: Same) -> None:
    """16 images in batches of 5: the last batch of each epoch is short, and the next epoch starts afresh."""
    options = OPTIONS | {"augment": light()}
    together = make_dataset(converted, epoch=1, epochs=3, start_step=2, **options)
    alone = [make_dataset(converted, epoch=epoch, **options) for epoch in (1, 2, 3)]
    assert steps_per_epoch(together) == 4
    assert int(together.cardinality()) == 10
    assert_same(together, itertools.islice(itertools.chain(*alone), 2, None))
    endless = make_dataset(converted, epoch=1, epochs=None, start_step=2, **options)
    assert_same(together.take(7), endless.take(7))


def test_epochs_differ(converted: Path, flat: Callable[[Any], Any]) -> None:
    first, second = (flat(make_dataset(converted, epoch=e, augment=light(), **OPTIONS)) for e in (0, 1))
    assert any(
        (a["images"].shape != b["images"].shape) or (a["images"] != b["images"]).any()
        for a, b in zip(first, second, strict=True)
    )
    ids = [[name for batch in epoch for name in batch["image_id"]] for epoch in (first, second)]
    assert sorted(ids[0]) == sorted(ids[1])
    assert ids[0] != ids[1]


def test_workers_together_see_what_one_would_see(converted: Path, flat: Callable[[Any], Any]) -> None:
    def by_id(dataset: Any) -> dict[bytes, Any]:
        return {
            name: (batch["images"][i], batch["boxes"][i].tolist())
            for batch in flat(dataset)
            for i, name in enumerate(batch["image_id"])
        }

    options = OPTIONS | {"augment": ssd()}
    alone = by_id(make_dataset(converted, **options))
    parts = [by_id(make_dataset(converted, shard=(i, 3), **options)) for i in range(3)]
    assert sum(map(len, parts)) == len(alone) == 16
    for part in parts:
        for name, (image, boxes) in part.items():
            assert (image == alone[name][0]).all()
            assert boxes == alone[name][1]


def checkpoint_size(path: str) -> int:
    return sum(file.stat().st_size for file in Path(path).parent.glob(f"{Path(path).name}.*"))


@pytest.mark.parametrize("preset", [light, ssd, torchvision_ssd, yolo])
def test_a_checkpoint_is_small_and_goes_on_exactly(
    preset: Callable[[], Any], converted: Path, tmp_path: Path, assert_same: Same
) -> None:
    dataset = make_dataset(converted, augment=preset(), epochs=2, **OPTIONS)
    iterator = iter(dataset)
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(os.fspath(tmp_path / "checkpoint"))
    assert 0 < checkpoint_size(path) < 100_000
    restored = iter(dataset)
    next(restored)
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    assert_same(list(iterator), list(restored))
    assert_same(
        list(itertools.islice(dataset, 3, None)),
        make_dataset(converted, augment=preset(), epochs=2, start_step=3, **OPTIONS),
    )


def test_a_checkpoint_of_many_images_is_as_small(tmp_path: Path) -> None:
    """20,000 records, 10 batches in: what is saved is a step, not an index and not a buffer."""
    picture = tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)).numpy()
    record = tf.train.Example(
        features=tf.train.Features(
            feature={"image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture]))}
        )
    ).SerializeToString()
    with tf.io.TFRecordWriter(str(tmp_path / "big.tfrecord")) as writer:
        for _ in range(20_000):
            writer.write(record)
    dataset = make_dataset(tmp_path, image_size=8, batch_size=64)
    iterator = iter(dataset)
    first = [next(iterator)["image_id"].numpy().tolist() for _ in range(10)]
    path = tf.train.Checkpoint(iterator=iterator).write(os.fspath(tmp_path / "checkpoint"))
    assert checkpoint_size(path) < 100_000
    assert len({name for batch in first for name in batch}) == 640
