"""Batches of several sizes, and sides that are multiples."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import annotools
from annotools.augment import HorizontalFlip, IoUCrop, ssd
from annotools.errors import OptionError
from annotools.loader import ByAspect, Mix, MultiScale, explain, make_dataset, to_keras
from annotools.loader.sizes import AspectOrder

Same = Callable[[Any, Any], None]
pytestmark = pytest.mark.filterwarnings("ignore:the same . epoch")
OPTIONS: dict[str, Any] = {"split": "train", "batch_size": 4, "seed": 3}
SCALES = MultiScale([(32, 48), 40, (48, 32)])


def sizes_of(dataset: Any) -> list[tuple[int, int]]:
    return [tuple(batch["images"].shape[1:3]) for batch in dataset]


# ----- a size for each step -----


def test_a_size_is_drawn_for_each_step_and_stays_as_long_as_asked() -> None:
    def drawn(scales: MultiScale, seed: int, epoch: int, steps: int) -> list[int]:
        when = [(tf.constant(epoch, tf.int64), tf.constant(step, tf.int64)) for step in range(steps)]
        return [int(scales.index(seed, *one)) for one in when]

    found = drawn(SCALES, 0, 0, 300)
    counts = np.bincount(found, minlength=3)
    assert ((counts - 100) ** 2 / 100).sum() < 9.2  # chi-square of 2 degrees of freedom, p = 0.01
    assert len({tuple(drawn(SCALES, *one, 20)) for one in ((0, 0), (0, 1), (1, 0))}) == 3
    slow = drawn(MultiScale(SCALES.sizes, every=10), 0, 0, 100)
    assert all(len(set(slow[k : k + 10])) == 1 for k in range(0, 100, 10))
    assert len(set(slow)) == 3


def test_each_size_is_the_data_set_of_that_size(converted: Path) -> None:
    options = OPTIONS | {"augment": ssd(), "epochs": 3}
    dataset = make_dataset(converted, image_size=SCALES, **options)
    assert dataset.element_spec["images"].shape.as_list() == [4, None, None, 3]
    assert to_keras(dataset).element_spec[1]["boxes"].shape[2] == 4
    batches = list(dataset)
    sizes = sizes_of(batches)
    assert set(sizes) == set(SCALES.sizes)
    for size in SCALES.sizes:
        alone = list(make_dataset(converted, image_size=size, **options))
        for step in (k for k, one in enumerate(sizes) if one == size):
            tf.nest.map_structure(np.testing.assert_array_equal, batches[step], alone[step])


@pytest.mark.parametrize("size", [SCALES, ByAspect([(32, 48), (48, 32)])], ids=["scales", "aspects"])
def test_the_same_bits_whatever_does_the_work(
    size: Any, converted: Path, converted_in_four: Path, assert_same: Same, tmp_path: Path
) -> None:
    options = OPTIONS | {"augment": [IoUCrop(), HorizontalFlip()], "image_size": size, "epochs": 2}
    whole = make_dataset(converted, num_parallel_calls=1, **options)
    assert_same(whole, make_dataset(converted_in_four, num_parallel_calls=8, **options))
    assert_same(itertools.islice(whole, 3, None), make_dataset(converted, start_step=3, **options))
    iterator = iter(whole)
    for _ in range(2):
        next(iterator)
    restored = iter(whole)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    assert_same(list(iterator), list(restored))
    plain = tf.data.Options()
    plain.experimental_symbolic_checkpoint = False  # TensorFlow then looks for a state
    assert tf.train.Checkpoint(iterator=iter(whole.with_options(plain))).write(str(tmp_path / "state"))
    batches = list(whole)
    seen = explain(whole, batches[1]["image_id"][0].numpy().decode())
    assert (seen.step, seen.place) == (1, 0)
    np.testing.assert_array_equal(seen.image, batches[1]["images"][0])


# ----- batches by aspect -----


@pytest.fixture(scope="module")
def tall_and_wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """11 images: 5 wide, 4 tall, 2 square."""
    folder = tmp_path_factory.mktemp("aspects")
    source = folder / "voc"
    source.mkdir()
    for number, (height, width) in enumerate([(40, 80)] * 5 + [(90, 50)] * 4 + [(60, 60)] * 2):
        name = f"{'wide' if width > height else 'tall' if width < height else 'even'}-{number}"
        pixels = tf.io.encode_jpeg(tf.zeros([height, width, 3], tf.uint8) + number * 20).numpy()
        (source / f"{name}.jpg").write_bytes(pixels)
        (source / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>{width}</width><height>{height}</height>"
            "</size><object><name>a</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>35</ymax>"
            "</bndbox></object></annotation>"
        )
    annotools.convert(source, folder / "out", to="tfrecord", shards=2)
    return folder


ASPECTS = ByAspect([(48, 48), (32, 64), (64, 32)])
SIZE_OF = {"even": (48, 48), "wide": (32, 64), "tall": (64, 32)}


@pytest.mark.parametrize("source", ["out", "voc"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_has_images_of_its_aspect(source: str, shuffle: bool, tall_and_wide: Path) -> None:
    options: dict[str, Any] = {"image_size": ASPECTS, "batch_size": 2, "shuffle": shuffle, "epochs": 2}
    dataset = make_dataset(tall_and_wide / source, **options)
    assert dataset.steps_per_epoch == 3 + 2 + 1
    batches = list(dataset)
    for batch in batches:
        kinds = {name.decode()[:4] for name in batch["image_id"].numpy()}
        assert [SIZE_OF[kind] for kind in kinds] == [tuple(batch["images"].shape[1:3])]
    parts = batches[:6], batches[6:]
    names = [[name for batch in part for name in batch["image_id"].numpy()] for part in parts]
    assert len(names[0]) == len(set(names[0])) == 11
    assert sorted(names[0]) == sorted(names[1])
    assert (names[0] == names[1]) != shuffle


def test_a_subset_and_a_mix_have_their_aspects(tall_and_wide: Path) -> None:
    options: dict[str, Any] = {"image_size": ASPECTS, "batch_size": 2}
    mixed = make_dataset(Mix([tall_and_wide / "out"]), only_with_objects=True, **options)
    assert Counter(sizes_of(mixed)) == {(32, 64): 3, (64, 32): 2, (48, 48): 1}


@pytest.mark.parametrize(("drop", "steps"), [(False, [2, 2, 2]), (True, [1, 1, 1])])
def test_workers_share_the_batches(drop: bool, steps: list[int]) -> None:
    groups = np.array([0] * 5 + [1] * 4 + [2] * 2)
    orders = [AspectOrder(groups, 2, seed=5, shard=(i, 3), drop_remainder=drop) for i in range(3)]
    assert [order.steps for order in orders] == steps
    seen: list[int] = []
    for order in orders:
        for step in range(order.steps):
            when = tf.constant(1, tf.int64), tf.constant(step, tf.int64)
            images, valid = order.batch(*when)
            assert set(groups[images.numpy()]) == {int(order.group(*when))}
            assert valid.numpy().all() or not drop
            seen += images.numpy()[valid.numpy()].tolist()
    assert len(seen) == len(set(seen)) == (6 if drop else 11)


def test_groups_without_images_and_orders_of_their_own() -> None:
    order = AspectOrder(np.array([2] * 9 + [0] * 3), 3, seed=1)
    epochs = [
        [
            tuple(order.batch(tf.constant(e, tf.int64), tf.constant(s, tf.int64))[0].numpy().tolist())
            for s in range(order.steps)
        ]
        for e in range(4)
    ]
    assert len({tuple(one) for one in epochs}) == 4
    assert all(sorted(itertools.chain(*one)) == list(range(12)) for one in epochs)


# ----- multiples -----


@pytest.mark.parametrize("size", [(40, 50), None])
def test_fill_makes_sides_multiples(size: Any, tall_and_wide: Path) -> None:
    options: dict[str, Any] = {"image_size": size, "batch_size": 1, "shuffle": False, "augment": []}
    plain = list(make_dataset(tall_and_wide / "out", **options))
    padded = make_dataset(tall_and_wide / "out", pad_to_multiple=32, **options)
    if size:
        assert padded.element_spec["images"].shape.as_list() == [1, 64, 64, 3]
    relative = make_dataset(tall_and_wide / "out", pad_to_multiple=32, box_format="rel_xyxy", **options)
    for one, two, three in zip(plain, padded, relative, strict=True):
        height, width = one["images"].shape[1:3]
        assert [side % 32 for side in two["images"].shape[1:3]] == [0, 0]
        assert max(two["images"].shape[1] - height, two["images"].shape[2] - width) < 32
        np.testing.assert_array_equal(two["images"][:, :height, :width], one["images"])
        assert (two["images"][:, height:].numpy() == 114).all()
        assert (two["images"][:, :, width:].numpy() == 114).all()
        np.testing.assert_array_equal(one["bounding_boxes"]["boxes"], two["bounding_boxes"]["boxes"])
        sides = np.array(two["images"].shape[1:3])[[1, 0, 1, 0]]
        np.testing.assert_allclose(
            three["bounding_boxes"]["boxes"] * sides, one["bounding_boxes"]["boxes"], rtol=1e-5
        )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MultiScale([]), "no sizes"),
        (lambda: MultiScale(32), "no sizes"),  # type: ignore[arg-type]
        (lambda: MultiScale([(1, 2, 3)]), "not a size"),  # type: ignore[list-item]
        (lambda: MultiScale([32], every=0), "every"),
        (lambda: ByAspect(["a"]), "not a size"),  # type: ignore[list-item]
    ],
)
def test_arguments(make: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": SCALES, "cache": "resized"},
        {"image_size": ASPECTS, "sampling": "class-balanced"},
        {"image_size": ASPECTS, "shard": (3, 2)},
        {"image_size": ASPECTS, "batch_size": 20, "drop_remainder": True},
        {"image_size": 32, "pad_to_multiple": 0},
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], converted: Path) -> None:
    with pytest.raises(OptionError):
        make_dataset(converted, **(OPTIONS | options))
