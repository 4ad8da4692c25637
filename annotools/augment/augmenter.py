"""The Augmenter: an augmentation for an output size, in three calls that a pipeline makes in three places."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from annotools.augment.graph.seeds import Draws, fold_in, uniforms
from annotools.augment.ops.fit import ResizeMode, fit
from annotools.augment.pixels.render import Interpolation, Style, render
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.draft import Op
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.plan import OBJECTS, Plan, make_plan
from annotools.augment.plan.sample import Partner, Sample
from annotools.augment.plan.start import start, with_a_row
from annotools.augment.presets import as_augmentation
from annotools.augment.recipe import Augmentation
from annotools.errors import OptionError

_PARTNER_STREAM = 0x7061
Function = TypeVar("Function", bound=Callable[..., Any])


def _as_is(function: Function) -> Function:
    """Without autograph, which would look for Python control flow in all that is called: half a second for a
    preset."""
    converted: Function = tf.autograph.experimental.do_not_convert(function)
    return converted


@dataclass(frozen=True, init=False)
class Augmenter:
    """augmentation  what to do      image_size  (h, w) of the output, None: what the ops give
    resize  how the picture reaches it: "stretch", "letterbox" or "crop"
    classes   pairs of the name of a class and its label, for ops and policies by class
    """

    augmentation: Augmentation
    image_size: tuple[int, int] | None
    resize: str
    classes: tuple[tuple[str, int], ...]

    def __init__(
        self,
        ops: Any,
        image_size: tuple[int, int] | None = None,
        *,
        resize: ResizeMode = "stretch",
        policy: BoxPolicy | None = None,
        classes: Mapping[str, int] | None = None,
    ) -> None:
        """ops is a preset, a list of ops, one op or None; a preset's own `resize` goes before the argument,
        and `policy` before the preset's; `classes` has the label of each class name. Raises OptionError for
        options that make no sense."""
        augmentation = as_augmentation(ops, policy)
        mode = augmentation.resize or resize
        fit(mode, image_size)
        object.__setattr__(self, "augmentation", augmentation)
        object.__setattr__(self, "image_size", image_size)
        object.__setattr__(self, "resize", mode)
        object.__setattr__(self, "classes", tuple((classes or {}).items()))

    @property
    def partners(self) -> int:
        """How many other images each picture needs."""
        return self.augmentation.partners

    @functools.cached_property
    def kind(self) -> Kind:
        """What is known of every picture without a tensor: how many images, whether they turn, how they are
        coloured, ... The first plan tells it; before that, the plan of an image that does not exist."""
        nothing = tf.zeros([0], tf.int32)
        with tf.init_scope():
            nobody = Sample(
                encoded=tf.zeros([8, 8, 3], tf.uint8),
                size=tf.constant([8, 8]),
                boxes=tf.zeros([0, 4]),
                labels=nothing,
                difficult=tf.zeros([0], tf.bool),
                ids=nothing,
                name=tf.constant(""),
            )
            batch: Sample = tf.nest.map_structure(lambda value: value[None], nobody)
            draws = tf.nest.map_structure(lambda value: value[None], self.draw(tf.zeros([2], tf.int64)))
            return self._plan_and_kind(batch, draws, 0, (batch,) * self.partners)[1]

    @property
    def is_linear(self) -> bool:
        """Whether `apply_batch` may do the colour."""
        return self.kind.is_linear

    @property
    def has_color(self) -> bool:
        """Whether any op changes colours."""
        return self.kind.has_color

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
        plan, kind = self._plan_and_kind(samples, draws, epoch, tuple(partners))
        self.__dict__["kind"] = kind  # of the frozen value's cached property
        return plan

    @_as_is
    def _plan_and_kind(
        self, samples: Sample, draws: Draws, epoch: tf.Tensor | int, partners: tuple[Sample, ...]
    ) -> tuple[Plan, Kind]:
        recipe = self.augmentation
        kind = Kind(size=self.image_size, fill=recipe.fill, classes=self.classes)
        others = tuple(with_a_row(one) for one in partners)
        draft = start(with_a_row(samples), kind, recipe.policy, epoch, others)
        to_size: Op = fit(self.resize, self.image_size)
        return make_plan(draft, recipe.ops, to_size, draws)

    def execute(
        self,
        plan: Plan,
        *,
        color: bool = True,
        interpolation: Interpolation = "bilinear",
        antialias: bool = False,
    ) -> tf.Tensor:
        """(h, w, 3) uint8, the picture that the plan of ONE image describes.

        color      False leaves the colour to `apply_batch`
        antialias  filter before shrinking (about three times the cost of decoding a VOC image). JPEGs are
                   decoded at 1/2, 1/4 or 1/8 where that is still larger than the output, which takes care of
                   strong shrinking
        """
        return _as_is(render)(plan, self.kind, Style(color, interpolation, antialias))

    def for_pixels(self, plan: Plan, *, color: bool = True) -> Plan:
        """The plan without what `execute(plan, color=color)` does not read: () in its place.

        A loop or a stage of tf.data costs some microseconds an image for each tensor that goes through it.
        """
        unread = set(Plan._fields) - self.kind.read(color=color)
        return plan._replace(**dict.fromkeys(unread, ()))

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
        return plan._replace(**{name: getattr(plan, name)[: plan.num_boxes] for name in OBJECTS})
