"""The Augmenter: an augmentation for an output size, in three calls that a pipeline makes in three places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from annotools.augment.graph.seeds import Draws, fold_in, uniforms
from annotools.augment.ops.geometry import check_size
from annotools.augment.pixels.render import Interpolation, render
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.plan import RESIZE, Plan, ResizeMode, make_plan
from annotools.augment.plan.sample import Partner, Sample
from annotools.augment.recipe import Augmentation, as_augmentation
from annotools.errors import OptionError

_PARTNER_STREAM = 0x7061
# autograph would look for Python control flow in everything that is called: half a second for a preset
_as_is = tf.autograph.experimental.do_not_convert


@dataclass(frozen=True, init=False)
class Augmenter:
    """augmentation  what to do      image_size  (h, w) of the output, None: what the ops give
    resize  how the picture reaches it: "stretch", "letterbox" or "crop"
    """

    augmentation: Augmentation
    image_size: tuple[int, int] | None
    resize: str

    def __init__(
        self,
        ops: Any,
        image_size: tuple[int, int] | None = None,
        *,
        resize: ResizeMode = "stretch",
        policy: BoxPolicy | None = None,
    ) -> None:
        """ops is a preset, a list of ops, one op or None; a preset's own `resize` goes before the argument,
        and `policy` before the preset's. Raises OptionError for options that make no sense."""
        augmentation = as_augmentation(ops, policy)
        mode = augmentation.resize or resize
        if mode not in RESIZE:
            raise OptionError("unknown choice", field="resize", found=mode, expected=", ".join(RESIZE))
        if image_size is not None:
            check_size(image_size, "image_size")
        object.__setattr__(self, "augmentation", augmentation)
        object.__setattr__(self, "image_size", image_size)
        object.__setattr__(self, "resize", mode)

    @property
    def partners(self) -> int:
        """How many other images each picture needs."""
        return self.augmentation.partners

    @property
    def is_linear(self) -> bool:
        """Whether `color.apply_batch` may do the colour."""
        return self.augmentation.is_linear

    @property
    def has_color(self) -> bool:
        return self.augmentation.has_color

    def draw(self, seed: tf.Tensor) -> Draws:
        """The random numbers of one image from its seed (2,) int64 (`example_seed`); cheap, to be batched."""
        return uniforms(seed, self.augmentation.draws)

    def plan(
        self, samples: Sample, draws: Draws, *, epoch: tf.Tensor | int = 0, partners: Sequence[Sample] = ()
    ) -> Plan:
        """The plan of a batch: B in front of every tensor of the arguments and of the result.

        samples   a Sample of a batch     draws  the batched results of `draw`
        epoch     () or (B,) int64, for schedules
        partners  as many Samples as `partners` says, each of a batch: the other images

        Raises InvalidArgumentError, naming the images, for boxes outside them.
        """
        if len(partners) != self.partners:
            raise OptionError(
                "Mosaic and MixUp need other images",
                field="partners",
                found=len(partners),
                expected=str(self.partners),
            )
        made: Plan = _as_is(make_plan)(
            self.augmentation, samples, draws, self.image_size, self.resize, epoch, tuple(partners)
        )
        return made

    def execute(
        self,
        plan: Plan,
        *,
        color: bool = True,
        interpolation: Interpolation = "bilinear",
        antialias: bool = False,
    ) -> tf.Tensor:
        """(h, w, 3) uint8, the picture that the plan of ONE image describes.

        color      False leaves the colour to `color.apply_batch`
        antialias  filter before shrinking (about three times the cost of decoding a VOC image). JPEGs are
                   decoded at 1/2, 1/4 or 1/8 where that is still larger than the output, which takes care of
                   strong shrinking
        """
        return _as_is(render)(
            self.augmentation,
            plan,
            self.image_size,
            color=color,
            interpolation=interpolation,
            antialias=antialias,
        )

    def for_pixels(self, plan: Plan, *, color: bool = True) -> Plan:
        """The plan without what `execute(plan, color=color)` does not read: () in its place.

        A loop or a stage of tf.data costs some microseconds an image for each tensor that goes through it.
        """
        unused = {"boxes", "labels", "difficult", "ids", "ignore", "layer", "weights", "visibility"}
        unused |= {"num_boxes", "drops", "color_keep"}
        ops = self.augmentation.ops
        holes = any(getattr(op, "holes", 0) for op in ops)
        if not self.augmentation.rotates:
            unused |= {"windows", "view"}
            if self.image_size is not None:
                unused.add("size")
        if max(self.augmentation.groups) == 0:
            unused.add("blend")
        if not holes:
            unused.add("erased")
            if not any(getattr(op, "on_pixels", False) for op in ops):
                unused.add("seed")
        if not color or not self.has_color or not self.is_linear:
            unused.add("color_matrix")
        if not color or not self.has_color or self.is_linear:
            unused |= {"color_steps", "color_hsv"}
        return plan._replace(**dict.fromkeys(unused, ()))

    def plan_one(
        self,
        sample: Sample,
        seed: tf.Tensor,
        *,
        epoch: tf.Tensor | int = 0,
        partner: Partner | None = None,
    ) -> Plan:
        """The plan of one image, without B and without padding rows: the same numbers as in any batch."""
        if self.partners and partner is None:
            raise OptionError(
                "Mosaic and MixUp need other images", field="partner", expected="partner(k, seed)"
            )
        others = [
            partner(k, fold_in(fold_in(seed, _PARTNER_STREAM), k)) for k in range(self.partners) if partner
        ]
        batches = [tf.nest.map_structure(lambda value: value[None], one) for one in (sample, *others)]
        draws = tf.nest.map_structure(lambda value: value[None], self.draw(seed))
        batch = self.plan(batches[0], draws, epoch=epoch, partners=batches[1:])
        plan: Plan = tf.nest.map_structure(lambda value: value[0], batch)
        objects = ("boxes", "labels", "difficult", "ids", "ignore", "layer", "weights", "visibility")
        return plan._replace(**{name: getattr(plan, name)[: plan.num_boxes] for name in objects})


class PlannedSample(Plan):
    """The plan of one image that remembers its augmenter."""

    augmenter: Augmenter


def plan_sample(
    ops: Any,
    sample: Sample,
    seed: tf.Tensor,
    image_size: tuple[int, int] | None,
    *,
    resize: ResizeMode = "stretch",
    policy: BoxPolicy | None = None,
    epoch: tf.Tensor | int = 0,
    partner: Partner | None = None,
) -> PlannedSample:
    """`Augmenter(ops, image_size, ...).plan_one(sample, seed, ...)`, to be given to `execute`."""
    augmenter = Augmenter(ops, image_size, resize=resize, policy=policy)
    plan = PlannedSample(*augmenter.plan_one(sample, seed, epoch=epoch, partner=partner))
    plan.augmenter = augmenter
    return plan


def execute(
    plan: Plan,
    *,
    color: bool = True,
    interpolation: Interpolation = "bilinear",
    antialias: bool = False,
) -> tf.Tensor:
    """(h, w, 3) uint8, the picture of a plan that `plan_sample` made; see `Augmenter.execute`."""
    if not isinstance(plan, PlannedSample):
        raise OptionError("not from plan_sample; use the `execute` of its Augmenter", field="plan")
    return plan.augmenter.execute(plan, color=color, interpolation=interpolation, antialias=antialias)
