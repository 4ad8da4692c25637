"""What the loader hands to the augmentation: images and their objects, before any pixel is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Sample(NamedTuple):
    """Tensors of one image with R objects; or of B images, each tensor with B in front and R the rows of the
    fullest.

    encoded    () string, the bytes of a JPEG, PNG, GIF, BMP or WebP file; or (H, W, 3) uint8 pixels
    size       (2,) int32, (H, W) of the stored pixels
    boxes      (R, 4) float32, xyxy in pixels, edges: the whole image is (0, 0, W, H)
    labels     (R,) int32, 0 or more, carried along untouched; -1 marks a row without object
    difficult  (R,) bool, carried along untouched
    ids        (R,) int32, the object's position in its record
    name       () string, the image's id, for error messages
    """

    encoded: tf.Tensor
    size: tf.Tensor
    boxes: tf.Tensor
    labels: tf.Tensor
    difficult: tf.Tensor
    ids: tf.Tensor
    name: tf.Tensor


PADDING = Sample("", 0, 0.0, -1, False, -1, "")
"""For `Dataset.padded_batch`: what rows without object hold."""

Partner = Callable[[int, tf.Tensor], Sample]
"""`partner(k, seed) -> Sample`: the k-th other image for Mosaic and MixUp, a Python int below
`Augmenter.partners`; the seed, int64 (2,), may choose it."""
