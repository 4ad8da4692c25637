"""The loader under Keras, and the example that `make demo` runs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from annotools.augment import light
from annotools.loader import make_dataset, steps_per_epoch

OPTIONS: dict[str, Any] = {"split": "train", "image_size": 32, "batch_size": 5, "augment": light()}


class Watcher(keras.Model):  # type: ignore[misc]
    """Trains a number to be that of the objects in a batch, and notes what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.guess = self.add_weight(shape=(), initializer="zeros")
        self.seen: list[tuple[str, int]] = []

    def call(self, batch: dict[str, Any]) -> Any:
        return self.guess + 0.0 * tf.cast(tf.reduce_sum(tf.cast(batch["images"], tf.float32)), tf.float32)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        tf.py_function(self.note, [x["image_id"], x["images"]], [])
        return tf.reduce_mean(tf.square(y_pred - tf.cast(x["num_boxes"], tf.float32)))

    def note(self, names: tf.Tensor, images: tf.Tensor) -> None:
        pairs = zip(names.numpy(), images.numpy(), strict=True)
        self.seen += [(name.decode(), hash(np.asarray(image).tobytes())) for name, image in pairs]


def test_fit_takes_the_data_set_as_it_is(converted: Path) -> None:
    model = Watcher()
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(make_dataset(converted, **OPTIONS), verbose=0, shuffle=False)
    assert len({name for name, _ in model.seen}) == len(model.seen) == 16
    assert float(model.guess) > 0


def test_fit_over_epochs_sees_each_epoch_anew(converted: Path) -> None:
    dataset = make_dataset(converted, epochs=3, **OPTIONS)
    model = Watcher()
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(dataset, epochs=3, steps_per_epoch=steps_per_epoch(dataset), verbose=0, shuffle=False)
    epochs = [model.seen[start : start + 16] for start in (0, 16, 32)]
    assert len(model.seen) == 48
    assert [len({name for name, _ in epoch}) for epoch in epochs] == [16, 16, 16]
    orders = {tuple(name for name, _ in epoch) for epoch in epochs}
    pictures = {name: {picture for other, picture in model.seen if other == name} for name, _ in epochs[0]}
    assert len(orders) == 3
    assert all(len(seen) > 1 for seen in pictures.values())


def test_the_tiny_detector_learns(converted: Path, tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "train_tiny.py"
    spec = importlib.util.spec_from_file_location("train_tiny", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = tmp_path / "found.json"
    first, last = example.train(str(converted), 30, str(tmp_path / "batch.png"), str(found))
    assert last < 0.8 * first
    for one in json.loads(found.read_bytes()):
        x, y, width, height = one["bbox"]
        assert min(x, y) >= 0
        assert width > 0 < height
        assert isinstance(one["image_id"], str)
        assert one["category_id"] >= 1
    with Image.open(tmp_path / "batch.png") as sheet:
        assert sheet.size == (4 * 160, 2 * 160)


def test_targets_of_the_tiny_detector_are_at_the_centres() -> None:
    path = Path(__file__).parents[2] / "examples" / "train_tiny.py"
    spec = importlib.util.spec_from_file_location("train_tiny", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    boxes = tf.constant([[[0.0, 0, 32, 16], [-1, -1, -1, -1]]])
    found = example.targets(boxes, tf.constant([[2, -1]]), 3).numpy()
    assert found.shape == (1, 10, 10, 8)
    assert np.argwhere(found[0].sum(-1)).tolist() == [[0, 1]]
    np.testing.assert_allclose(found[0, 0, 1], [1, 0, 0, 0.2, 0.1, 0, 0, 1])
