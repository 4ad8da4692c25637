"""The records in Grain, JAX's own loader, without TensorFlow: `Records` has the interface of its sources.

    python examples/grain_loop.py [SOURCE] [--workers 2]

Grain asks a source for `len` and `[i]` and gives a shuffled order, a part for each host and a state to store.
The number of boxes differs from picture to picture, so rows of padding fill each up to MOST.
"""

from __future__ import annotations

import argparse
import io
from typing import Any

import grain.python as grain
import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from PIL import Image

from annotools.formats.tfrecord import Records
from annotools.records import Example

SIZE, MOST = 160, 50


class Prepare(grain.MapTransform):  # type: ignore[misc]
    """One record -> image (160, 160, 3) uint8, boxes (50, 4) float32 in pixels, labels (50,), padding -1."""

    def map(self, example: Example) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(example.encoded)).convert("RGB").resize((SIZE, SIZE))
        count = min(len(example.labels), MOST)
        boxes, labels = np.zeros((MOST, 4), np.float32), np.full(MOST, -1, np.int64)
        boxes[:count] = np.array(example.boxes, np.float32).reshape(-1, 4)[:count]
        boxes *= np.array([SIZE / example.width, SIZE / example.height] * 2, np.float32)
        labels[:count] = np.array(example.labels, np.int64)[:count] - 1
        return {"images": np.asarray(picture), "boxes": boxes, "labels": labels}


def make_loader(source: str, epochs: int, workers: int) -> grain.DataLoader:
    records = Records(source, "train")
    shard = grain.NoSharding()  # ShardByJaxProcess() on several hosts
    order = grain.IndexSampler(len(records), shard, shuffle=True, num_epochs=epochs, seed=0)
    return grain.DataLoader(
        data_source=records,
        sampler=order,
        operations=[Prepare(), grain.Batch(8, drop_remainder=True)],
        worker_count=workers,
    )


def crowding(images: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How bright the pictures of a batch are, from 0 to 1, and how many objects a picture has."""
    return jnp.mean(images.astype(jnp.float32)) / 255, jnp.mean((labels >= 0).sum(-1).astype(jnp.float32))


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("source", nargs="?", default="demo_output/tfrecord", help="an output of convert")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare pictures")
    options = parser.parse_args()
    flags.FLAGS.mark_as_parsed()  # Grain's processes read absl's flags; this program has none
    measure = jax.jit(crowding)
    for batch in make_loader(options.source, options.epochs, options.workers):
        light, objects = measure(batch["images"], batch["labels"])
        print(
            f"{batch['images'].shape}: brightness {float(light):.2f}, {float(objects):.1f} objects a picture"
        )


if __name__ == "__main__":
    main()
