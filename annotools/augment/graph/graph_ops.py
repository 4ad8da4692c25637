"""A few TensorFlow functions that make few operations.

What a pipeline costs before its first batch is the number of its operations: some 0.7 ms of CPU each, for
making it in Python, for TensorFlow's optimizer and for its executor. Constants (axes, ranges, sizes) were
nearly half of them, so every graph holds each one once here; and `x[:, None]` would be four operations.

Eager tensors have no graph: there everything is what TensorFlow's function of that name does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_SHARED = "annotools.augment.graph.graph_ops"  # the graph's collection in which its constants are
Value = float | bool | str | bytes | tuple["Value", ...]


def constant(value: Value, dtype: tf.DType = tf.int32) -> tf.Tensor:
    """A constant of the graph that is being made, the same tensor for the same value."""
    if tf.executing_eagerly():
        return tf.constant(value, dtype)
    graph = tf.compat.v1.get_default_graph()
    collection = graph.get_collection_ref(_SHARED)
    if not collection:
        collection.append({})
    # the graphs of loops and branches inherit the collection of the graph around them
    shared = collection[0].setdefault(graph, {})
    key = (repr(value), dtype)  # not the value: 0.0 and -0.0 are equal
    if key not in shared:
        with tf.control_dependencies(None):  # it may be used before what this place waits for
            shared[key] = tf.constant(value, dtype)
    return shared[key]


def like(value: float | bool, tensor: tf.Tensor) -> tf.Tensor:
    """A constant () of the tensor's dtype."""
    return constant(value, tensor.dtype)


def split(tensor: tf.Tensor, parts: int | Sequence[int], axis: int = -1) -> list[tf.Tensor]:
    """`tf.split`"""
    pieces: list[tf.Tensor]
    if isinstance(parts, int):
        pieces = tf.raw_ops.Split(axis=constant(axis), value=tensor, num_split=parts)
    else:
        sizes, count = constant(tuple(parts)), len(parts)
        pieces = tf.raw_ops.SplitV(value=tensor, size_splits=sizes, axis=constant(axis), num_split=count)
    return pieces


def columns(draws: tf.Tensor, *widths: int) -> list[tf.Tensor]:
    """(B, n) -> (B, width) each; numbers beyond the last are left alone."""
    if draws.shape[1] == sum(widths):
        return [draws] if len(widths) == 1 else split(draws, widths)
    return split(draws, (*widths, -1))[:-1]


def concat(tensors: Sequence[tf.Tensor], axis: int = -1) -> tf.Tensor:
    """`tf.concat`"""
    if len(tensors) == 1:  # which the plain operation refuses
        return tensors[0]
    return tf.raw_ops.ConcatV2(values=list(tensors), axis=constant(axis))


def expand(tensor: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """`tf.expand_dims`"""
    return tf.raw_ops.ExpandDims(input=tensor, axis=constant(axis))


def reshape(tensor: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    return tf.raw_ops.Reshape(tensor=tensor, shape=constant(tuple(shape)))


def first(tensor: tf.Tensor) -> tf.Tensor:
    """(n, ...) -> (...), of a tensor whose n is known."""
    return tf.raw_ops.Unpack(value=tensor, num=tensor.shape[0], axis=0)[0]


def gather(
    tensor: tf.Tensor, indices: tf.Tensor | tuple[int, ...], axis: int = 0, batch_dims: int = 0
) -> Any:
    places = constant(indices) if isinstance(indices, tuple) else indices
    return tf.raw_ops.GatherV2(params=tensor, indices=places, axis=constant(axis), batch_dims=batch_dims)


def length(tensor: tf.Tensor, axis: int = 0) -> tf.Tensor:
    """() int32, `tf.shape(tensor)[axis]`; a constant where it is known."""
    known = tensor.shape[axis]
    return tf.unstack(tf.shape(tensor))[axis] if known is None else constant(known)


def total(tensor: tf.Tensor, axis: int = -1, keepdims: bool = False) -> tf.Tensor:
    """`tf.reduce_sum`"""
    return tf.raw_ops.Sum(input=tensor, axis=constant(axis), keep_dims=keepdims)


def every(tensor: tf.Tensor, axis: int | tuple[int, ...] = -1) -> tf.Tensor:
    """`tf.reduce_all`"""
    return tf.raw_ops.All(input=tensor, axis=constant(axis))


def some(tensor: tf.Tensor, axis: int | tuple[int, ...] = -1) -> tf.Tensor:
    """`tf.reduce_any`"""
    return tf.raw_ops.Any(input=tensor, axis=constant(axis))


def choose(condition: tf.Tensor, one: tf.Tensor | float | bool, other: tf.Tensor | float | bool) -> tf.Tensor:
    """`tf.where` of which at most one of the two is a Python number."""
    if not tf.is_tensor(one):
        one = like(one, other)
    elif not tf.is_tensor(other):
        other = like(other, one)
    return tf.raw_ops.SelectV2(condition=condition, t=one, e=other)


def zeros(tensor: tf.Tensor) -> tf.Tensor:
    """`tf.zeros_like`"""
    return tf.raw_ops.ZerosLike(x=tensor)
