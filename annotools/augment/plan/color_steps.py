"""Colour steps: the numbers by which a picture is coloured, in the order of the ops.

Brightness, contrast, grayscale, channel order and (in YIQ) hue and saturation are affine in RGB, so any
sequence of them is one 3x4 matrix: it costs the same however many there are, and a whole batch takes it in
one fused XLA kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.plan.kind import ColorStep


class Step(NamedTuple):
    """One colour step of a picture; in a batch, each tensor has B in front.

    numbers  float32: (3, 4) for an affine map of RGB in [0, 255], else what the step's function takes
    on       () bool, False: the step would change nothing and is skipped; None: see `decided`
    """

    numbers: tf.Tensor
    on: tf.Tensor | None = None


def gain(factor: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """(B, 3, 4): RGB times `factor` (B,) plus `offset` (B,)."""
    shift = graph_ops.constant(((0.0,),) * 3, tf.float32) + graph_ops.reshape(offset, [-1, 1, 1])
    return graph_ops.concat(
        [tf.constant(np.eye(3), tf.float32) * graph_ops.reshape(factor, [-1, 1, 1]), shift]
    )


def one_matrix(matrices: Sequence[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """(B, 3, 4) float32, all maps (B, 3, 4) in a row; nothing is cut at 0 and 255 but after the last.

    Without maps it is the identity, for as many pictures as `like` (B,) float32 has.
    """
    if not matrices:
        return gain(tf.ones_like(like), graph_ops.zeros(like))
    return reduce(_after, matrices)


def decided(steps: Sequence[Step], functions: Sequence[ColorStep]) -> tuple[Step, ...]:
    """The steps of a batch with an answer in every `on`: a matrix that nobody switched is on if it is not the
    identity, a function always."""
    found = []
    for step, function in zip(steps, functions, strict=True):
        on = step.on
        if on is None and function is None:
            on = tf.reduce_any(step.numbers != tf.eye(3, 4), [1, 2])
        elif on is None:
            on = tf.fill(tf.shape(step.numbers)[:1], True)
        found.append(Step(step.numbers, on))
    return tuple(found)


def _after(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    # written out for the same bits in every batch size, as in graph/boxes.py
    *factors, offset = tf.split(second, 4, axis=2)
    red, green, blue = (column * row for column, row in zip(factors, tf.split(first, 3, axis=1), strict=True))
    return red + green + blue + offset * graph_ops.constant((0.0, 0.0, 0.0, 1.0), tf.float32)
