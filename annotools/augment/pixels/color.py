"""Colour of pixels: of one picture step by step, and of a whole batch at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

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


def batch_colorer() -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function that colours whole batches, each in one fused kernel.

    images    (B, H, W, 3) uint8
    matrices  (B, 3, 4) float32, `Plan.color_matrix`
    keep      (B, N, 5) int32, `Plan.color_keep`: x1, y1, x2, y2, kind. Colour is applied inside rectangles of
              kind 1 (picture) unless a rectangle of kind 2 (erased) lies over them; fill keeps its colour.
              Kind 0 is unused
    returns   (B, H, W, 3) uint8

    Each such function is traced for itself: what others have passed to a shared one would widen its shapes.
    """
    of_one = tf.function(_color_one, jit_compile=True, autograph=False)
    of_many = tf.function(_color_many, jit_compile=True, autograph=False)

    def colored(images: tf.Tensor, matrices: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
        images, keep = tf.convert_to_tensor(images), tf.convert_to_tensor(keep)
        if keep.shape[1] > 1 or None in images.shape[1:]:
            return of_many(images, matrices, keep)
        beside = tf.zeros([2], tf.uint8)
        flat = tf.concat([beside, tf.reshape(images, [-1]), beside], 0)
        factors = _factors(matrices, keep, images.shape[2])
        return tf.reshape(of_one(flat, factors, keep[:, 0]), tf.shape(images))

    return colored


def apply_batch(images: tf.Tensor, matrices: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
    """Colour of a whole batch, as `batch_colorer` says."""
    return _shared_colorer()(images, matrices, keep)


@functools.cache
def _shared_colorer() -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    return batch_colorer()


def _factors(matrices: tf.Tensor, keep: tf.Tensor, width: int) -> tf.Tensor:
    """(B, 6, 3 W) float32: what each value of a row takes of the five values around it, and what is added.

    They are made outside the kernel, which would choose among them once more for every value. Columns beside
    the picture take of themselves alone.
    """
    of_self = graph_ops.constant(tuple((float(tap == 2),) * 3 for tap in range(6)), tf.float32)
    columns = tf.unstack(tf.pad(matrices[:, :, :3], [[0, 0], [0, 0], [2, 2]]), axis=2)  # of values -2 to 4
    taps = [tf.stack([columns[tap + color][:, color] for color in range(3)], 1) for tap in range(5)]
    every = tf.stack([*taps, matrices[:, :, 3]], 1)
    x1, _, x2, _, kind = tf.unstack(keep, num=5, axis=2)
    place = tf.range(width)[None]
    inside = (place >= x1) & (place < x2) & (kind == 1)
    chosen = tf.where(inside[:, None, :, None], every[:, :, None], of_self[None, :, None])
    return tf.reshape(chosen, [-1, 6, 3 * width])


def _color_one(flat: tf.Tensor, factors: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
    """(B, H, 3 W) uint8 where each picture is one rectangle, keep (B, 5).

    flat  (B H W 3 + 4,), the values of the batch between two zeros and two more: of bytes, since XLA would
          write a padded buffer of floats and read it again
    """
    values = tf.cast(flat, tf.float32)
    count, shape = tf.size(flat) - 4, [tf.shape(factors)[0], -1, factors.shape[2]]
    out = tf.reshape(values[:count], shape) * factors[:, 0, None]
    for tap in range(1, 5):
        # minus a negative: of sums TensorFlow makes an AddN with a temporary variable, which is not fused
        out = out - (-(tf.reshape(values[tap : count + tap], shape) * factors[:, tap, None]))
    out = tf.cast(tf.clip_by_value(out - (-factors[:, 5, None]), 0.0, 255.0) + 0.5, tf.uint8)
    row = tf.range(tf.shape(out)[1])[None, :, None]
    inside = (row >= keep[:, 1, None, None]) & (row < keep[:, 3, None, None])
    return tf.where(inside, out, tf.reshape(flat[2 : count + 2], shape))


def _color_many(images: tf.Tensor, matrices: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
    """(B, H, W, 3) uint8 of any rectangles."""
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
