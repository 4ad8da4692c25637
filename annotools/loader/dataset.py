"""`make_dataset`: from a data set on disk to batches for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from annotools.augment import Augmenter
from annotools.errors import OptionError
from annotools.loader.options import LoaderOptions, StrPath
from annotools.loader.order import Order, Slots, check_shard
from annotools.loader.pipeline import Pipeline
from annotools.loader.sampling import Population, as_sampling
from annotools.loader.service import check_dispatcher
from annotools.loader.share import Share, share_of
from annotools.loader.sizes import AspectOrder, ByAspect
from annotools.loader.sources.cache import cached
from annotools.loader.sources.examples import Examples
from annotools.loader.sources.mix import Mix
from annotools.loader.sources.open import open_examples
from annotools.loader.sources.subset import with_objects
from annotools.loader.training_set import pipeline_of, remember
from annotools.options import takes


@takes(LoaderOptions)
def make_dataset(source: StrPath | Sequence[StrPath] | Mix, options: LoaderOptions) -> tf.data.Dataset:
    """Batches of images and boxes for detection training, the same ones every time.

    A batch is `{"images": (B, H, W, 3), "bounding_boxes": {"boxes": (B, M, 4) float32, "labels": (B, M)
    int32}, "num_boxes": (B,) int32, "image_id": (B,) string}`. Boxes are in pixels of the output (or as
    `box_format` says), labels count from 0, rows without an object hold -1. An image's id is its file name
    without extension.

    source       what `annotools convert` wrote; TFRecord files of other writers (keys of the TF Object
                 Detection API, balancap/SSD-Tensorflow or TFDS): a folder, file, pattern or list; a pickle,
                 with `images`; or anything that `annotools.read` takes. The last two read every image once,
                 to check it as `convert` does. Several of them: annotools.loader.Mix
    image_size   (H, W) or one number for both; None, with batch_size None or 1: whatever `augment` gives; a
                 MultiScale or ByAspect of annotools.loader: several sizes, one for each batch
    batch_size   B; None: single samples, without the first axis
    split        "train"; may be left out where there is only one
    augment      a preset, one op or a list of them (annotools.augment); None: only the resize
    policy       which boxes stay (annotools.augment.BoxPolicy), instead of the preset's
    seed, epoch  with the image's id they fix every draw; they fix the order too
    epochs       how many epochs follow each other in this data set; None: without end. For
                 `model.fit(epochs=30)` ask for 30 here, and pass `steps_per_epoch=ds.steps_per_epoch` there
    start_step   batches to leave out, counted from the start of `epoch` through all `epochs`; the rest is the
                 same, bit for bit
    only_with_objects  leave out the images without any object in their record; they are counted when the data
                 set is made, by reading every record once
    sampling     how often images come: "class-balanced", "repeat-factor", weights ({image id: weight}), or a
                 rule of annotools.loader (ClassBalanced, RepeatFactor, Weights); None: each once.
                 `ds.sampling` counts what an epoch is made of. An image that comes again is augmented anew
    shuffle      one permutation of all images for each epoch; False: the order of the files
    max_boxes    M; None: the most objects that one image can have, as the manifest or a count tells
    overflow     more than M: "error" names the image, "drop_smallest" leaves out by area and counts
    box_format   a Keras name: xyxy, yxyx, xywh, center_xywh, center_yxhw, rel_xyxy, ...
    resize       "stretch", "letterbox" or "crop" to image_size, where the preset does not say
    interpolation, antialias   "bilinear" or "nearest"; whether to filter before shrinking, which costs some
                 three times the decoding of a VOC image
    dtype        of the images, "uint8" or "float32"; both hold 0 to 255
    keep_difficult  "keep" as any object, "drop", or "ignore": label -2, neither object nor background
    drop_remainder  leave out the last batch of an epoch if it is not full
    ragged       boxes (B, None, 4) and labels (B, None) as RaggedTensors, for evaluation
    extras       adds some of EXTRAS: "original_size" (B, 2) int32, H and W; "map_back" (B, 2, 3) float32,
                 from pixels of the picture to those of the original (`boxes_to_original`); and of each
                 object, (B, M): "difficult" bool, "ids" int32 its place in its record, "weights" float32
                 (MixUp), "visibility" and "area" float32, the share of it that is seen, and that in original
                 pixels
    pad_to_multiple  adds fill below and to the right, until both sides are multiples
    left_out     adds "left_out": (B, len(LEFT_OUT)) int32, objects that are not in the batch, by reason
    shard        (i, n): this is worker i of n; each has its part of the same permutation
    num_parallel_calls, deterministic  for tf.data: batches made at the same time, and whether they come in
                 order; what is in a batch depends on neither
    service      "grpc://host:port" of a tf.data service dispatcher, whose workers then do the work. They must
                 see the same files. Batches are those made here, in the order in which workers finish
    cache        "encoded" keeps the image files in memory, "resized" their pixels at image_size, before
                 anything random happens to them
    cache_dir    a folder: they are kept there instead, for later runs too, under a name that changes with all
                 that they depend on (files of the source, options)
    classes      a ClassMap or class file: labels follow the class names in the records, where there are any
    images, annotations, box_origin, on_error   as for `annotools.convert`, for VOC and for pickles

    The data set has `class_names`, `num_classes`, `steps_per_epoch`, `max_boxes` and a `pipeline`, also after
    `map` (annotools.loader.training_set.TrainingSet). It warns when augmented epochs are read again from the
    first batch: to iterate again is to see the same pictures again. A checkpoint of its iterator
    (tf.train.Checkpoint) is a few kilobytes. Raises OptionError, SourceError, RecordError; while iterating,
    tf.errors.InvalidArgumentError that names the image.
    """
    examples = open_examples(source, options)
    if options.only_with_objects:
        examples = with_objects(examples)
    if not len(examples):
        raise OptionError("the split has no images", path=examples.path, field="split", found=options.split)
    known = {} if examples.classes is None else {name: id_ - 1 for name, id_ in examples.classes.ids.items()}
    augmenter = Augmenter(
        options.augment, options.size, resize=options.resize, policy=options.policy, classes=known
    )
    mix = source if isinstance(source, Mix) else None
    population = Population(examples, options.keep_difficult == "keep")
    share = share_of(population, as_sampling(options.sampling), mix)
    order = _order(examples, options, share)
    if options.epochs is not None and options.start_step > options.epochs * order.steps:
        raise OptionError(
            "beyond the last epoch",
            field="start_step",
            found=options.start_step,
            expected=f"0 to {options.epochs * order.steps}",
        )
    of_originals = {"original_size", "map_back", "area"}.intersection(options.extras)
    if options.cache == "resized" and of_originals:
        raise OptionError("of resized images nobody knows", field="extras", found=sorted(of_originals))
    if options.cache == "resized" and options.sizes:
        raise OptionError("images are kept at one size", field="image_size", found=options.image_size)
    if options.cache is not None:
        examples = cached(examples, options, augmenter.image_size, augmenter.resize)
    if options.service is not None and examples.is_local:
        raise OptionError(
            "workers elsewhere cannot see images in this memory", field="service", found=options.service
        )
    if options.service is not None:
        check_dispatcher(options.service)
    max_boxes = _max_boxes(examples, options, augmenter.partners)
    pipeline = Pipeline(examples, order, augmenter, max_boxes, options, share)
    return remember(pipeline.dataset(), pipeline)


def steps_per_epoch(dataset: tf.data.Dataset) -> int:
    """Batches in one whole epoch, as `dataset.steps_per_epoch`."""
    steps = getattr(dataset, "steps_per_epoch", None)
    return pipeline_of(dataset).order.steps if steps is None else int(steps)


def _order(examples: Examples, options: LoaderOptions, share: Share | None) -> Order | AspectOrder:
    size = 1 if options.batch_size is None else options.batch_size
    common: dict[str, Any] = {
        "batch_size": size,
        "seed": options.seed,
        "shuffle": options.shuffle,
        "shard": options.shard,
        "drop_remainder": options.drop_remainder,
    }
    if isinstance(options.image_size, ByAspect):
        if share is not None:
            raise OptionError("not with batches by aspect", field="sampling", found=options.sampling)
        check_shard(options.shard)
        return AspectOrder(options.image_size.nearest(examples.sizes_of_all()), **common)
    if share is None:
        return Order(count=len(examples), **common)
    return Order(count=share.per_epoch, slots=Slots(share.weights, share.per_epoch), **common)


def _max_boxes(examples: Examples, options: LoaderOptions, partners: int) -> int:
    asked = options.max_boxes
    if asked is None:
        return max(1, examples.max_boxes) * (1 + partners)
    most = examples.boxes
    stay = options.overflow == "error" and options.keep_difficult != "drop"
    if most is not None and asked < most and stay:
        raise OptionError(
            f"an image has {most} objects",
            path=examples.path,
            field="max_boxes",
            found=asked,
            expected=f"{most} or more, or overflow='drop_smallest'",
        )
    return asked
