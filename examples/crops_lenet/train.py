"""LeNet on the products of the pictures, and the same loop on arrays: Fashion-MNIST, CIFAR, your own.

python examples/crops_lenet/train.py products --epochs 8           # a VOC tree, or what `convert` wrote
python examples/crops_lenet/train.py fashion_mnist                 # Keras downloads it; also cifar10
python examples/crops_lenet/train.py arrays.npz                    # x_train, y_train, x_test, y_test
python examples/crops_lenet/train.py sample_data --short           # one step: does it run?
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from annotools.targets import make_crops

Arrays = tuple[NDArray[Any], NDArray[Any]]
KERAS_SETS = ("fashion_mnist", "mnist", "cifar10")


def load(source: str, size: int) -> tuple[Arrays, Arrays, int]:
    """Train and test as (images (N, H, W, 1 or 3), labels (N,)), and how many classes there are."""
    if source in KERAS_SETS:
        (x, y), (x_test, y_test) = getattr(keras.datasets, source).load_data()
    elif Path(source).suffix == ".npz":
        with np.load(source) as arrays:
            x, y, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    else:
        train, test = (make_crops(source, split=split, image_size=size) for split in ("train", "test"))
        names = (
            [train.classes[label] for label in train.labels],
            [test.classes[label] for label in test.labels],
        )
        classes = sorted(set(names[0]) | set(names[1]))
        x, x_test = train.images, test.images
        y, y_test = (np.array([classes.index(name) for name in part]) for part in names)
    y, y_test = y.reshape(-1), y_test.reshape(-1)  # CIFAR has (N, 1)
    if x.ndim == 3:  # grey pictures without a last axis, as Fashion-MNIST has them
        x, x_test = x[..., None], x_test[..., None]
    return (x, y), (x_test, y_test), int(max(y.max(), y_test.max())) + 1


def lenet(shape: tuple[int, ...], classes: int) -> keras.Model:
    """LeNet-5 (1998) with today's activations: two convolutions, two poolings, three dense layers."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / 255.0),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a VOC tree, an output of convert, an .npz file, or a set of Keras")
    parser.add_argument("--size", type=int, default=32, help="of the crops")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one step of 32 crops")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    (x, y), test, classes = load(options.source, options.size)
    print(f"{len(x)} pictures of {x.shape[1:]} for training, {len(test[0])} for the test, {classes} classes")
    model = lenet(x.shape[1:], classes)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if options.short:
        x, y, options.epochs = x[:32], y[:32], 1
    model.fit(x, y, batch_size=32, epochs=options.epochs, verbose=options.verbose)
    _, accuracy = model.evaluate(*test, verbose=0)
    print(f"test: accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
