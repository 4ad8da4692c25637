"""A YOLO of the second or third kind, small enough to read: k-means anchors, two grids, one file.

    python examples/yolo_tiny/train.py products --epochs 8       # sample_data/many.py draws `products`
    python examples/yolo_tiny/train.py sample_data --short       # one step: does it run?

`--version v2` has one grid of 12 by 12 cells, v3 one of 24 by 24 below it. The loss is the plain one:
presence, class and box, each where the targets say. What v2 and v3 add, that a prediction with an IoU
above 0.5 is not punished for being there, is left out.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import annotools
from annotools.loader import make_dataset
from annotools.targets import YoloTargets, kmeans_anchors, object_shapes

SIZE = 192


def conv(x: Any, filters: int, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
    return layers.LeakyReLU(0.1)(layers.BatchNormalization()(x))


class Yolo(keras.Model):  # type: ignore[misc]
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        return yolo_loss(y, y_pred)


def build(spec: YoloTargets, classes: int) -> Yolo:
    """(B, 192, 192, 3), 0 to 255 -> (B, A, 4 + 1 + C): t_x, t_y, t_w, t_h, presence, classes; logits."""
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255.0)(image)
    for filters in (16, 32, 64):
        x = conv(conv(x, filters, 2), filters)
    fine = x
    coarse = conv(conv(conv(x, 128, 2), 128), 128)
    maps = [coarse]
    if spec.version == "v3":
        up = layers.UpSampling2D()(conv(coarse, 64))
        maps.insert(0, conv(layers.Concatenate()([up, fine]), 64))
    answers = []
    for x, shapes in zip(maps, spec.shapes, strict=True):
        x = layers.Conv2D(len(shapes) * (5 + classes), 1)(x)
        answers.append(layers.Reshape((-1, 5 + classes))(x))
    outputs = answers[0] if len(answers) == 1 else layers.Concatenate(1)(answers)
    return Yolo(image, outputs)


def yolo_loss(wanted: dict[str, tf.Tensor], found: tf.Tensor) -> tf.Tensor:
    labels = wanted["labels"]
    is_object = tf.cast(labels >= 0, tf.float32)
    counts = tf.cast(labels != -2, tf.float32)
    objects = tf.maximum(tf.reduce_sum(is_object), 1.0)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(is_object, found[..., 4])
    place = tf.nn.sigmoid_cross_entropy_with_logits(wanted["boxes"][..., :2], found[..., :2])
    size = tf.square(wanted["boxes"][..., 2:] - found[..., 2:4])
    kind = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), found[..., 5:])
    of_objects = tf.reduce_sum(place + size, -1) + kind + 4.0 * presence
    return (
        tf.reduce_sum(of_objects * is_object) + tf.reduce_sum(presence * counts * (1 - is_object))
    ) / objects


def detect(model: keras.Model, spec: YoloTargets, source: str, split: str) -> dict[str, Any]:
    """{image id: (boxes, scores, labels)} in pixels of the original pictures."""
    sizes = {
        Path(a.xml_path or "").stem: a.image.upright_size
        for a in annotools.read(source, split=split, headers=True)
        if a.image is not None
    }
    detections = {}
    for batch in make_dataset(source, split=split, image_size=SIZE, batch_size=16, shuffle=False):
        found = model(batch["images"], training=False).numpy()
        found[..., :2] = 1 / (1 + np.exp(-found[..., :2]))
        found[..., 2:4] = found[..., 2:4].clip(-5, 5)
        boxes = spec.decode(found[..., :4])
        scores = tf.sigmoid(found[..., 4:5]) * tf.nn.softmax(found[..., 5:])
        kept = tf.image.combined_non_max_suppression(
            boxes[:, :, None], scores, 60, 120, iou_threshold=0.5, score_threshold=0.02, clip_boxes=True
        )
        for index, name in enumerate(batch["image_id"].numpy()):
            count = int(kept.valid_detections[index])
            width, height = sizes[name.decode()]
            detections[name.decode()] = (
                kept.nmsed_boxes[index, :count].numpy() * np.array([width, height, width, height]),
                kept.nmsed_scores[index, :count].numpy(),
                kept.nmsed_classes[index, :count].numpy().astype(int),
            )
    return detections


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a VOC tree, as sample_data/many.py writes it")
    parser.add_argument("--version", choices=("v2", "v3"), default="v3")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one step of two pictures")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    batch = 2 if options.short else options.batch
    ds = make_dataset(options.source, split="train", image_size=SIZE, batch_size=batch, epochs=None)
    steps = 1 if options.short else ds.steps_per_epoch
    epochs = 1 if options.short else options.epochs
    shapes = object_shapes(annotools.read(options.source, split="train", headers=True), SIZE)
    grids = (12,) if options.version == "v2" else (24, 12)
    spec = YoloTargets(options.version, grids, kmeans_anchors(shapes, 6), SIZE)
    lost = sum(int(tf.reduce_sum(spec.lost(batch))) for batch in ds.take(steps))
    print(f"{len(spec)} anchors; {lost} objects of an epoch have to share a place, and lose it")
    model = build(spec, ds.num_classes)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps * epochs, 0.01)
    model.compile(keras.optimizers.Adam(rate, clipnorm=10))
    model.fit(ds.map(spec), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=options.verbose)
    result = annotools.evaluate(options.source, detect(model, spec, options.source, "test"), split="test")
    print(f"test: mAP@.5 {result.map:.3f} (voc10), COCO AP {result.forms['coco']:.3f}")


if __name__ == "__main__":
    main()
