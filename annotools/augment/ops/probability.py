"""How often an op is applied: a probability, or one that changes with the epoch inside the graph."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_number, numbers_in
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class Schedule:
    """Probability by epoch, constant between the steps: `Schedule(((0, 1.0), (90, 0.0)))` is 1 up to epoch
    89, then 0.

    The epoch is a tensor, so nothing is traced or started again when it changes.
    """

    steps: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        steps: object = self.steps
        pairs = [numbers_in(step, 2) for step in steps] if isinstance(steps, (tuple, list)) else []
        epochs = [pair[0] for pair in pairs if pair is not None]
        if not pairs or None in pairs or epochs != sorted(set(epochs)):
            expected = "pairs of (epoch, probability), epochs increasing"
            raise OptionError("not a schedule", field="steps", found=steps, expected=expected)
        for _, probability in self.steps:
            check_number(probability, "steps", 0.0, 1.0)

    def at(self, epoch: tf.Tensor) -> tf.Tensor:
        """float32 of the shape of `epoch`"""
        value = tf.constant(self.steps[0][1], tf.float32)
        for start, probability in self.steps[1:]:
            value = tf.where(epoch >= start, tf.constant(probability, tf.float32), value)
        return value


Probability = float | Schedule


def happens(uniform: tf.Tensor, p: Probability, epoch: tf.Tensor) -> tf.Tensor:
    """bool from a draw in [0, 1), of the same shape."""
    return uniform < (p.at(epoch) if isinstance(p, Schedule) else graph_ops.like(float(p), uniform))


def column(uniforms: tf.Tensor, p: Probability, epoch: tf.Tensor) -> tf.Tensor:
    """(B, 1) bool from draws (B, 1) in [0, 1)."""
    return happens(uniforms, p, epoch[..., None] if isinstance(p, Schedule) else epoch)


def check_probability(p: object, field: str = "p") -> None:
    """Raise OptionError unless `p` is a number from 0 to 1 or a Schedule."""
    if not isinstance(p, Schedule):
        check_number(p, field, 0.0, 1.0)


def between(uniform: tf.Tensor, bounds: tuple[float, float]) -> tf.Tensor:
    """A draw in [0, 1) spread over [low, high)."""
    low, high = bounds
    return uniform * graph_ops.like(float(high - low), uniform) + graph_ops.like(float(low), uniform)


def whole_between(uniform: tf.Tensor, bounds: tuple[int, int]) -> tf.Tensor:
    """A draw in [0, 1) as one of the whole numbers low..high, as a float."""
    low, high = bounds
    return tf.minimum(tf.floor(between(uniform, (low, high + 1))), float(high))
