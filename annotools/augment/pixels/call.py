"""Calling functions of others on pixels: what they give is looked at, and what has a state is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from annotools.augment.graph.states import fault, without_state

_WHAT = "a function on pixels"


def called(function: Callable[..., Any], pixels: tf.Tensor, argument: tf.Tensor) -> tf.Tensor:
    """`function(pixels, argument)`, pixels (h, w, 3) of the same dtype and shape.

    OptionError names the function if it gives anything else, or draws numbers or reads variables: the same
    image would not be the same twice, nor after a checkpoint.
    """
    try:
        made = tf.convert_to_tensor(without_state(function, function, (pixels, argument), _WHAT))
    except (TypeError, ValueError) as error:
        raise fault(f"{_WHAT} failed", function, str(error), "(pixels, numbers) -> pixels") from error
    if made.dtype != pixels.dtype or not made.shape.is_compatible_with(pixels.shape):
        found = f"{made.dtype.name} {made.shape}"
        expected = f"{pixels.dtype.name} {pixels.shape}"
        raise fault(f"{_WHAT} gave something else", function, found, expected)
    return tf.ensure_shape(made, pixels.shape)
