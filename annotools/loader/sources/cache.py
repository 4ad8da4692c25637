"""Images kept in memory, before anything random happens to them: as they are, or already at their size."""

from __future__ import annotations

import functools
from typing import Any, cast

import tensorflow as tf

from annotools.augment import Augmenter, BoxPolicy, Plan, Sample
from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.ops.fit import ResizeMode
from annotools.errors import OptionError
from annotools.loader.options import LoaderOptions
from annotools.loader.sources.disk_cache import on_disk
from annotools.loader.sources.examples import Examples
from annotools.loader.sources.image_table import ImageTable, table_of_samples

_BATCH = 32
_as_is = tf.autograph.experimental.do_not_convert


def cached(
    examples: Examples, options: LoaderOptions, image_size: tuple[int, int] | None, resize: str
) -> ImageTable:
    """The same examples, read once and kept in memory, or in the folder `options.cache_dir`.

    "encoded" keeps the bytes of the files: what is saved is reading. "resized" keeps (H, W, 3) uint8 pixels
    of the output size: decoding is saved too, and the augmentation then works on those pixels. No object is
    lost here, and none is cut: "resized" refuses `resize="crop"`.
    """
    cache = options.cache
    if cache == "resized" and image_size is None:
        raise OptionError("to keep resized images, their size must be known", field="image_size", found=None)
    if cache == "resized" and resize == "crop":
        raise OptionError(
            "a crop before the augmentation would lose objects",
            field="cache",
            found=cache,
            expected="encoded",
        )
    make = functools.partial(_samples, examples, image_size if cache == "resized" else None, resize)
    if options.cache_dir is None:
        return table_of_samples(examples.path, examples.classes, make(), len(examples))
    wanted: dict[str, Any] = {"cache": cache, "shape": None}
    if cache == "resized" and image_size is not None:
        wanted |= {"shape": (*image_size, 3), "resize": resize}
    return on_disk(options.cache_dir, examples, wanted, make)


def _samples(examples: Examples, image_size: tuple[int, int] | None, resize: str) -> tf.data.Dataset:
    """All samples, in batches, of which the last is filled up; resized where there is an image_size."""
    batch = min(_BATCH, len(examples))
    firsts = tf.data.Dataset.range(0, len(examples), batch)
    last = tf.constant(len(examples) - 1, tf.int64)
    numbers = firsts.map(_as_is(lambda first: (tf.minimum(first + tf.range(batch, dtype=tf.int64), last),)))
    samples = examples.read(numbers, tf.data.AUTOTUNE).map(_as_is(examples.samples))
    if image_size is not None:
        samples = _resized(samples, image_size, resize)
    return samples.prefetch(2)


def _resized(samples: tf.data.Dataset, image_size: tuple[int, int], resize: str) -> tf.data.Dataset:
    """Every object keeps its place in the list, also one without area: the policy comes later."""
    augmenter = Augmenter(None, image_size, resize=cast(ResizeMode, resize), policy=BoxPolicy(min_size=0.0))
    inside = tf.constant([0, 0, image_size[1], image_size[0]], tf.float64)

    def plan(one: Sample) -> tuple[Sample, Plan]:
        seeds = tf.zeros([tf.shape(one.size)[0], 2], tf.int64)
        plan = augmenter.plan(one, augmenter.draw(tf.zeros([2], tf.int64))._replace(seed=seeds))
        boxes = graph_boxes.affine(tf.cast(one.boxes, tf.float64), plan.matrices[:, :1])
        boxes = tf.cast(graph_boxes.clip(boxes, inside), tf.float32)
        return one._replace(boxes=boxes, size=plan.size), plan

    def pixels(sample: Sample, plan: Plan) -> Sample:
        pictures = tf.map_fn(
            augmenter.execute, plan, fn_output_signature=tf.TensorSpec([*image_size, 3], tf.uint8)
        )
        return sample._replace(encoded=pictures)

    return samples.map(_as_is(lambda sample: pixels(*plan(sample))), num_parallel_calls=tf.data.AUTOTUNE)
