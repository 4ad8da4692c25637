"""Choices: ops that happen to some pictures and not to others, or one instead of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_classes, check_count, check_function
from annotools.augment.ops.probability import Probability, check_probability, happens
from annotools.augment.plan.draft import DEFAULT_DRAWS, Draft, Op
from annotools.augment.plan.selection import select
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class Sometimes:
    """`op` with probability `p`, beside its own."""

    op: Op
    p: Probability = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_ops((self.op,), "op")

    @property
    def draws(self) -> int:
        return 1 + draws_of(self.op)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, numbers = draws[:, 0], draws[:, 1:]
        return select(happens(coin, self.p, draft.epoch), self.op(draft, numbers), draft)


def _widths(ops: tuple[Op, ...]) -> tuple[int, ...]:
    """How many draws a shuffle of the ops takes: for the coin, for the ranks, and for each op."""
    return 1, len(ops), *(draws_of(op) for op in ops)


def _shuffled(ops: tuple[Op, ...], draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """The coin (B,), the place of each op in a random order (B, ops), and the draws of each op."""
    coin, ranks, *numbers = graph_ops.split(draws, _widths(ops))
    return tf.squeeze(coin, 1), tf.argsort(tf.argsort(ranks, axis=1, stable=True), axis=1), numbers


@dataclass(frozen=True, slots=True)
class SomeOf:
    """`count` of the ops, each set as likely as any other, in the order in which they are listed."""

    ops: tuple[Op, ...]
    count: int = 1
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_ops(self.ops, "ops")
        object.__setattr__(self, "ops", tuple(self.ops))
        check_count(self.count, "count")
        check_probability(self.p)
        if self.count > len(self.ops):
            raise OptionError(
                "there are not so many ops", field="count", found=self.count, expected=f"1 to {len(self.ops)}"
            )

    @property
    def draws(self) -> int:
        return sum(_widths(self.ops))

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, places, numbers = _shuffled(self.ops, draws)
        on = happens(coin, self.p, draft.epoch)
        for index, (op, own) in enumerate(zip(self.ops, numbers, strict=True)):
            draft = select(on & (places[:, index] < self.count), op(draft, own), draft)
        return draft


@dataclass(frozen=True, slots=True)
class OneOf(SomeOf):
    """One of the ops, each as likely as any other; with `count`, as many: SomeOf under its usual name."""


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """All of the ops, in a random order. Each is in the plan once for each place: n ops cost as n * n do.

    A crop and a rotation cannot both be among them: a plan holds no rotation, crop and again rotation.
    """

    ops: tuple[Op, ...]
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_ops(self.ops, "ops")
        object.__setattr__(self, "ops", tuple(self.ops))
        check_probability(self.p)

    @property
    def draws(self) -> int:
        return sum(_widths(self.ops))

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, places, numbers = _shuffled(self.ops, draws)
        on = happens(coin, self.p, draft.epoch)
        for place in range(len(self.ops)):
            for index, (op, own) in enumerate(zip(self.ops, numbers, strict=True)):
                draft = select(on & (places[:, index] == place), op(draft, own), draft)
        return draft


@dataclass(frozen=True, slots=True)
class IfClasses:
    """`op` for the pictures that, so far, show objects of certain classes: no flip where there is text is
    `IfClasses(HorizontalFlip(), none=("text",))`.

    some  an object of one of these is there; none of them given: whatever there is
    none  no object of any of these is there
    Classes are names, which a data set knows, or labels.
    """

    op: Op
    some: tuple[str | int, ...] = ()
    none: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        check_ops((self.op,), "op")
        for field in ("some", "none"):
            object.__setattr__(self, field, check_classes(getattr(self, field), field))

    @property
    def draws(self) -> int:
        return draws_of(self.op)

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        seen = graph_boxes.area(draft.visible_boxes()) > 0
        on = ~tf.reduce_any(seen & draft.has_label(draft.labels, self.none), 1)
        if self.some:
            on &= tf.reduce_any(seen & draft.has_label(draft.labels, self.some), 1)
        return select(on, self.op(draft, draws), draft)


def draws_of(op: Op) -> int:
    number: int = getattr(op, "draws", DEFAULT_DRAWS)
    return number


def check_ops(ops: object, field: str, *, partners: bool = False) -> None:
    """Ops, at least one; those that join images only where `partners` allows them."""
    if not isinstance(ops, Sequence) or isinstance(ops, (str, bytes)) or not ops:
        raise OptionError("no list of ops", field=field, found=ops, expected="ops, at least one")
    for op in ops:
        check_function(op, field, "ops: callables of (draft, draws), such as Rotate()")
        others: int = getattr(op, "partners", 0)
        if others and not partners:
            raise OptionError("it needs other images, and has a p of its own", field=field, found=op)
