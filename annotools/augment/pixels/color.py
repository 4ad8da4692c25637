"""Colour of pixels: of one picture step by step, and of a whole batch at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from annotools.augment.graph import graph_ops
from annotools.augment.graph.seeds import fold_in
from annotools.augment.pixels.call import called
from annotools.augment.plan.color_steps import Step
from annotools.augment.plan.kind import ColorFunction, ColorStep, OnPicture


def apply_matrix(matrix: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) float32 in [0, 255] through (3, 4), cut at 0 and 255."""
    mixed = tf.matmul(tf.reshape(pixels, [-1, 3]), matrix[:, :3], transpose_b=True) + matrix[:, 3]
    return tf.reshape(tf.clip_by_value(mixed, 0.0, 255.0), tf.shape(pixels))


def apply_steps(functions: Sequence[ColorStep], steps: Sequence[Step], pixels: tf.Tensor) -> tf.Tensor:
    """Colour (h, w, 3) float32 in [0, 255] by the steps of one picture; those that are not on are skipped.

    functions  for each step its function, None: its numbers are a matrix
    """
    for function, step in zip(functions, steps, strict=True):
        assert not isinstance(function, OnPicture)
        done = functools.partial(_colored, function, step, pixels)
        pixels = tf.cond(step.on, done, functools.partial(tf.identity, pixels))
    return pixels


def apply_to_picture(function: ColorStep, step: Step, picture: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The whole picture (h, w, 3) uint8 after one step; `seed` (2,) int64 is that of the picture."""

    def done() -> tf.Tensor:
        if isinstance(function, OnPicture):
            own = functools.reduce(fold_in, function.stream, seed)
            return called(function.function, picture, own)
        return tf.cast(_colored(function, step, tf.cast(picture, tf.float32)) + 0.5, tf.uint8)

    return tf.ensure_shape(tf.cond(step.on, done, lambda: picture), picture.shape)


def _colored(function: ColorFunction | None, step: Step, pixels: tf.Tensor) -> tf.Tensor:
    if function is None:
        return apply_matrix(step.numbers, pixels)
    return tf.clip_by_value(called(function, pixels, step.numbers), 0.0, 255.0)


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def apply_batch(images: tf.Tensor, matrices: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
    """Colour of a whole batch in one fused kernel.

    images    (B, H, W, 3) uint8
    matrices  (B, 3, 4) float32, `Plan.color_matrix`
    keep      (B, N, 5) int32, `Plan.color_keep`: x1, y1, x2, y2, kind. Colour is applied inside rectangles of
              kind 1 (picture) unless a rectangle of kind 2 (erased) lies over them; fill keeps its colour.
              Kind 0 is unused
    returns   (B, H, W, 3) uint8
    """
    pixels = tf.cast(images, tf.float32)
    # (B, H, W, 1) times (B, 1, 1, 3), one column of the matrix: XLA compiles this in a quarter of
    # the time that it takes for three channels that are stacked
    red, green, blue = graph_ops.split(pixels, 3)
    of_red, of_green, of_blue, shift = (
        graph_ops.reshape(column, [-1, 1, 1, 3]) for column in graph_ops.split(matrices, 4)
    )
    mixed = red * of_red + green * of_green + blue * of_blue + shift
    black, white, half = (graph_ops.like(value, mixed) for value in (0.0, 255.0, 0.5))
    colored = tf.cast(
        tf.raw_ops.ClipByValue(t=mixed, clip_value_min=black, clip_value_max=white) + half, tf.uint8
    )
    height, width = tf.unstack(tf.shape(images))[1:3]
    rows, columns = (
        graph_ops.reshape(tf.range(height), [1, -1, 1]),
        graph_ops.reshape(tf.range(width), [1, 1, -1]),
    )
    edges = tf.unstack(graph_ops.reshape(keep, [-1, keep.shape[1], 5, 1, 1]), axis=1)
    picture, erased = [], []
    for index in range(keep.shape[1]):
        x1, y1, x2, y2, kind = tf.unstack(edges[index], num=5, axis=1)
        inside = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)
        picture.append(inside & (kind == graph_ops.constant(1)))
        erased.append(inside & (kind == graph_ops.constant(2)))
    mask = functools.reduce(tf.logical_or, picture) & ~functools.reduce(tf.logical_or, erased)
    return tf.where(graph_ops.expand(mask), colored, images)
