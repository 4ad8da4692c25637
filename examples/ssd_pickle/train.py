"""The way of 2016 on today's TensorFlow: `gt.pkl`, a generator, the table of `assign_boxes`, MultiBox loss.

    annotools convert sample_data gt.pkl --to ssd-pickle --classes sample_data/classes.txt
    python examples/ssd_pickle/train.py gt.pkl sample_data/JPEGImages --epochs 2
    python examples/ssd_pickle/train.py gt.pkl sample_data/JPEGImages --short    # one step: does it run?

For people who keep a training script of rykov8/ssd_keras: the pickle and the table are the same, and so
are the priors. New here are the reading of pictures (scipy.misc is gone) and a small net in place of VGG.
The new way, with augmentation and without a generator, is examples/ssd_products.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from PIL import Image

from annotools.formats import ssd_pickle
from annotools.targets import SSD300_KERAS, SSDTargets

SIZE = 300


def generate(
    table: dict[str, Any], images: Path, targets: SSDTargets, batch: int
) -> Iterator[tuple[Any, Any]]:
    """Without end: (batch, 300, 300, 3) float32 and (batch, 7308, 4 + 1 + C + 8) float32."""
    names, shuffle = sorted(table), Random(0)
    inputs: list[NDArray[Any]] = []
    wanted: list[NDArray[Any]] = []
    while True:
        shuffle.shuffle(names)
        for name in names:
            rows = np.asarray(table[name]).reshape(-1, 4 + (targets.num_classes or 0))  # none: a negative
            picture = Image.open(images / name).convert("RGB").resize((SIZE, SIZE))
            inputs.append(np.asarray(picture, np.float32))
            wanted.append(targets.for_image(rows[:, :4], rows[:, 4:].argmax(1), (1, 1)))
            if len(inputs) == batch:
                yield np.stack(inputs), np.stack(wanted).astype(np.float32)
                inputs, wanted = [], []


def build(classes: int) -> keras.Model:
    """(B, 300, 300, 3) -> (B, 7308, 4 + 1 + C): offsets, and softmax with the background first."""
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    maps = []
    for filters, padding, stride in (
        (16, "same", 2), (32, "same", 2), (64, "same", 2),  # 150, 75, 38
        (96, "same", 2), (96, "same", 2), (96, "same", 2),  # 19, 10, 5
        (96, "valid", 1), (96, "valid", 1),  # 3, 1
    ):  # fmt: skip
        x = layers.Conv2D(filters, 3, stride, padding, activation="relu")(x)
        maps.append(x)
    places, scores = [], []
    for x, count in zip(maps[2:], SSD300_KERAS.per_cell, strict=True):
        places.append(layers.Reshape((-1, 4))(layers.Conv2D(4 * count, 3, padding="same")(x)))
        kinds = layers.Conv2D((classes + 1) * count, 3, padding="same")(x)
        scores.append(layers.Softmax()(layers.Reshape((-1, classes + 1))(kinds)))
    return keras.Model(
        image, layers.Concatenate()([layers.Concatenate(1)(places), layers.Concatenate(1)(scores)])
    )


def multibox_loss(wanted: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    """(B, 7308, 4 + 1 + C + 8) and (B, 7308, 4 + 1 + C) -> (B,).

    As the training notebook has it: for the whole batch one number of negatives, twice the smallest number of
    positives, 100 where there are none; the negatives are those with the largest score of any class.
    """
    is_object = wanted[..., -8]
    kinds, scores = wanted[..., 4:-8], tf.clip_by_value(found[..., 4:], 1e-7, 1.0)
    each = -tf.reduce_sum(kinds * tf.math.log(scores), -1)
    distance = tf.abs(wanted[..., :4] - found[..., :4])
    smooth = tf.reduce_sum(tf.where(distance < 1, 0.5 * distance**2, distance - 0.5), -1)
    positives = tf.reduce_sum(is_object, 1)
    several = tf.reduce_min(tf.where(positives > 0, 2 * positives, 1e9))
    several = tf.where(several < 1e9, several, 100.0)
    negatives = tf.cast(tf.minimum(several, tf.cast(tf.shape(each)[1], tf.float32)), tf.int32)
    _, hardest = tf.math.top_k(tf.reduce_max(scores[..., 1:], -1) * (1 - is_object), negatives)
    of_negatives = tf.reduce_sum(tf.gather(each, hardest, batch_dims=1), 1)
    counted = positives + tf.cast(negatives, tf.float32)
    return (tf.reduce_sum(each * is_object, 1) + of_negatives) / counted + tf.reduce_sum(
        smooth * is_object, 1
    ) / tf.maximum(positives, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pickle", help="gt.pkl of `annotools convert --to ssd-pickle`, or an old one")
    parser.add_argument("images", type=Path, help="the folder of the pictures")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one step of two pictures")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    table = ssd_pickle.read(options.pickle)
    classes = next(rows.shape[1] - 4 for rows in table.values() if len(rows))
    targets = SSDTargets(SSD300_KERAS, matching="ssd_keras", layout="ssd_keras", num_classes=classes)
    batch = 2 if options.short else options.batch
    model = build(classes)
    model.compile(keras.optimizers.Adam(3e-4), multibox_loss)
    history = model.fit(
        generate(table, options.images, targets, batch),
        epochs=1 if options.short else options.epochs,
        steps_per_epoch=1 if options.short else max(1, len(table) // batch),
        verbose=options.verbose,
    )
    losses = history.history["loss"]
    print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}")


if __name__ == "__main__":
    main()
