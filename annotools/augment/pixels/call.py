"""Calling functions of others on pixels: what they give is looked at, and what has a state is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from annotools.errors import OptionError

_HARMLESS = {"Assert", "If", "Case", "While"}  # they raise, or hold something that raises


def called(function: Callable[..., Any], pixels: tf.Tensor, argument: tf.Tensor) -> tf.Tensor:
    """`function(pixels, argument)`, pixels (h, w, 3) of the same dtype and shape.

    OptionError names the function if it gives anything else, or draws numbers or reads variables: the same
    image would not be the same twice, nor after a checkpoint.
    """
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    before = 0 if graph is None else len(graph.get_operations())
    try:
        made = tf.convert_to_tensor(function(pixels, argument))
    except TypeError as error:
        raise _fault("a function on pixels failed", function, str(error), "(pixels, numbers)") from error
    if made.dtype != pixels.dtype or not made.shape.is_compatible_with(pixels.shape):
        found = f"{made.dtype.name} {made.shape}"
        raise _fault(
            "a function on pixels gave something else", function, found, f"{pixels.dtype.name} {pixels.shape}"
        )
    if graph is not None:
        stateful = {one.type for one in graph.get_operations()[before:] if one.op_def.is_stateful} - _HARMLESS
        if stateful:
            found = ", ".join(sorted(stateful))
            raise _fault("a function on pixels has a state", function, found, "tf.random.stateless_* only")
    return tf.ensure_shape(made, pixels.shape)


def _fault(problem: str, function: Callable[..., Any], found: str, expected: str) -> OptionError:
    name = getattr(function, "__qualname__", repr(function))
    return OptionError(f"{problem}: {name}", field="ops", found=found, expected=expected)
