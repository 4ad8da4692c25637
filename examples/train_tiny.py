"""A detector small enough to read in one sitting, trained for a few steps straight from `annotools convert`.

    python examples/train_tiny.py [SHARDS] [--steps 60] [--picture batch.png] [--detections found.json]

Every cell of a 10x10 grid says whether the centre of an object lies in it, which class that is, and where the
box's edges are. Two dozen drawings of shelves cannot teach a detector anything that lasts; what can be seen
is that the loss falls, what a batch looks like, and what it finds on the pictures that it has learnt from.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import tensorflow as tf
from PIL import Image, ImageDraw

import annotools
from annotools.augment import light
from annotools.loader import make_dataset, pipeline_of

SIZE, GRID = 160, 10
CELL = SIZE / GRID


def build(classes: int) -> keras.Model:
    """(B, 160, 160, 3), values 0 to 255 -> (B, 10, 10, 1 + 4 + classes): object or not, box, class."""
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    for filters in (16, 32, 48, 64):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
    x = keras.layers.Conv2D(96, 3, padding="same", activation="relu")(x)
    return keras.Model(images, keras.layers.Conv2D(1 + 4 + classes, 1)(x))


def targets(boxes: tf.Tensor, labels: tf.Tensor, classes: int) -> tf.Tensor:
    """(B, M, 4) xyxy and (B, M) -> (B, 10, 10, 1 + 4 + classes). Rows of padding have label -1."""
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    real = labels >= 0
    column = tf.clip_by_value(tf.cast((x1 + x2) / 2 / CELL, tf.int32), 0, GRID - 1)
    row = tf.clip_by_value(tf.cast((y1 + y2) / 2 / CELL, tf.int32), 0, GRID - 1)
    image = tf.repeat(tf.range(tf.shape(boxes)[0])[:, None], tf.shape(boxes)[1], axis=1)
    place = tf.boolean_mask(tf.stack([image, row, column], -1), real)
    values = tf.concat([tf.ones_like(boxes[..., :1]), boxes / SIZE, tf.one_hot(labels, classes)], -1)
    empty = tf.zeros([tf.shape(boxes)[0], GRID, GRID, 1 + 4 + classes])
    return tf.tensor_scatter_nd_update(empty, place, tf.boolean_mask(values, real))


def loss(wanted: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    is_object = wanted[..., 0]
    presence = tf.nn.weighted_cross_entropy_with_logits(is_object, found[..., 0], pos_weight=8.0)
    box = tf.reduce_sum(tf.abs(wanted[..., 1:5] - tf.sigmoid(found[..., 1:5])), -1)
    kind = tf.nn.softmax_cross_entropy_with_logits(wanted[..., 5:], found[..., 5:])
    objects = tf.reduce_sum(is_object) + 1.0
    return tf.reduce_mean(presence) + tf.reduce_sum((5 * box + kind) * is_object) / objects


def picture(batch: dict[str, Any], path: str) -> None:
    """One batch as a sheet of pictures with their boxes."""
    images = batch["images"].numpy().astype("uint8")
    sheet = Image.new("RGB", (4 * SIZE, -(-len(images) // 4) * SIZE), "white")
    for index, pixels in enumerate(images):
        tile = Image.fromarray(pixels)
        draw = ImageDraw.Draw(tile)
        for x1, y1, x2, y2 in batch["bounding_boxes"]["boxes"][index][: batch["num_boxes"][index]].numpy():
            draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline="red")
        sheet.paste(tile, (index % 4 * SIZE, index // 4 * SIZE))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def detect(model: keras.Model, shards: str) -> list[dict[str, Any]]:
    """COCO results for every picture that was trained on: boxes in pixels of the picture, best first."""
    sizes = {
        os.path.splitext(one.filename or "")[0]: (one.image.width, one.image.height)
        for one in annotools.read(shards, split="train")
        if one.image is not None
    }
    found = []
    for batch in make_dataset(shards, split="train", image_size=(SIZE, SIZE), batch_size=8, epochs=1):
        predictions = model.predict_on_batch(batch["images"])
        for image_id, cells in zip(batch["image_id"].numpy(), predictions, strict=False):
            name = image_id.decode()
            if name not in sizes:
                continue  # padding of the last batch
            width, height = sizes[name]
            cells = cells.reshape(-1, cells.shape[-1])
            scores = tf.sigmoid(cells[:, 0])
            shares = tf.clip_by_value(tf.sigmoid(cells[:, 1:5]), 0, 1)
            kept = tf.image.non_max_suppression(shares, scores, 20, iou_threshold=0.3, score_threshold=0.5)
            for place in kept.numpy():
                x1, y1, x2, y2 = shares[place].numpy().tolist()
                box = [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height]
                label = int(cells[place, 5:].argmax()) + 1  # category ids are those of the label map
                score = float(scores[place])
                if min(box[2:]) > 0:
                    found.append({"image_id": name, "category_id": label, "bbox": box, "score": score})
    return sorted(found, key=lambda one: -one["score"])


def train(
    shards: str, steps: int, picture_path: str | None = None, detections: str | None = None
) -> tuple[float, float]:
    """The loss of the first and of the last tenth of the steps."""
    keras.utils.set_random_seed(1)
    ds = make_dataset(
        shards,
        split="train",
        image_size=(SIZE, SIZE),
        batch_size=8,
        augment=light(),
        seed=0,
        epochs=None,
    )
    class_map = pipeline_of(ds).examples.classes
    assert class_map is not None
    classes = len(class_map)
    if picture_path is not None:
        picture(next(iter(ds)), picture_path)

    def example(batch: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        found = batch["bounding_boxes"]
        return batch["images"], targets(found["boxes"], found["labels"], classes)

    model = build(classes)
    model.compile(keras.optimizers.Adam(2e-3), loss=loss)
    history: list[float] = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: history.append(logs["loss"]))
    rounds = 10
    model.fit(
        ds.map(example),
        epochs=rounds,
        steps_per_epoch=max(1, steps // rounds),
        verbose=0,
        shuffle=False,
        callbacks=[keep],
    )
    if detections is not None:
        Path(detections).write_text(json.dumps(detect(model, shards), indent=1))
    return history[0], history[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "shards", nargs="?", default="demo_output/tfrecord", help="what `annotools convert` wrote"
    )
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--picture", metavar="FILE", help="draw the first batch into this file")
    parser.add_argument("--detections", metavar="FILE", help="write what it finds, as COCO results")
    options = parser.parse_args()
    first, last = train(options.shards, options.steps, options.picture, options.detections)
    print(f"loss {first:.2f} -> {last:.2f} in {options.steps} steps of 8 images")
    if options.picture:
        print(f"the first batch: {options.picture}")
    if not last < 0.8 * first:
        raise SystemExit("the loss did not fall")


if __name__ == "__main__":
    main()
