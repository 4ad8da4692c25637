"""KerasHub's own RetinaNet on the loader's batches: the adapter, `fit`, and average precision. No glue.

    python examples/keras_hub_retinanet/train.py BCCD --steps 300        # any VOC tree with train and test
    python examples/keras_hub_retinanet/train.py sample_data --short     # one step: does it run?

Needs `pip install keras-hub` (0.32). The net is a small ResNet from scratch. KerasHub gives the prior of its
classifier, the bias of -4.6 that lets training start from "nothing is there", to the box head, and the
classification head starts at 0; `put_prior_right` moves it.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import keras_hub
import numpy as np

import annotools
from annotools.augment import light
from annotools.loader import make_dataset, to_keras_hub


def build(classes: int, size: int) -> keras.Model:
    """Images (B, size, size, 3), 0 to 255 -> boxes yxyx in pixels and logits, in KerasHub's own form."""
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 96, 128, 160],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(size, size, 3),
    )
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=encoder, min_level=3, max_level=6, use_p5=True, image_shape=(size, size, 3)
    )
    scaled = keras_hub.layers.RetinaNetImageConverter(scale=1 / 255.0, image_size=(size, size))
    return keras_hub.models.RetinaNetObjectDetector(
        backbone=backbone,
        num_classes=classes,
        bounding_box_format="yxyx",
        preprocessor=keras_hub.models.RetinaNetObjectDetectorPreprocessor(image_converter=scaled),
    )


def put_prior_right(model: keras.Model, probability: float = 0.01) -> None:
    """The prior's bias belongs to the classification head, not to the box head."""
    bias = -math.log((1 - probability) / probability)
    model.box_head.prediction_layer.bias.assign(np.zeros(model.box_head.prediction_layer.bias.shape))
    classes = model.classification_head.prediction_layer.bias
    classes.assign(np.full(classes.shape, bias))


def detect(model: keras.Model, source: str, split: str, size: int) -> dict[str, Any]:
    """{image id: (boxes, scores, labels)} in pixels of the original pictures."""
    sizes = {
        Path(a.xml_path or "").stem: a.image.upright_size
        for a in annotools.read(source, split=split, headers=True)
        if a.image is not None
    }
    found = {}
    for batch in make_dataset(source, split=split, image_size=size, batch_size=8, shuffle=False):
        answer = model.predict(batch["images"].numpy(), verbose=0)
        for index, name in enumerate(batch["image_id"].numpy()):
            count = int(answer["num_detections"][index])
            width, height = sizes[name.decode()]
            y1, x1, y2, x2 = np.asarray(answer["boxes"][index][:count]).reshape(-1, 4).T / size
            boxes = np.stack([x1 * width, y1 * height, x2 * width, y2 * height], axis=1)
            boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
            scores, labels = (np.asarray(answer[key][index][:count]) for key in ("confidence", "labels"))
            found[name.decode()] = boxes, scores, labels.astype(int)
    return found


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("source", help="a VOC tree with train and test")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=160, help="of the input, a multiple of 32")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--on-error", default="skip", help="faulty objects of the source: skip or fail")
    parser.add_argument("--short", action="store_true", help="one step of two pictures")
    options = parser.parse_args()
    steps, batch = (1, 2) if options.short else (options.steps, options.batch)
    keras.utils.set_random_seed(0)
    ds = make_dataset(
        options.source,
        split="train",
        image_size=options.size,
        batch_size=batch,
        augment=light(),
        epochs=None,
        on_error=options.on_error,
    )
    model = build(ds.num_classes, options.size)
    put_prior_right(model)
    model.compile(
        keras.optimizers.Adam(5e-4, clipnorm=1.0),
        box_loss=keras.losses.Huber(reduction="sum"),
        classification_loss=keras.losses.BinaryFocalCrossentropy(from_logits=True, reduction="sum"),
    )
    rounds = min(steps, 6)
    model.fit(to_keras_hub(ds), epochs=rounds, steps_per_epoch=steps // rounds, shuffle=False, verbose=2)
    found = detect(model, options.source, "test", options.size)
    result = annotools.evaluate(options.source, found, split="test", on_error=options.on_error)
    print(f"test: mAP@.5 {result.map:.3f} (voc10), COCO AP {result.forms['coco']:.3f}")
    print(", ".join(f"{name} {value:.3f}" for name, value in result.ap.items()))


if __name__ == "__main__":
    main()
