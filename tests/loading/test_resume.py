"""Whatever is stopped, split or run in parallel: the same bits."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from annotools.augment import HorizontalFlip, IoUCrop, light, ssd, torchvision_ssd, yolo
from annotools.loader import make_dataset, steps_per_epoch

Same = Callable[[Any, Any], None]
CROP = [IoUCrop(), HorizontalFlip()]
pytestmark = pytest.mark.filterwarnings("ignore:the same 1 epoch")  # which is what is looked at here
OPTIONS: dict[str, Any] = {"split": "train", "image_size": (96, 128), "batch_size": 5, "seed": 3}


@pytest.fixture(scope="module")
def cropped(converted: Path) -> tf.data.Dataset:
    """16 images in batches of 5: the last batch has one."""
    return make_dataset(converted, augment=CROP, **OPTIONS)


def test_the_same_call_gives_the_same_bits(
    converted: Path, cropped: tf.data.Dataset, assert_same: Same
) -> None:
    assert_same(cropped, cropped)
    assert_same(cropped, make_dataset(converted, augment=CROP, **OPTIONS))


def test_parallelism_and_the_number_of_shards_do_not_matter(
    converted: Path, converted_in_four: Path, assert_same: Same
) -> None:
    options = OPTIONS | {"augment": yolo()}
    one = make_dataset(converted, num_parallel_calls=1, **options)
    many = make_dataset(converted_in_four, num_parallel_calls=8, **options)
    assert_same(one, many)


@pytest.mark.parametrize("step", [1, 3])
def test_start_step_continues_where_the_epoch_was_left(
    step: int, converted: Path, cropped: tf.data.Dataset, assert_same: Same
) -> None:
    rest = make_dataset(converted, augment=CROP, start_step=step, **OPTIONS)
    assert_same(itertools.islice(cropped, step, None), rest)


def test_epochs_in_one_data_set_are_the_epochs_one_by_one(
    converted: Path, cropped: tf.data.Dataset, assert_same: Same, flat: Callable[[Any], Any]
) -> None:
    """Each epoch ends with a short batch, and the next one starts afresh."""
    together = make_dataset(converted, augment=CROP, epochs=2, start_step=2, **OPTIONS)
    second = make_dataset(converted, augment=CROP, epoch=1, **OPTIONS)
    assert steps_per_epoch(together) == 4
    assert int(together.cardinality()) == 6
    assert_same(together, itertools.islice(itertools.chain(cropped, second), 2, None))
    endless = make_dataset(converted, augment=CROP, epochs=None, start_step=2, **OPTIONS)
    assert_same(together, endless.take(6))
    orders = [[name for batch in flat(epoch) for name in batch["image_id"]] for epoch in (cropped, second)]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_workers_together_see_what_one_would_see(
    converted: Path, cropped: tf.data.Dataset, flat: Callable[[Any], Any]
) -> None:
    def by_id(dataset: Any) -> dict[bytes, Any]:
        return {
            name: (batch["images"][i].tobytes(), batch["boxes"][i].tolist())
            for batch in flat(dataset)
            for i, name in enumerate(batch["image_id"])
        }

    parts = [by_id(make_dataset(converted, augment=CROP, shard=(i, 3), **OPTIONS)) for i in range(3)]
    assert [len(part) for part in parts] == [6, 5, 5]
    assert parts[0] | parts[1] | parts[2] == by_id(cropped)


def checkpoint_size(path: str) -> int:
    return sum(file.stat().st_size for file in Path(path).parent.glob(f"{Path(path).name}.*"))


def stateless(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """TensorFlow refuses to save an iterator with its buffers when a function in it draws from a generator,
    reads a variable or calls Python."""
    options = tf.data.Options()
    options.experimental_symbolic_checkpoint = False
    return dataset.with_options(options)


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
    whole = iter(stateless(dataset))
    next(whole)
    assert tf.train.Checkpoint(iterator=whole).write(os.fspath(tmp_path / "whole"))


def test_that_test_would_see_a_state(cropped: tf.data.Dataset, tmp_path: Path) -> None:
    def draw(batch: dict[str, Any]) -> dict[str, Any]:
        return batch | {"noise": tf.random.uniform([])}

    iterator = iter(stateless(cropped.map(draw)))
    next(iterator)
    with pytest.raises(tf.errors.FailedPreconditionError, match="stateful"):
        tf.train.Checkpoint(iterator=iterator).write(os.fspath(tmp_path / "checkpoint"))


def test_a_checkpoint_of_many_images_is_as_small(tmp_path: Path) -> None:
    """5,000 records, 10 batches in: what is saved is a step, not an index and not a buffer."""
    picture = tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)).numpy()
    record = tf.train.Example(
        features=tf.train.Features(
            feature={"image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture]))}
        )
    ).SerializeToString()
    with tf.io.TFRecordWriter(str(tmp_path / "big.tfrecord")) as writer:
        for _ in range(5_000):
            writer.write(record)
    dataset = make_dataset(tmp_path, image_size=8, batch_size=64)
    iterator = iter(dataset)
    first = [next(iterator)["image_id"].numpy().tolist() for _ in range(10)]
    path = tf.train.Checkpoint(iterator=iterator).write(os.fspath(tmp_path / "checkpoint"))
    assert checkpoint_size(path) < 100_000
    assert len({name for batch in first for name in batch}) == 640
