"""The pipeline: order -> record -> plan -> pixels -> batch.

Everything it does is a function of its fields and of (epoch, step), so it can be stopped, split, moved and
repeated anywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from annotools.augment import Augmenter, Draws, Plan, Sample, example_seed
from annotools.augment.graph import graph_ops
from annotools.augment.pixels.color import batch_colorer
from annotools.loader.batch import padded_images, rows_of, without_difficult
from annotools.loader.extras import OF_IMAGES, OF_OBJECTS, extras_of_images
from annotools.loader.options import LoaderOptions
from annotools.loader.order import Order, partners_of
from annotools.loader.service import handed_out
from annotools.loader.share import Share
from annotools.loader.sizes import AspectOrder, MultiScale
from annotools.loader.sources.examples import Examples


@dataclass(frozen=True)
class Pipeline:
    """What `make_dataset` was asked for, complete: the data set's `pipeline` attribute.

    max_boxes   M, rows for boxes in a batch
    share       how often each image comes in an epoch, None: once
    """

    examples: Examples
    order: Order | AspectOrder
    augmenter: Augmenter
    max_boxes: int
    options: LoaderOptions
    share: Share | None = None

    @property
    def batches_color(self) -> bool:
        """Whether colour is applied to whole batches: one fused kernel, where all of it is linear."""
        return bool(self.augmenter.image_size) and self.augmenter.has_color and self.augmenter.is_linear

    def numbers(self, records: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """(B, P) int64: the records (B,) and beside each one its partners in this epoch."""
        partners = self.augmenter.partners
        if not partners:
            return graph_ops.expand(records)
        others = partners_of(records, epoch, partners, count=len(self.examples), seed=self.order.seed)
        return graph_ops.concat([graph_ops.expand(records), others])

    def plan(
        self, raws: tf.Tensor, numbers: tf.Tensor, epoch: tf.Tensor, copies: tf.Tensor | None = None
    ) -> tuple[Sample, Plan, tf.Tensor]:
        """The samples of a batch, from what was read of them and their partners (B P, ...) and the numbers of
        both (B, P); their plans; and how many difficult objects of each were left out (B,) int32.

        copies  (B,) int64, how often each image has come before in this epoch; None: never
        """
        images = numbers.shape[1]
        every = self.examples.samples(raws, graph_ops.reshape(numbers, [-1]))
        dropped = tf.zeros(tf.shape(numbers)[:1], tf.int32)
        if self.options.keep_difficult == "drop":
            before = tf.cast(every.labels >= 0, tf.int32)
            every = without_difficult(every)
            lost = graph_ops.total(before - tf.cast(every.labels >= 0, tf.int32))
            dropped = graph_ops.total(graph_ops.reshape(lost, [-1, images]))
        samples, partners = every, []
        if images > 1:
            samples, *partners = (Sample(*(values[k::images] for values in every)) for k in range(images))
        plan = self.augmenter.plan(
            samples, self._draws(samples.name, epoch, copies), epoch=epoch, partners=partners
        )
        return samples, plan, dropped

    def _draws(self, names: tf.Tensor, epoch: tf.Tensor, copies: tf.Tensor | None) -> Draws:
        """The random numbers of each image. They depend on its id, wherever it stands."""
        if self.share is not None and copies is not None:  # an image that comes again is another picture
            again = tf.strings.join([names, tf.strings.as_string(copies)], "\0")
            names = tf.where(copies > 0, again, names)
        keys = tf.strings.to_hash_bucket_fast(names, tf.int64.max)
        counts = self.augmenter.augmentation.draws

        def draw(key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            seed, numbers = self.augmenter.draw(example_seed(self.order.seed, epoch, key))
            return seed, graph_ops.concat([*numbers, graph_ops.constant((), tf.float32)])

        # in one piece: a loop costs some ten operations for each tensor that comes out of it
        kinds = (tf.TensorSpec([2], tf.int64), tf.TensorSpec([sum(counts)], tf.float32))
        seeds, numbers = tf.map_fn(draw, keys, fn_output_signature=kinds)
        return Draws(seeds, tuple(graph_ops.split(numbers, counts)) if counts else ())

    def rows(self, samples: Sample, plan: Plan, dropped: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """What a batch tells about the objects of its images, and which rows of the plan they are."""
        values, kept = rows_of(plan, samples.name, dropped, self.max_boxes, self.options)
        values["image_id"] = samples.name
        if set(self.options.extras) & set(OF_IMAGES):
            values |= extras_of_images(samples, plan)
        if self.batches_color:
            values["color_matrix"], values["color_keep"] = plan.color_matrix, plan.color_keep
        return values, kept

    def pictures(self, plans: Plan) -> tf.Tensor:
        """(B, H, W, 3) uint8 of a batch's plans, before `finish`.

        One after the other: batches are what is worked on in parallel, and passing each image's plan from one
        stage of tf.data to the next would cost more than drawing some of them does.
        """
        size = self.augmenter.image_size or (None, None)
        return tf.map_fn(
            lambda plan: self.augmenter.execute(
                plan,
                color=not self.batches_color,
                interpolation=self.options.interpolation,
                antialias=self.options.antialias,
            ),
            self.augmenter.for_pixels(plans, color=not self.batches_color),
            fn_output_signature=tf.TensorSpec([*size, 3], tf.uint8),
            parallel_iterations=1,
        )

    def finish(self, rows: dict[str, tf.Tensor]) -> dict[str, Any]:
        """A batch of rows as the user gets it; also colours it."""
        images = rows["images"]
        if "color_matrix" in rows:
            images = self._color(images, rows["color_matrix"], rows["color_keep"])
        if self.options.pad_to_multiple > 1:
            images = padded_images(images, self.options.pad_to_multiple, self.augmenter.augmentation.fill)
        batch = {
            "images": tf.cast(images, self.options.dtype),
            "bounding_boxes": {"boxes": rows["boxes"], "labels": rows["labels"]},
            "num_boxes": rows["num_boxes"],
            "image_id": rows["image_id"],
        }
        if self.options.left_out:
            batch["left_out"] = rows["left_out"]
        return batch | {name: rows[name] for name in self.options.extras}

    @functools.cached_property
    def of_sizes(self) -> tuple[Pipeline, ...]:
        """A pipeline for each size that a batch may have; only this one where there is one size."""
        made = functools.partial(Augmenter, self.augmenter.augmentation, resize=self.options.resize)
        sizes = self.options.sizes
        return tuple(replace(self, augmenter=made(size)) for size in sizes) if sizes else (self,)

    def size_index(self, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """() int32, which of `of_sizes` makes the batch at a step of an epoch."""
        if isinstance(self.order, AspectOrder):
            return self.order.group(epoch, step)
        size = self.options.image_size
        return size.index(self.order.seed, epoch, step) if isinstance(size, MultiScale) else tf.constant(0)

    def at(self, epoch: int, step: int) -> Pipeline:
        """The pipeline that makes the batch at a step of an epoch."""
        when = tf.constant(epoch, tf.int64), tf.constant(step, tf.int64)
        return self.of_sizes[int(self.size_index(*when)) if len(self.of_sizes) > 1 else 0]

    def make(self, raws: tf.Tensor, numbers: tf.Tensor, now: tf.Tensor, copies: tf.Tensor) -> dict[str, Any]:
        """The batch of what was read of images and their partners (B P, ...), with their numbers (B, P)."""
        samples, plans, dropped = self.plan(raws, numbers, now, copies)
        rows, _ = self.rows(samples, plans, dropped)
        return self.finish(rows | {"images": self.pictures(plans)})

    def dataset(self) -> tf.data.Dataset:
        """Batches from step `start_step` of `epoch` to the end of `epochs` epochs; None: without end."""
        options = self.options
        steps, size, images = self.order.steps, self.order.batch_size, 1 + self.augmenter.partners
        last = tf.int64.max if options.epochs is None else options.epochs * steps

        @_as_is
        def numbers(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
            now = options.epoch + step // steps
            records, valid = self.order.batch(now, step % steps)
            copies, which = self.order.copies(now, step % steps), self.size_index(now, step % steps)
            return tf.reshape(self.numbers(records, now), [size * images]), now, valid, copies, which

        @_as_is
        def make(raws: tf.Tensor, wanted: tf.Tensor, now: tf.Tensor, *rest: tf.Tensor) -> dict[str, Any]:
            valid, copies, which = rest
            parts = (raws, tf.reshape(wanted, [size, images]), now, copies)
            made = [functools.partial(one.make, *parts) for one in self.of_sizes]
            batch = _chosen(which, made)
            if self.order.is_even:
                return batch
            count = tf.reduce_sum(tf.cast(valid, tf.int32))
            cut: dict[str, Any] = tf.nest.map_structure(lambda values: values[:count], batch)
            return cut

        # Steps, not images, are what tf.data service hands out: a batch is made by one worker, and is the
        # batch that this process would have made.
        data = tf.data.Dataset.range(options.start_step, last).map(numbers)
        data = self.examples.read(data, options.num_parallel_calls)
        data = data.map(make, options.num_parallel_calls, options.deterministic)
        if options.batch_size is None:
            data = data.map(_as_is(lambda batch: tf.nest.map_structure(lambda values: values[0], batch)))
        if options.epochs is not None and options.service is None:  # flat_map has lost the number of batches
            data = data.apply(tf.data.experimental.assert_cardinality(last - options.start_step))
        if options.service is not None:
            data = handed_out(data.prefetch(tf.data.AUTOTUNE), options.service)
        if options.ragged:
            data = data.map(_as_is(_to_ragged), num_parallel_calls=options.num_parallel_calls)
        return data.prefetch(tf.data.AUTOTUNE).with_options(_options(options.deterministic))

    @functools.cached_property
    def _color(self) -> Any:
        return batch_colorer()


def _chosen(which: tf.Tensor, functions: Sequence[Callable[[], dict[str, Any]]]) -> dict[str, Any]:
    """The result of one of the functions. Of conditions, because tf.data takes a `switch_case` that may raise
    an error for stateful."""
    if len(functions) == 1:
        return functions[0]()
    half = len(functions) // 2
    one = functools.partial(_chosen, which, functions[:half])
    chosen: dict[str, Any] = tf.cond(which < half, one, lambda: _chosen(which - half, functions[half:]))
    return chosen


def _to_ragged(batch: dict[str, Any]) -> dict[str, Any]:
    """Boxes (B, None, 4) and labels (B, None), without padding."""
    boxes, labels = batch["bounding_boxes"]["boxes"], batch["bounding_boxes"]["labels"]
    count = batch["num_boxes"]
    names = OF_OBJECTS.keys() & batch.keys()
    extras = {name: tf.RaggedTensor.from_tensor(batch[name], lengths=count) for name in names}
    return (
        batch
        | extras
        | {
            "bounding_boxes": {
                "boxes": tf.RaggedTensor.from_tensor(boxes, lengths=count),
                "labels": tf.RaggedTensor.from_tensor(labels, lengths=count),
            }
        }
    )


def _as_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without autograph, which would rewrite every function called, for half a second."""
    converted: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return converted


def _options(deterministic: bool) -> tf.data.Options:
    options = tf.data.Options()
    # there is nothing here that could be fused or made parallel, and looking for it takes a third of a second
    options.experimental_optimization.apply_default_optimizations = False
    options.deterministic = deterministic
    # a checkpoint holds the step, not the pixels in flight; exact, because nothing downstream has a state
    options.experimental_symbolic_checkpoint = True
    # workers are told apart by `shard`; tf.distribute must not divide the images once more
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
