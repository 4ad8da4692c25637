"""The plan: everything about one augmented image that can be decided from boxes and sizes alone.

    seed  = example_seed(user_seed, epoch, example_id)        # int64 (2,)
    plan  = plan_sample(ops, sample, seed, (300, 300), epoch=epoch, partner=partner)
    image = execute(plan)                                     # uint8 (h, w, 3)
    plan.boxes, plan.labels, ...                              # of the objects that are left

Or, where every colour op is one matrix (`color.is_linear(ops)`), the colour of the whole batch at once:

    image = execute(plan, color=False)
    images = color.apply_batch(images, color_matrix, color_keep)     # both from the plan, batched

The calls are made inside one function of `Dataset.map`: a Plan carries Python values beside its tensors,
so its tensors, not the Plan, are what leaves that function. Every draw is stateless (Philox), so the same
seed gives the same bytes on any thread, in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from annotools.augment.sample import Partner, Sample

ResizeMode = Literal["stretch", "letterbox", "crop"]

DROP_REASONS = (
    "degenerate",  # no area to begin with
    "center-outside",  # IoUCrop: the centre of the box is outside the crop
    "outside",  # nothing of the box is in the picture
    "low-visibility",  # less than min_visibility of the original box is left
    "too-small",  # a side is shorter than min_size in the output
    "erased",  # covered by an erased rectangle
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Output of `plan_sample` for one image; R objects are left.

    boxes       (R, 4) float32, xyxy in pixels of the output, inside it
    labels      (R,) int32        difficult (R,) bool       ids (R,) int32: as in the Sample(s)
    ignore      (R,) bool, neither object nor background (policy `low_visibility="ignore"`)
    sources     (R,) int32, which image the object is from: 0 the sample, k + 1 partner k
    weights     (R,) float32, 1 except under MixUp
    visibility  (R,) float32, visible share of the original box
    drops       (len(DROP_REASONS),) int32, objects dropped by reason
    height, width   () int32 of the output (also static where image_size is given)
    color_matrix    (3, 4) float32, all colour ops as one map of RGB in [0, 255] (where they are linear)
    color_keep      (N, 5) int32, rectangles for `color.apply_batch`; N is fixed by the ops
    """


def plan_sample(
    ops: Any,
    sample: Sample,
    seed: tf.Tensor,
    image_size: tuple[int, int] | None,
    *,
    resize: ResizeMode = "stretch",
    policy: Any = None,
    epoch: tf.Tensor | int = 0,
    partner: Partner | None = None,
) -> Plan:
    raise NotImplementedError


def example_seed(
    user_seed: tf.Tensor | int, epoch: tf.Tensor | int, example_id: tf.Tensor | int
) -> tf.Tensor:
    raise NotImplementedError


def partners_of(ops: Any) -> int:
    """How many other images one picture needs: 3 for Mosaic, 1 for MixUp, their sum for both."""
    raise NotImplementedError
