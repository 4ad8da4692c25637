"""Does a function of somebody else have a state? Its operations tell.

What draws from a generator, reads a variable or calls Python gives other pictures after a checkpoint, on
another thread, in another order. So every function that is not ours is looked at once: in a graph as it is
made, eagerly by making a graph of it beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from annotools.errors import OptionError

# they raise or print; the others hold functions, which are looked at themselves
_HARMLESS = {"Assert", "PrintV2", "If", "Case", "While", "StatefulPartitionedCall", "Placeholder"}
_MOST = 256
_stateless: set[Any] = set()  # functions that were looked at eagerly, so that each is made a graph of once


def without_state(
    function: Callable[..., Any], call: Callable[..., Any], arguments: tuple[tf.Tensor, ...], what: str
) -> Any:
    """`call(*arguments)`, which calls `function`; OptionError names the function if it has a state.

    what   "an op", "a function on pixels": how the error begins
    """
    if is_ours(function):
        return call(*arguments)
    if not tf.executing_eagerly():
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        result = call(*arguments)
        _check(function, graph, graph.get_operations()[before:], what)
        return result
    key = (function, *((value.dtype, tuple(value.shape)) for value in arguments))
    if not _is_known(key):
        graph = _graph_of(function, call, arguments, what)
        _check(function, graph, graph.get_operations(), what)
        _remember(key)
    return call(*arguments)


def is_ours(function: object) -> bool:
    """Whether annotools wrote the function, and those that it holds (`op`, `ops` of a choice)."""
    owner = function if hasattr(function, "__qualname__") else type(function)
    if not str(getattr(owner, "__module__", "")).startswith("annotools."):
        return False
    return all(is_ours(one) for one in _held(function))


def fault(problem: str, function: object, found: str, expected: str) -> OptionError:
    """An OptionError that names the function; of a choice, what it holds that is not ours."""
    while not is_ours(function) and (foreign := [one for one in _held(function) if not is_ours(one)]):
        function = foreign[0]
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return OptionError(f"{problem}: {name}", field="ops", found=found, expected=expected)


def _held(function: object) -> list[object]:
    """The ops in a choice."""
    inner = getattr(function, "op", None), *(getattr(function, "ops", None) or ())
    return [one for one in inner if callable(one)]


def _graph_of(
    function: Callable[..., Any], call: Callable[..., Any], arguments: tuple[tf.Tensor, ...], what: str
) -> tf.Graph:
    def traced(*values: tf.Tensor) -> None:
        call(*values)

    specs = [tf.TensorSpec(value.shape, value.dtype) for value in arguments]
    try:
        return tf.function(traced, autograph=False).get_concrete_function(*specs).graph
    except OptionError:
        raise
    except Exception as error:
        expected = "functions of TensorFlow, which a graph can hold"
        raise fault(f"{what} failed", function, str(error), expected) from error


def _check(function: object, graph: tf.Graph, operations: list[tf.Operation], what: str) -> None:
    found = set(_stateful(graph, operations)) - _HARMLESS
    if found:
        raise fault(f"{what} has a state", function, ", ".join(sorted(found)), "tf.random.stateless_* only")


def _stateful(graph: tf.Graph, operations: Iterable[tf.Operation]) -> Iterator[str]:
    """Types of operations that have a state, also of those in loops, branches and functions."""
    pending = set()
    for one in operations:
        if one.op_def.is_stateful:
            yield one.type
        pending |= _called(one.node_def)
    if not pending:
        return
    library = {one.signature.name: one for one in graph.as_graph_def().library.function}
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in library:
            continue
        seen.add(name)
        for node in library[name].node_def:
            definition = op_def_registry.get(node.op)
            if definition is not None and definition.is_stateful:
                yield node.op
            pending |= _called(node)


def _called(node: Any) -> set[str]:
    """The names of the functions that an operation holds."""
    names = set()
    for value in node.attr.values():
        names |= {one.name for one in (value.func, *value.list.func) if one.name}
    return names


def _is_known(key: object) -> bool:
    try:
        return key in _stateless
    except TypeError:  # it cannot be hashed, and is looked at each time
        return False


def _remember(key: object) -> None:
    if len(_stateless) >= _MOST:
        _stateless.clear()
    try:
        _stateless.add(key)
    except TypeError:
        return
