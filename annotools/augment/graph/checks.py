"""Checks inside a graph, whose errors name the images."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment.graph import graph_ops


def checked(
    values: tf.Tensor, good: tf.Tensor, problem: str, names: tf.Tensor, found: tf.Tensor | None = None
) -> tf.Tensor:
    """`values`, once all of `good` (n, ...) is known to hold; else an error.

    It is an InvalidArgumentError of `problem`, the `names` (n,) where it does not hold, and what was `found`
    there, a tensor that begins with the axes of `good`. Without the bond between the two, what breaks later
    could be reported first.
    """
    axes = tuple(range(good.shape.rank))
    place = tf.where(~good)
    image = place if len(axes) == 1 else graph_ops.split(place, [1, -1])[0]
    message: list[object] = [problem, tf.gather_nd(names, image)]
    if found is not None:
        message += [graph_ops.constant("found", tf.string), tf.gather_nd(found, place)]
    # the plain operation; tf.debugging.Assert makes a conditional, of ten times as many operations
    holds = graph_ops.every(good, axes if len(axes) > 1 else 0)
    done = tf.raw_ops.Assert(condition=holds, data=message, summarize=8)
    with tf.control_dependencies([] if done is None else [done]):
        return tf.identity(values)
