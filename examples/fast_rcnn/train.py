"""Fast R-CNN in the small: regions of interest, RoIAlign, and a net with two heads.

    python examples/fast_rcnn/train.py products --epochs 6       # sample_data/many.py draws `products`
    python examples/fast_rcnn/train.py sample_data --short       # one step: does it run?

`RoiSamples` draws the regions for training. For detection, which has no objects to draw around, the
proposals are a grid of k-means shapes: 5 in each cell of 16 pixels.
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
from roi_align import RoIAlign

import annotools
from annotools.loader import make_dataset
from annotools.targets import RoiSamples, grid_anchors, kmeans_anchors, object_shapes
from annotools.targets.graph import decode_boxes

SIZE, STRIDE = 192, 8


class FastRCNN(keras.Model):  # type: ignore[misc]
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Cross-entropy of all regions but those of label -2, smooth L1 of those with an object."""
        labels = y["labels"]
        counts = tf.cast(labels != -2, tf.float32)
        is_object = tf.cast(labels >= 0, tf.float32)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, -1) + 1, y_pred["scores"])
        distance = tf.abs(y["boxes"] - y_pred["boxes"])
        smooth = tf.reduce_sum(tf.where(distance < 1, 0.5 * distance**2, distance - 0.5), -1)
        regions = tf.maximum(tf.reduce_sum(counts), 1.0)
        return (tf.reduce_sum(each * counts) + tf.reduce_sum(smooth * is_object)) / regions


def build(classes: int) -> FastRCNN:
    """{"images": (B, 192, 192, 3), "rois": (B, R, 4)} -> {"boxes": (B, R, 4), "scores": (B, R, C + 1)}."""
    images, rois = keras.Input((SIZE, SIZE, 3), name="images"), keras.Input((None, 4), name="rois")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    for filters, stride in ((16, 2), (32, 2), (64, 2), (64, 1), (96, 1)):
        x = layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    parts = RoIAlign(STRIDE)(x, rois)
    x = layers.Reshape((-1, 7 * 7 * 96))(parts)
    x = layers.Dense(128, "relu")(layers.Dense(128, "relu")(x))
    return FastRCNN(
        {"images": images, "rois": rois},
        {"boxes": layers.Dense(4)(x), "scores": layers.Dense(classes + 1)(x)},
    )


def detect(
    model: keras.Model, proposals: Any, samples: RoiSamples, source: str, split: str
) -> dict[str, Any]:
    """{image id: (boxes, scores, labels)} in pixels of the original pictures. proposals (N, 4) in pixels."""
    sizes = {
        Path(a.xml_path or "").stem: a.image.upright_size
        for a in annotools.read(source, split=split, headers=True)
        if a.image is not None
    }
    detections = {}
    for batch in make_dataset(source, split=split, image_size=SIZE, batch_size=8, shuffle=False):
        rois = tf.repeat(tf.constant(proposals, tf.float32)[None], tf.shape(batch["images"])[0], 0)
        found = model({"images": batch["images"], "rois": rois}, training=False)
        boxes = decode_boxes(found["boxes"], rois, samples.variances) / SIZE
        scores = tf.nn.softmax(found["scores"])[..., 1:]
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
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one step of two pictures")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    batch = 2 if options.short else options.batch
    ds = make_dataset(options.source, split="train", image_size=SIZE, batch_size=batch, epochs=None)
    steps = 1 if options.short else ds.steps_per_epoch
    epochs = 1 if options.short else options.epochs
    samples = RoiSamples(num=64, background=(0.0, 0.5))
    model = build(ds.num_classes)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps * epochs, 0.01)
    model.compile(keras.optimizers.Adam(rate, clipnorm=10))
    model.fit(ds.map(samples), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=options.verbose)
    shapes = object_shapes(annotools.read(options.source, split="train", headers=True), SIZE)
    grid = grid_anchors([12], SIZE, [kmeans_anchors(shapes, 5)], clip=True)
    found = detect(model, grid.boxes * SIZE, samples, options.source, "test")
    result = annotools.evaluate(options.source, found, split="test")
    print(f"test: mAP@.5 {result.map:.3f} (voc10), COCO AP {result.forms['coco']:.3f}")


if __name__ == "__main__":
    main()
