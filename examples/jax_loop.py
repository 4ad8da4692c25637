"""The same shards, order and augmentation in a JAX loop: batches have one shape, so `jit` compiles once.

python examples/jax_loop.py [SHARDS]
"""

from __future__ import annotations

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import tensorflow as tf

from annotools.augment import light
from annotools.loader import make_dataset

Parameters = dict[str, Any]


def predict(parameters: Parameters, images: jax.Array) -> jax.Array:
    """(B, 160, 160, 3) uint8 -> (B,) a guess at how many objects there are."""
    cells = images.astype(jnp.float32).reshape(images.shape[0], 10, 16, 10, 16, 3) / 255
    features = jnp.concatenate([cells.mean((2, 4)), cells.std((2, 4))], -1).reshape(images.shape[0], -1)
    hidden = jax.nn.relu(features @ parameters["first"])
    guess: jax.Array = hidden @ parameters["second"] + parameters["bias"]
    return guess


def train_step(parameters: Parameters, images: jax.Array, labels: jax.Array) -> tuple[Parameters, jax.Array]:
    counts = (labels >= 0).sum(-1)  # rows of padding have label -1

    def loss(values: Parameters) -> jax.Array:
        return jnp.mean(jnp.square(predict(values, images) - counts))

    value, gradients = jax.value_and_grad(loss)(parameters)
    return jax.tree.map(lambda old, slope: old - 1e-3 * slope, parameters, gradients), value


step = jax.jit(train_step)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "shards", nargs="?", default="demo_output/tfrecord", help="what `annotools convert` wrote"
    )
    options = parser.parse_args()
    tf.config.set_visible_devices([], "GPU")  # TensorFlow reads and augments on the CPU; the GPU is JAX's

    keys = jax.random.split(jax.random.key(0), 2)
    parameters = {
        "first": jax.random.normal(keys[0], (600, 16)) * 0.04,
        "second": jax.random.normal(keys[1], (16,)) * 0.2,
        "bias": jnp.zeros(()),
    }
    for epoch in range(3):
        ds = make_dataset(
            options.shards, split="train", image_size=160, batch_size=8, augment=light(), epoch=epoch,
            drop_remainder=True,
        )  # fmt: skip
        total = 0.0
        for batch in ds.as_numpy_iterator():
            parameters, loss = step(parameters, batch["images"], batch["bounding_boxes"]["labels"])
            total += float(loss)
        print(f"epoch {epoch}: loss {total:.2f} (guessing how many objects a picture has)")


if __name__ == "__main__":
    main()
