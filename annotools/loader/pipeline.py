"""The pipeline: order -> record -> plan -> pixels -> batch.

Everything it does is a function of its fields and of (epoch, step), so it can be stopped, split, moved and
repeated anywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from annotools.augment import (
    Augmentation,
    Plan,
    Sample,
    apply_batch,
    example_seed,
    execute,
    is_linear,
    plan_sample,
)
from annotools.augment.plan import ResizeMode
from annotools.augment.seeds import fold_in
from annotools.loader.examples import Examples
from annotools.loader.order import Order, other_record
from annotools.loader.pack import KeepDifficult, Overflow, pack, without_difficult

_PARTNERS = 0x7061  # the stream of draws that picks partner images, apart from those of the ops


@dataclass(frozen=True)
class Pipeline:
    """What `make_dataset` was asked for, complete: the data set's `pipeline` attribute.

    image_size   (H, W), None for whatever the augmentation gives
    max_boxes    M, rows for boxes in a batch
    """

    examples: Examples
    order: Order
    augmentation: Augmentation
    image_size: tuple[int, int] | None
    resize: ResizeMode
    max_boxes: int
    overflow: Overflow
    keep_difficult: KeepDifficult
    box_format: str
    dtype: str
    ragged: bool
    left_out: bool

    @property
    def batches_color(self) -> bool:
        """Whether colour is applied to whole batches: one fused kernel, where all of it is linear."""
        return bool(self.image_size) and is_linear(self.augmentation)

    def plan(self, number: tf.Tensor, epoch: tf.Tensor) -> tuple[Sample, Plan, tf.Tensor]:
        """The sample of record `number` () int64, its plan, and how many difficult objects were left out."""
        sample = self.examples.sample(number)
        seed = example_seed(self.order.seed, epoch, example_key(sample.name))
        objects = tf.size(sample.labels)
        partner_seed = fold_in(seed, _PARTNERS)

        def partner(k: int, _seed: tf.Tensor) -> Sample:
            other = other_record(number, k, partner_seed, len(self.examples))
            return self._eligible(self.examples.sample(other))

        sample = self._eligible(sample)
        plan = plan_sample(
            self.augmentation,
            sample,
            seed,
            self.image_size,
            resize=self.resize,
            epoch=epoch,
            partner=partner,
        )
        return sample, plan, objects - tf.size(sample.labels)

    def row(self, number: tf.Tensor, epoch: tf.Tensor) -> dict[str, tf.Tensor]:
        """One row of a batch, before `finish`."""
        return self.row_with_plan(number, epoch)[0]

    def row_with_plan(
        self, number: tf.Tensor, epoch: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], Plan, tf.Tensor]:
        """The row, its plan, and which of the plan's objects are in the row."""
        sample, plan, difficult_dropped = self.plan(number, epoch)
        row, kept = pack(
            plan,
            sample.name,
            max_boxes=self.max_boxes,
            overflow=self.overflow,
            keep_difficult=self.keep_difficult,
            box_format=self.box_format,
            difficult_dropped=difficult_dropped,
        )
        row["images"] = execute(plan, color=not self.batches_color)
        row["image_id"] = sample.name
        if self.batches_color and plan.draft.color:
            row["color_matrix"], row["color_keep"] = plan.color_matrix, plan.color_keep
        return row, plan, kept

    def finish(self, rows: dict[str, tf.Tensor]) -> dict[str, Any]:
        """A batch of rows as the user gets it; also colours it."""
        images = rows["images"]
        if "color_matrix" in rows:
            images = self._color(images, rows["color_matrix"], rows["color_keep"])
        batch = {
            "images": tf.cast(images, self.dtype),
            "bounding_boxes": {"boxes": rows["boxes"], "labels": rows["labels"]},
            "num_boxes": rows["num_boxes"],
            "image_id": rows["image_id"],
        }
        if self.left_out:
            batch["left_out"] = rows["left_out"]
        return batch

    def dataset(
        self,
        *,
        epoch: int,
        epochs: int | None,
        start_step: int,
        batched: bool,
        num_parallel_calls: int,
        deterministic: bool,
        service: str | None,
    ) -> tf.data.Dataset:
        """Batches from `start_step` of `epoch` to the end of `epochs` epochs; None: without end."""
        steps = self.order.steps
        last = tf.int64.max if epochs is None else epochs * steps

        @_as_is
        def numbers(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
            now = epoch + step // steps
            records, valid = self.order.batch(now, step % steps)
            return records, tf.fill([self.order.batch_size], now), valid

        @_as_is
        def row(number: tf.Tensor, now: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"valid": valid, **self.row(number, now)}

        @_as_is
        def finish(rows: dict[str, tf.Tensor]) -> dict[str, Any]:
            batch = self.finish(rows)
            if self.order.is_even:
                return batch
            count = tf.reduce_sum(tf.cast(rows["valid"], tf.int32))
            cut: dict[str, Any] = tf.nest.map_structure(lambda values: values[:count], batch)
            return cut

        # Steps, not images, are what tf.data service hands out: a batch is made by one worker, and is the
        # batch that this process would have made.
        data = tf.data.Dataset.range(start_step, last)
        data = data.map(numbers).unbatch()
        data = data.map(row, num_parallel_calls=num_parallel_calls, deterministic=deterministic)
        data = data.batch(self.order.batch_size, drop_remainder=True)
        data = data.map(finish, num_parallel_calls=num_parallel_calls, deterministic=deterministic)
        if not batched:
            data = data.map(_as_is(lambda batch: tf.nest.map_structure(lambda values: values[0], batch)))
        if service is not None:
            data = data.prefetch(tf.data.AUTOTUNE).apply(
                tf.data.experimental.service.distribute(
                    processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC, service=service
                )
            )
        if self.ragged:
            data = data.map(_as_is(_to_ragged), num_parallel_calls=num_parallel_calls)
        return data.prefetch(tf.data.AUTOTUNE).with_options(_options(deterministic))

    @functools.cached_property
    def _color(self) -> Any:
        # traced for this pipeline alone: what others have passed to a shared function would widen its shapes
        return tf.function(apply_batch.python_function, jit_compile=True, autograph=False)

    def _eligible(self, sample: Sample) -> Sample:
        return without_difficult(sample) if self.keep_difficult == "drop" else sample


def example_key(name: tf.Tensor) -> tf.Tensor:
    """() int64 from an image's id: what its random draws depend on, wherever it stands."""
    return tf.strings.to_hash_bucket_fast(name, tf.int64.max)


def _to_ragged(batch: dict[str, Any]) -> dict[str, Any]:
    """Boxes (B, None, 4) and labels (B, None), without padding."""
    boxes, labels = batch["bounding_boxes"]["boxes"], batch["bounding_boxes"]["labels"]
    count = batch["num_boxes"]
    return batch | {
        "bounding_boxes": {
            "boxes": tf.RaggedTensor.from_tensor(boxes, lengths=count),
            "labels": tf.RaggedTensor.from_tensor(labels, lengths=count),
        }
    }


def _as_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without autograph, which would rewrite every function called, for half a second."""
    converted: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return converted


def _options(deterministic: bool) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = deterministic
    # a checkpoint holds the step, not the pixels in flight; exact, because nothing downstream has a state
    options.experimental_symbolic_checkpoint = True
    # workers are told apart by `shard`; tf.distribute must not divide the images once more
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
