"""Images that come more or less than once in an epoch: how often, and the same on every machine."""

from __future__ import annotations

import itertools
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import annotools
from annotools.augment import HorizontalFlip, Mosaic, ssd
from annotools.errors import OptionError
from annotools.loader import ClassBalanced, Mix, RepeatFactor, Weights, explain, make_dataset
from annotools.loader.order import Order, Slots

pytestmark = pytest.mark.filterwarnings("ignore:the same . epoch")
Same = Callable[[Any, Any], None]
OPTIONS: dict[str, Any] = {"split": "train", "image_size": (32, 40), "batch_size": 5, "seed": 3}


def drawn(order: Order, epoch: int) -> list[tuple[int, int]]:
    """(image, copy) of each place of an epoch."""
    found: list[tuple[int, int]] = []
    for step in range(order.steps):
        when = tf.constant(epoch, tf.int64), tf.constant(step, tf.int64)
        images, valid = order.batch(*when)
        pairs = zip(images.numpy()[valid].tolist(), order.copies(*when).numpy()[valid].tolist(), strict=True)
        found += pairs
    return found


def order_of(weights: Any, count: int, batch_size: int = 100, **options: Any) -> Order:
    slots = Slots(np.asarray(weights, np.float64), count)
    return Order(count, min(batch_size, count), slots=slots, **options)


def ids_of(dataset: Any) -> list[str]:
    return [name.decode() for batch in dataset for name in batch["image_id"].numpy()]


@pytest.fixture(scope="module")
def classes_of(sample_data: Path) -> dict[str, set[str]]:
    """{image id: names of its classes} of train, read from the XML."""
    return {
        Path(one.filename or "").stem: {of.name for of in one.objects}
        for one in annotools.read(sample_data, split="train")
    }


# ----- the line of slots -----


@pytest.mark.parametrize("count", [10_000, 137, 5])
def test_an_image_comes_as_often_as_it_weighs(count: int) -> None:
    weights = np.random.default_rng(0).exponential(1.0, 300) * (np.arange(300) % 7 > 0)
    expected = weights * count / weights.sum()
    order = order_of(weights, count, seed=5)
    for epoch in (0, 1):
        came = Counter(image for image, _ in drawn(order, epoch))
        assert sum(came.values()) == count
        for image, mean in enumerate(expected):
            assert came[image] in (math.floor(mean), math.ceil(mean))


def test_over_many_epochs_each_comes_as_often_as_it_should() -> None:
    weights = np.array([0.05, 0.3, 1.0, 1.65, 0.0, 2.0])
    came = Counter(image for epoch in range(800) for image, _ in drawn(order_of(weights, 5), epoch))
    for image, weight in enumerate(weights):
        # an epoch has the number above or below: a variance of at most 1/4
        assert abs(came[image] - 800 * weight) <= 4 * math.sqrt(800 / 4)
    assert came[2] == 800
    assert came[4] == 0


def test_copies_count_from_0_and_are_all_there() -> None:
    draw = np.random.default_rng(1)
    for weights, count in [
        (draw.exponential(1.0, 50), 500),
        ([1.0, 1e-9, 3.0, 0.0, 1e-9, 7.0], 90),
        ([0.1] * 30, 90),
        ([1 / 3] * 3, 7),
    ]:
        for epoch in range(5):
            found = drawn(order_of(weights, count, seed=2), epoch)
            assert len(set(found)) == len(found) == count
            assert all(sorted(copies) == list(range(len(copies))) for copies in by_image(found).values())


def by_image(found: list[tuple[int, int]]) -> dict[int, list[int]]:
    copies: dict[int, list[int]] = {}
    for image, copy in found:
        copies.setdefault(image, []).append(copy)
    return copies


def test_equal_weights_are_the_order_without_weights() -> None:
    for weight in (1.0, 0.1):
        one = [image for image, _ in drawn(order_of([weight] * 37, 37, seed=4), 2)]
        plain = [image for image, _ in drawn(Order(37, 37, seed=4), 2)]
        assert one == plain


def test_workers_deal_one_epoch_out_among_them() -> None:
    weights = np.arange(1.0, 21.0)
    whole = drawn(order_of(weights, 53, seed=3), 2)
    parts = [drawn(order_of(weights, 53, 4, seed=3, shard=(i, 4)), 2) for i in range(4)]
    assert [whole[i::4] for i in range(4)] == parts


# ----- the rules -----


def test_classes_come_equally_often(classes_of: dict[str, set[str]], converted: Path) -> None:
    """Chi-square of 10,000 draws: each draw is a class, then an image that has it."""
    dataset = make_dataset(converted, sampling=ClassBalanced(per_epoch=10_000), **OPTIONS)
    images_of = Counter(name for names in classes_of.values() for name in names)
    expected = {
        one: sum(1 / images_of[name] for name in names) / len(images_of) for one, names in classes_of.items()
    }
    order = dataset.pipeline.order
    names = dataset.pipeline.examples.image_ids()
    big = Order(order.count, 500, seed=3, slots=order.slots)
    came = Counter(names[image] for image, _ in drawn(big, 0))
    assert sum(came.values()) == 10_000
    chi = sum(
        (came[one] - 10_000 * share) ** 2 / (10_000 * share) for one, share in expected.items() if share
    )
    assert chi < 30.6  # 15 degrees of freedom, p = 0.01
    (empty,) = (one for one, names in classes_of.items() if not names)
    assert came[empty] == 0
    by_class = dict.fromkeys(images_of, 0.0)  # an image with two classes was drawn for the one or the other
    for one, count in came.items():
        total = sum(1 / images_of[name] for name in classes_of[one])
        for name in classes_of[one]:
            by_class[name] += count / images_of[name] / total
    mean = 10_000 / len(images_of)
    assert sum((by_class[name] - mean) ** 2 / mean for name in images_of) < 18.5  # 7 degrees of freedom


def test_repeat_factors_are_those_of_lvis(classes_of: dict[str, set[str]], converted: Path) -> None:
    threshold = 0.9
    images_of = Counter(name for names in classes_of.values() for name in names)
    factor_of = {
        name: max(1.0, math.sqrt(threshold / (count / len(classes_of)))) for name, count in images_of.items()
    }
    factors = {
        one: max([factor_of[name] for name in names], default=1.0) for one, names in classes_of.items()
    }
    assert 1.0 in factors.values()
    assert max(factors.values()) > 1.5
    dataset = make_dataset(converted, sampling=RepeatFactor(threshold), epochs=200, **OPTIONS)
    share = dataset.pipeline.share
    names = dataset.pipeline.examples.image_ids()
    np.testing.assert_allclose(share.weights, [factors[name] for name in names], rtol=1e-12)
    assert share.per_epoch == round(sum(factors.values()))
    assert dataset.steps_per_epoch == math.ceil(share.per_epoch / 5)
    scale = share.per_epoch / sum(factors.values())
    came = Counter(ids_of(dataset.take(40 * dataset.steps_per_epoch)))
    for name, factor in factors.items():
        assert abs(came[name] - 40 * factor * scale) <= 4 * math.sqrt(40 / 4)


@pytest.mark.parametrize("kind", [dict, list, np.array])
def test_weights_of_images(kind: Any, converted: Path) -> None:
    names = ids_of(make_dataset(converted, shuffle=False, **OPTIONS))
    weights = {names[0]: 6.0, names[3]: 0.0}
    asked = weights if kind is dict else kind([weights.get(name, 1.0) for name in names])
    came = Counter(ids_of(make_dataset(converted, sampling=Weights(asked, per_epoch=20), **OPTIONS)))
    assert came == {name: weights.get(name, 1.0) for name in names if name != names[3]}
    plain = Counter(ids_of(make_dataset(converted, sampling=asked, **OPTIONS)))
    assert sum(plain.values()) == 16
    assert plain[names[0]] in (4, 5)


def test_what_an_epoch_is_made_of_is_told_before_it_begins(
    classes_of: dict[str, set[str]], converted: Path
) -> None:
    dataset = make_dataset(converted, sampling="class-balanced", **OPTIONS).map(lambda batch: batch)
    counts = dataset.sampling
    images_of = Counter(name for names in classes_of.values() for name in names)
    assert (counts.per_epoch, counts.images, counts.never) == (16, 16, 1)
    assert {name: have for name, (have, _) in counts.classes.items()} == images_of
    least = 16 / len(images_of)
    assert all(come >= least - 1e-9 for _, come in counts.classes.values())
    lines = str(counts).splitlines()
    assert lines[0].startswith("16 images an epoch of 16; 1 never, none more than ")
    assert any(line.split()[:2] == ["watch", str(images_of["watch"])] for line in lines)
    assert make_dataset(converted, **OPTIONS).sampling is None


def test_difficult_objects_count_only_where_they_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "voc"
    source.mkdir()
    for number in range(4):
        pixels = tf.io.encode_jpeg(tf.zeros([20, 20, 3], tf.uint8) + number * 30).numpy()
        (source / f"{number}.jpg").write_bytes(pixels)
        (source / f"{number}.xml").write_text(
            f"<annotation><filename>{number}.jpg</filename><size><width>20</width><height>20</height></size>"
            f"<object><name>{'ab'[number // 2]}</name><difficult>{int(number == 3)}</difficult><bndbox>"
            "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
        )
    for keep, never in (("keep", 0), ("drop", 1), ("ignore", 1)):
        options: dict[str, Any] = {"image_size": 16, "batch_size": 1, "sampling": "class-balanced"}
        counts = make_dataset(source, keep_difficult=keep, **options).sampling  # type: ignore[arg-type]
        assert counts.never == never
        assert counts.classes["b"] == (2 - never, 2.0)


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ("balanced", "class-balanced"),
        (3, "no way to sample"),
        ([1.0, 2.0], "16, one for each image"),
        ([-1.0] * 16, "0 or more"),
        ([math.nan] * 16, "0 or more"),
        ([0.0] * 16, "no image would ever come"),
        (["a"] * 16, "numbers"),
        ({"bed-00": 2.0}, "no such image"),
    ],
)
def test_what_cannot_be_is_refused(sampling: Any, said: str, converted: Path) -> None:
    with pytest.raises(OptionError, match=said):
        make_dataset(converted, sampling=sampling, **OPTIONS)


def test_arguments_of_rules() -> None:
    for make in (lambda: RepeatFactor(2.0), lambda: RepeatFactor("x"), lambda: ClassBalanced(0)):  # type: ignore[arg-type]
        with pytest.raises(OptionError):
            make()


# ----- in the loader -----

RULES: list[Any] = [ClassBalanced(per_epoch=23), RepeatFactor(0.4)]


@pytest.mark.parametrize("sampling", RULES, ids=["classes", "repeat"])
def test_the_same_bits_whatever_does_the_work(
    sampling: Any, converted: Path, converted_in_four: Path, assert_same: Same
) -> None:
    options = OPTIONS | {"augment": ssd(), "sampling": sampling}
    whole = make_dataset(converted, num_parallel_calls=1, epochs=2, **options)
    assert_same(whole, make_dataset(converted, num_parallel_calls=8, epochs=2, **options))
    rest = make_dataset(converted, epochs=2, start_step=7, **options)
    assert_same(itertools.islice(whole, 7, None), rest)
    second = make_dataset(converted, epoch=1, **options)
    assert_same(itertools.islice(whole, whole.steps_per_epoch, None), second)
    iterator = iter(whole)
    for _ in range(3):
        next(iterator)
    restored = iter(whole)
    path = tf.train.Checkpoint(iterator=iterator).write(str(converted.parent / "sampled"))
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    assert_same(list(iterator), list(restored))
    plain = tf.data.Options()
    plain.experimental_symbolic_checkpoint = False  # TensorFlow then looks for a state
    assert tf.train.Checkpoint(iterator=iter(whole.with_options(plain))).write(
        str(converted.parent / "state")
    )


def test_workers_together_see_what_one_would_see(converted: Path) -> None:
    def pictures(**options: Any) -> Counter[tuple[bytes, bytes]]:
        dataset = make_dataset(
            converted, augment=HorizontalFlip(), sampling=ClassBalanced(per_epoch=40), **options, **OPTIONS
        )
        return Counter(
            (name, image.tobytes())
            for batch in dataset
            for name, image in zip(batch["image_id"].numpy(), batch["images"].numpy(), strict=True)
        )

    assert sum((pictures(shard=(i, 3)) for i in range(3)), Counter()) == pictures()


def test_an_image_that_comes_again_is_another_picture(converted: Path) -> None:
    names = ids_of(make_dataset(converted, shuffle=False, **OPTIONS))
    often = Weights({name: float(name == names[2]) for name in names}, per_epoch=10)
    dataset = make_dataset(converted, augment=ssd(), sampling=often, **OPTIONS)
    pictures = [image.tobytes() for batch in dataset for image in batch["images"].numpy()]
    assert len(set(pictures)) == 10
    once = make_dataset(converted, augment=ssd(), **OPTIONS)
    (first,) = (
        image.tobytes()
        for batch in once
        for name, image in zip(batch["image_id"].numpy(), batch["images"].numpy(), strict=True)
        if name.decode() == names[2]
    )
    assert first in pictures  # the first of them is the picture that comes without weights
    batches = list(dataset)
    for copy in (0, 4):
        seen = explain(dataset, names[2], copy=copy)
        np.testing.assert_array_equal(seen.image, batches[seen.step]["images"][seen.place])


def test_it_goes_with_partners_and_with_images_that_have_objects(converted: Path) -> None:
    options = OPTIONS | {"augment": Mosaic(), "only_with_objects": True, "sampling": "repeat-factor"}
    dataset = make_dataset(converted, **options)
    assert len(ids_of(dataset)) == dataset.sampling.per_epoch
    assert dataset.sampling.images == 15


# ----- several data sets -----


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 4 images with one of the classes of sample_data."""
    folder = tmp_path_factory.mktemp("other")
    source = folder / "voc"
    source.mkdir()
    for number in range(4):
        pixels = tf.io.encode_jpeg(tf.zeros([20, 30, 3], tf.uint8) + number * 30).numpy()
        (source / f"new-{number}.jpg").write_bytes(pixels)
        (source / f"new-{number}.xml").write_text(
            f"<annotation><filename>new-{number}.jpg</filename><size><width>30</width><height>20</height>"
            "</size><object><name>watch</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
            "<ymax>9</ymax></bndbox></object></annotation>"
        )
    annotools.convert(source, folder / "out", to="tfrecord", shards=1)
    return folder / "out"


NAMES = ["audio", "books", "clothes", "computer", "pants", "phone", "shoes", "watch"]


def test_several_data_sets_are_one(converted_in_four: Path, other: Path) -> None:
    dataset = make_dataset(Mix([converted_in_four, other]), classes=NAMES, **OPTIONS)
    assert dataset.sampling is None
    rows = {
        name.decode(): label
        for batch in dataset
        for name, label in zip(
            batch["image_id"].numpy(), batch["bounding_boxes"]["labels"].numpy(), strict=True
        )
    }
    assert len(rows) == 20
    assert {rows[f"new-{number}"][0] for number in range(4)} == {7}
    alone = make_dataset(converted_in_four, shuffle=False, **OPTIONS)
    for batch in alone:
        for name, label in zip(
            batch["image_id"].numpy(), batch["bounding_boxes"]["labels"].numpy(), strict=True
        ):
            np.testing.assert_array_equal(rows[name.decode()], label)


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("sampling", [None, ClassBalanced(per_epoch=20)])
def test_data_sets_come_in_proportion_to_their_weights(
    sampling: Any, only: bool, converted: Path, other: Path
) -> None:
    mix = Mix({converted: 1, other: 3})
    options = OPTIONS | {"classes": NAMES, "sampling": sampling, "only_with_objects": only}
    dataset = make_dataset(mix, **options)
    names = ids_of(dataset)
    share = sum(name.startswith("new-") for name in names) / len(names)
    assert len(names) == (20 if sampling or not only else 19)
    assert abs(share - 0.75) <= 1 / len(names)
    have, come = dataset.sampling.sets[str(other)]
    assert have == 4
    assert come == pytest.approx(0.75 * len(names))
    assert f"{other}" in str(dataset.sampling)


def test_trees_are_mixed_as_well(other: Path, tmp_path: Path, assert_same: Same) -> None:
    options: dict[str, Any] = OPTIONS | {"classes": NAMES, "shuffle": False, "split": None, "batch_size": 4}
    voc = other.parent / "voc"
    shutil.copytree(voc, tmp_path / "copy")
    both = list(make_dataset(Mix([voc, tmp_path / "copy"]), **options))
    assert_same(both[:1], make_dataset(voc, **options))
    assert_same(both[:1], both[1:])


def test_what_cannot_be_mixed_is_refused(converted: Path, other: Path) -> None:
    with pytest.raises(OptionError, match="class maps differ"):
        make_dataset(Mix([converted, other]), **OPTIONS)
    with pytest.raises(OptionError, match="convert the others"):
        make_dataset(Mix([other, other.parent / "voc"]), classes=NAMES, image_size=8, batch_size=1)
    bad: Any
    for bad in ([], "a", ["a", "a"], {"a": 0}, 3):
        with pytest.raises(OptionError):
            Mix(bad)
