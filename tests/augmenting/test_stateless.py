"""The same seed gives the same bits: eagerly, in a graph, alone, in any batch, on one thread or eight."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from annotools import augment as a
from annotools.augment import Augmenter, Draft, Plan, Sample, ops
from annotools.augment.graph.seeds import fold_in, words

HEIGHT, WIDTH, EXAMPLES = 60, 80, 10
OUTPUT = (50, 70)


def own_op(draft: Draft, draws: tf.Tensor) -> Draft:
    return draft.scaled([1.0, 1.0], [draws[:, 0] * 9, 0.0])


def own_pixels(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    noise = tf.random.stateless_uniform([1, 1, 3], seed, 0, 50, tf.int32)
    return tf.saturate_cast(tf.cast(image, tf.int32) + noise, tf.uint8)


# draws of (user seed 7, epoch 2, example 11)
GOLDEN_SEED = [1480540957993401571, 11]
GOLDEN = [[0.4733011722564697], [0.12042558193206787, 0.07619225978851318, 0.08841574192047119]]

# every op is in one of them; they share graphs because tracing one takes a second
OPS: dict[str, Any] = {
    "right angles": [a.HorizontalFlip(), a.VerticalFlip(), a.Rot90()],
    "crops": [a.RandomCrop(), a.IoUCrop(), a.RandomCrop((30, 40))],
    "zooms": [a.Expand(), a.ScaleJitter(aspect=(0.5, 2.0)), a.Translate()],
    "fits": [a.Resize((30, 60)), a.Letterbox((60, 30)), a.CenterCrop((30, 60))],
    "turns": [a.Rotate(30), a.Shear(10, 10)],
    "ellipses": a.Rotate(30, boxes="ellipse"),
    "colours": [a.ColorJitter(), a.Grayscale(0.5), a.ChannelShuffle(0.5)],
    "erased": [a.Cutout(2), a.RandomErase()],
    "Mosaic": a.Mosaic(p=0.5),
    "MixUp": a.MixUp(p=0.5),
    "functions": [own_op, a.OnPixels(own_pixels)],
    "tones": [a.Gamma(), a.Posterize(), a.Solarize(), a.AutoContrast(), a.Equalize(), a.CLAHE(p=0.5)],
    "filters": [a.GaussianBlur(), a.MotionBlur(), a.Sharpness(), a.GaussianNoise(), a.JpegArtifacts()],
    "choices": [
        a.OneOf((a.GaussianBlur(p=1.0), a.ColorJitter(), a.RandomCrop())),
        a.SomeOf((a.Rotate(20), a.Cutout(), a.HsvGain(), a.HorizontalFlip()), 2),
        a.Sometimes(a.Grayscale(1.0)),
    ],
    "orders": [
        a.RandomOrder((a.Translate(), a.Expand(), a.ChannelShuffle(), a.OnPixels(own_pixels))),
        a.RandAugment(2, ops=(a.Gamma(), a.RandomCrop(), a.Cutout())),
    ],
    "RandAugment": a.RandAugment(),
    "classes": [a.IfClasses(a.Rot90(), none=(9,)), a.CopyPaste(2, p=0.7), a.HorizontalFlip()],
    "light": a.light(),
    "ssd": a.ssd(),
    "ssd, exact": a.ssd(hsv="exact"),
    "torchvision_ssd": a.torchvision_ssd(),
    "yolo": a.yolo(mixup=0.5, degrees=10),
    "mixed mosaics": a.MixUp(p=0.5, ops=(a.Mosaic(), a.Rotate(20))),
    "yolox": a.yolox(),
    "sizes": [
        a.ResizeShortestEdge((40, 60), 90),
        a.RandomSizeCrop(20, 50),
        a.ResizeScale((0.5, 2.0)),
        a.FixedSizeCrop(),
    ],
    "perspectives": [a.IoUCrop(), a.Perspective(p=0.7), a.Cutout(), a.Rotate(20)],
    "reject": a.Augmentation((a.Translate(), a.IoUCrop()), a.BoxPolicy(0.5, low_visibility="reject")),
}


@functools.cache
def sample(number: int) -> Sample:
    """Example `number`: a JPEG with a picture of its own and three rows, the last of them padding."""
    draw = np.random.default_rng(number)
    rough = tf.constant(draw.uniform(0, 255, (6, 8, 3)), tf.float32)
    low = draw.uniform(0, 40, (3, 2))
    boxes = np.concatenate([low, low + draw.uniform(1, 20, (3, 2))], 1)
    return Sample(
        encoded=tf.io.encode_jpeg(tf.cast(tf.image.resize(rough, [HEIGHT, WIDTH]), tf.uint8)),
        size=tf.constant([HEIGHT, WIDTH]),
        boxes=tf.constant(boxes, tf.float32),
        labels=tf.constant([4, 2, -1]),
        difficult=tf.constant([False, True, False]),
        ids=tf.range(3),
        name=tf.constant(f"example {number}"),
    )


def partner(number: int, k: int) -> Sample:
    return sample(100 * (k + 1) + number)


@functools.cache
def stacked(partners: int) -> tf.data.Dataset:
    """(number, sample, partners)"""
    elements = [
        (number, sample(number), tuple(partner(number, k) for k in range(partners)))
        for number in range(EXAMPLES)
    ]
    together = tf.nest.map_structure(lambda *values: tf.stack(values), *elements)
    return tf.data.Dataset.from_tensor_slices(together)


def dataset(augmenter: Augmenter, *, batch: int = 4, parallel: int | None = None) -> tf.data.Dataset:
    def prepared(number: tf.Tensor, one: Sample, others: tuple[Sample, ...] = ()) -> Any:
        return one, augmenter.draw(a.example_seed(3, 1, number)), others

    def planned(samples: Sample, draws: a.Draws, others: tuple[Sample, ...] = ()) -> Plan:
        return augmenter.plan(samples, draws, epoch=1, partners=others)

    def executed(plan: Plan) -> tuple[tf.Tensor, ...]:
        return augmenter.execute(plan), plan.boxes, plan.labels, plan.ids, plan.drops, plan.weights

    data = stacked(augmenter.partners).map(prepared, parallel)
    return data.batch(batch).map(planned, parallel).unbatch().map(executed, parallel)


@functools.cache
def built(name: str) -> tf.data.Dataset:
    """Traced once; reused by the tests below."""
    return dataset(Augmenter(OPS[name], OUTPUT))


@functools.cache
def rows(name: str) -> list[list[Any]]:
    return [list(row) for row in built(name).as_numpy_iterator()]


def alone(name: str, number: int) -> list[Any]:
    one = sample(number)
    result = a.apply(
        OPS[name],
        one.encoded,
        one.boxes[:2],
        one.labels[:2],
        difficult=one.difficult[:2],
        seed=3,
        epoch=1,
        example_id=number,
        image_size=OUTPUT,
        partner=lambda k, _: partner(number, k),
    )
    plan = result.plan
    values = (result.image, result.boxes, result.labels, result.ids, result.drops, plan.weights)
    return [value.numpy() for value in values]


def test_every_op_is_in_the_list() -> None:
    used = [op for given in OPS.values() for op in a.as_augmentation(given).ops]
    inner = [op for choice in used for op in getattr(choice, "ops", None) or ()]
    listed = {type(op).__name__ for op in (*used, *inner)}
    public = {name for name in vars(a)["__all__"] if hasattr(getattr(a, name), "draws")} - {"Augmentation"}
    assert public <= listed
    assert len(public) >= 20
    files = [
        importlib.import_module(f"{ops.__name__}.{one.name}") for one in pkgutil.iter_modules(ops.__path__)
    ]
    written = {
        name
        for file in files
        for name, value in vars(file).items()
        if isinstance(value, type) and value.__module__ == file.__name__ and hasattr(value, "draws")
    }
    assert written == public


@pytest.mark.parametrize("name", OPS)
def test_eagerly_and_in_a_data_set(name: str) -> None:
    for number in (0, 5):
        image, boxes, labels, ids, drops, weights = alone(name, number)
        row = rows(name)[number]
        np.testing.assert_array_equal(row[0], image)
        count = len(labels)
        np.testing.assert_array_equal(row[1][:count], boxes)
        np.testing.assert_array_equal(row[2][:count], labels)
        np.testing.assert_array_equal(row[3][:count], ids)
        np.testing.assert_array_equal(row[4], drops)
        np.testing.assert_array_equal(row[5][:count], weights)
        assert (row[1][count:] == -1).all()
        assert (row[2][count:] == -1).all()


@pytest.mark.parametrize(
    "name",
    [
        "ssd, exact",
        "torchvision_ssd",
        "yolo",
        "reject",
        "erased",
        "ellipses",
        "functions",
        "tones",
        "filters",
        "choices",
    ],
)
def test_no_op_of_the_graph_has_a_state(name: str) -> None:
    """Asked of TensorFlow's own registry, for every function that the data set's graph calls."""
    graph = tf.compat.v1.GraphDef.FromString(built(name)._as_serialized_graph().numpy())
    nodes = {node.op for function in graph.library.function for node in function.node_def}
    definitions = [op_def_registry.get(operation) for operation in nodes]
    # an Assert raises or does nothing, and tf.data takes it for stateless; If is what holds it, and the
    # functions that it calls are among those looked at
    stateful = {one.name for one in definitions if one is not None and one.is_stateful}
    assert len(nodes) > 50
    assert stateful <= {"Assert", "If"}


@pytest.mark.parametrize(
    "name", ["ssd", "ssd, exact", "torchvision_ssd", "yolo", "light", "reject", "functions"]
)
def test_the_iterator_can_be_saved_and_goes_on_with_the_same_bits(name: str, tmp_path: Any) -> None:
    """tf.data refuses to save an iterator over anything stateful: the free test of statelessness."""
    iterator = iter(built(name))
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "position"))
    expected = [value.numpy() for value in next(iterator)]
    again = iter(built(name))
    tf.train.Checkpoint(iterator=again).restore(path)
    for value, wanted in zip(next(again), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_a_stateful_op_would_be_refused(tmp_path: Any) -> None:
    """Guard of the test above."""
    data = tf.data.Dataset.range(5).map(lambda i: tf.cast(i, tf.float32) + tf.random.uniform([]))
    iterator = iter(data)
    next(iterator)
    with pytest.raises(tf.errors.FailedPreconditionError, match="stateful"):
        tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "position"))


@pytest.mark.parametrize(("name", "batch", "parallel"), [("ssd", 1, 1), ("ssd", 7, 8), ("yolo", 7, 8)])
def test_neither_batch_nor_threads_change_a_bit(name: str, batch: int, parallel: int) -> None:
    other = dataset(Augmenter(OPS[name], OUTPUT), batch=batch, parallel=parallel)
    for row, wanted in zip(other.as_numpy_iterator(), rows(name), strict=True):
        for value, expected in zip(row, wanted, strict=True):
            np.testing.assert_array_equal(value, expected)


def test_seed_epoch_and_example_each_matter() -> None:
    seeds = [a.example_seed(*three).numpy() for three in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    numbers = [Augmenter(a.ssd()).draw(tf.constant(seed)).numbers[2].numpy() for seed in seeds]
    for first in range(4):
        for second in range(first):
            assert abs(np.corrcoef(numbers[first], numbers[second])[0, 1]) < 0.15


def test_the_stream_is_written_in_stone() -> None:
    """These numbers are promises: a change of them changes every reproduced experiment. Philox, pinned."""
    seed = a.example_seed(7, 2, 11)
    draws = Augmenter([a.HorizontalFlip(), a.Translate()]).draw(seed)
    assert seed.dtype == tf.int64
    assert seed.numpy().tolist() == GOLDEN_SEED
    np.testing.assert_array_equal(draws.numbers[0], np.array(GOLDEN[0], np.float32))
    np.testing.assert_array_equal(draws.numbers[1], np.array(GOLDEN[1], np.float32))


@pytest.mark.parametrize("seed", [[0, 0], [5, 7], [-3, 2**40], [2**62, 1]])
def test_seeds_are_those_of_tensorflow_s_own_functions(seed: list[int]) -> None:
    """Which take ten times as many operations for them."""
    key = tf.constant(seed, tf.int64)
    for data in (0, 17, 2**50):
        expected = tf.random.fold_in(key, tf.constant(data, tf.int64), alg="philox")
        np.testing.assert_array_equal(fold_in(key, data), expected)
    expected = tf.random.stateless_uniform(
        [4, 3], seed=key, minval=None, maxval=None, dtype=tf.int64, alg="philox"
    )
    np.testing.assert_array_equal(words(key, [4, 3]), expected)


def test_one_op_s_needs_leave_the_others_numbers_alone() -> None:
    seed = a.example_seed(0, 0, 0)
    few = Augmenter([a.IoUCrop(trials=5), a.Translate()]).draw(seed)
    many = Augmenter([a.IoUCrop(trials=50), a.Translate()]).draw(seed)
    np.testing.assert_array_equal(few.numbers[1], many.numbers[1])


def test_a_schedule_follows_the_epoch_inside_one_graph() -> None:
    augmenter = Augmenter(a.HorizontalFlip(a.Schedule(((0, 0.0), (3, 1.0), (5, 0.0)))), OUTPUT)

    one = sample(0)

    def flipped(epoch: tf.Tensor) -> tf.Tensor:
        plan = augmenter.plan_one(one, a.example_seed(0, epoch, 0), epoch=epoch)
        return plan.matrices[0, 0, 0] < 0

    found = list(tf.data.Dataset.range(7).map(flipped).as_numpy_iterator())
    assert found == [False, False, False, True, True, False, False]


def test_epochs_may_differ_within_a_batch() -> None:
    augmenter = Augmenter(a.ColorJitter(p=a.Schedule(((0, 1.0), (1, 0.0))), p_each=1.0), OUTPUT)
    pair = (sample(0), augmenter.draw(a.example_seed(0, 0, 0)))
    batch = tf.nest.map_structure(lambda value: tf.stack([value, value]), pair)
    plan = augmenter.plan(*batch, epoch=tf.constant([0, 1], tf.int64))
    assert not np.array_equal(plan.color_matrix[0], np.eye(3, 4))
    np.testing.assert_array_equal(plan.color_matrix[1], np.eye(3, 4))


def test_the_pipeline_of_the_documentation() -> None:
    """Images with 0, 1 and 2 objects, padded to a batch: each gets what it gets alone."""
    augmenter = Augmenter(a.ssd(), OUTPUT)
    full = sample(0)

    def one(number: tf.Tensor) -> tuple[Sample, a.Draws]:
        count = tf.cast(number % 3, tf.int32)
        few = {name: getattr(full, name)[:count] for name in ("boxes", "labels", "difficult", "ids")}
        return full._replace(**few), augmenter.draw(a.example_seed(0, 0, number))

    data = tf.data.Dataset.range(6).map(one).padded_batch(6, padding_values=(a.PADDING, None))
    for number, plan in enumerate(data.map(augmenter.plan).unbatch()):
        alone_plan = augmenter.plan_one(one(tf.constant(number, tf.int64))[0], a.example_seed(0, 0, number))
        assert plan.num_boxes == len(alone_plan.boxes) <= number % 3
        np.testing.assert_array_equal(plan.boxes[: plan.num_boxes], alone_plan.boxes)
        np.testing.assert_array_equal(plan.drops, alone_plan.drops)
        np.testing.assert_array_equal(augmenter.execute(plan), augmenter.execute(alone_plan))
