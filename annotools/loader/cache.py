"""Images kept in memory, before anything random happens to them: as they are, or already at their size."""

from __future__ import annotations

from typing import Literal, cast

import tensorflow as tf

from annotools.augment import BoxPolicy, Sample, execute, graph_boxes, plan_sample
from annotools.augment.plan import ResizeMode
from annotools.errors import OptionError
from annotools.loader.examples import Examples
from annotools.loader.image_table import ImageTable, table_of_samples

Cache = Literal["encoded", "resized"]


def cached(examples: Examples, cache: Cache, image_size: tuple[int, int] | None, resize: str) -> ImageTable:
    """The same examples, read once and kept in memory.

    "encoded" keeps the bytes of the files: what is saved is reading. "resized" keeps (H, W, 3) uint8 pixels
    of the output size: decoding is saved too, and the augmentation then works on those pixels. No object is
    lost here, and none is cut: "resized" refuses `resize="crop"`.
    """
    if cache == "resized" and image_size is None:
        raise OptionError("to keep resized images, their size must be known", field="image_size", found=None)
    if cache == "resized" and resize == "crop":
        raise OptionError(
            "a crop before the augmentation would lose objects",
            field="cache",
            found=cache,
            expected="encoded",
        )

    def read(number: tf.Tensor) -> Sample:
        sample = examples.sample(number)
        return sample if image_size is None or cache == "encoded" else _resized(sample, image_size, resize)

    numbers = tf.data.Dataset.range(len(examples))
    samples = numbers.map(tf.autograph.experimental.do_not_convert(read), num_parallel_calls=tf.data.AUTOTUNE)
    return table_of_samples(examples.path, examples.classes, samples, len(examples))


def _resized(sample: Sample, image_size: tuple[int, int], resize: str) -> Sample:
    """Every object keeps its place in the list, also one without area: the policy comes later."""
    plan = plan_sample(
        None,
        sample,
        tf.zeros([2], tf.int64),
        image_size,
        resize=cast(ResizeMode, resize),
        policy=BoxPolicy(min_size=0.0),
    )
    boxes = graph_boxes.affine(tf.cast(sample.boxes, tf.float64), plan.matrices[0])
    inside = tf.constant([0, 0, image_size[1], image_size[0]], tf.float64)
    return sample._replace(
        encoded=execute(plan),
        size=tf.constant(image_size, tf.int32),
        boxes=tf.cast(graph_boxes.clip(boxes, inside), tf.float32),
    )
