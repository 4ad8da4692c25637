"""A pickle reader that runs nothing: built-in types and NumPy arrays of numbers come out, or PickleError.

`pickle.load` calls whatever the file names. An `Unpickler` with a strict `find_class` still hands hostile
arguments to NumPy, allocates what the file declares before reading it, keeps a memo as large as the file asks
for, and takes extension codes from a cache that bypasses find_class. So the opcodes are interpreted here
(opcodes.py). The names that a pickled array needs are tokens without behaviour, and arrays are
made from their checked parts.

Protocols 0 to 5, arrays of NumPy 1 and 2, and pickles of Python 2, whose byte strings become text.
"""

from __future__ import annotations

import enum
import math
import pickle
import re
from collections.abc import Iterator
from mmap import mmap
from typing import TYPE_CHECKING, Any, BinaryIO

from annotools.errors import PickleError
from annotools.formats.pickling.opcodes import KEY_TYPES, STOP, ByteString, Machine

if TYPE_CHECKING:
    import numpy as np

MAX_DIMENSIONS = 32  # NumPy 1's limit
_NUMBER_TYPE = re.compile("[|<>=]?(?:b1|[iu][1248]|f[248]|c8|c16)")


class _Global(enum.Enum):
    RECONSTRUCT = "_reconstruct"
    FROMBUFFER = "_frombuffer"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    BYTES = "bytes"


# NumPy 2 renamed numpy.core to numpy._core. Python 3 writes bytes in protocols 0 to 2 as a call of
# _codecs.encode, and empty bytes as a call of `bytes`, which Python 2 keeps in __builtin__.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _Global.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Global.RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _Global.FROMBUFFER,
    ("numpy._core.numeric", "_frombuffer"): _Global.FROMBUFFER,
    ("numpy", "ndarray"): _Global.NDARRAY,
    ("numpy", "dtype"): _Global.DTYPE,
    ("_codecs", "encode"): _Global.ENCODE,
    ("__builtin__", "bytes"): _Global.BYTES,
    ("builtins", "bytes"): _Global.BYTES,
}


def load(source: bytes | BinaryIO, *, path: str | None = None) -> Any:
    """The value of a pickle: None, bool, int, float, str, bytes, list, tuple, dict, numpy.ndarray of numbers.

    source   the pickle, or a binary file, which is read to its end
    path     what to call it in errors

    Raises PickleError for any other content and for any damage; the memory needed stays in proportion to the
    size of the file. The keys of dicts are text, bytes, numbers or None. Text of a Python 2 `str` is a
    subclass of str that keeps the bytes in `raw`, except in keys, which are plain str.
    """
    machine = _ArrayMachine(source if isinstance(source, bytes) else source.read(), path)
    machine.advance(frozenset({STOP}))
    result = machine.result()
    if machine.saw_globals:
        machine.check_result(result)
    return result


def stream(data: bytes | mmap, key: str, *, path: str | None = None) -> Iterator[Any]:
    """Read a pickled dict with a list under `key`, without holding the list in memory.

    The first value is the dict as it stands before the list, without it; then come the items of the list.
    Only built-in types are allowed. Raises PickleError as `load` does, for damage behind the list after the
    last item.
    """
    machine = Machine(data, path)
    started = False
    while True:
        ended = machine.advance(_STOP_OR_APPEND) == STOP
        found = _finished_dict(machine, key) if ended else _unfinished_dict(machine, key)
        if found is None:
            if ended:
                raise PickleError(f"no dict with a list under {key!r}", path=path)
            continue
        header, items = found
        if not started:
            started = True
            yield header
        yield from items
        items.clear()
        if ended:
            return


_STOP_OR_APPEND = frozenset({STOP, pickle.APPEND[0], pickle.APPENDS[0]})


def _unfinished_dict(machine: Machine, key: str) -> tuple[dict[Any, Any], list[Any]] | None:
    stack = machine.stack
    if machine.marks != [1] or len(stack) < 3 or stack[-2] != key or type(stack[-1]) is not list:
        return None
    return machine.dict(stack[1:-2]), stack[-1]


def _finished_dict(machine: Machine, key: str) -> tuple[dict[Any, Any], list[Any]] | None:
    result = machine.result()
    if type(result) is not dict or type(result.get(key)) is not list:
        return None
    return {name: value for name, value in result.items() if name != key}, result[key]


class _DType:
    """A number type being read: its code, for example f8, then its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code.lstrip("|<>=")
        self.order = code[0] if self.code != code else "="


class _Array:
    """An array that has been announced by REDUCE and gets its content from BUILD."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: np.ndarray[Any, Any] | None = None


class _ArrayMachine(Machine):
    __slots__ = ("budget", "saw_globals")

    def __init__(self, data: bytes | mmap, path: str | None) -> None:
        super().__init__(data, path)
        self.saw_globals = False
        # How many bytes may still be made from what was read. An honest file encodes a byte string once and
        # puts it into one array; a hostile one makes thousands of copies of it through the memo.
        self.budget = 2 * len(data)

    def spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise self.error("the pickle unfolds into more bytes than it has")

    def find_global(self, module: str, name: str) -> _Global:
        token = _ALLOWED.get((module, name))
        if token is None:
            raise self.forbidden(module, name, "built-in types and arrays of numbers")
        self.saw_globals = True
        return token

    def recall(self, index: int) -> Any:
        value = self.memo[index]
        # numpy arrays enter the memo before they have their content.
        return value.array if type(value) is _Array and value.array is not None else value

    def call(self, function: Any, args: Any) -> Any:
        match function, args:
            case _Global.RECONSTRUCT, (_Global.NDARRAY, (0,), b"b" | "b"):
                return _Array()
            case _Global.DTYPE, (str(code), 0, 1):
                if not _NUMBER_TYPE.fullmatch(code):
                    raise self.error("an array that does not hold numbers", str(code), "a number type")
                return _DType(code)
            case _Global.FROMBUFFER, (
                bytes() | bytearray() as raw,
                _DType() as dtype,
                shape,
                "C" | "F" as order,
            ):
                return self.array(raw, dtype, shape, order)
            case _Global.ENCODE, (str(text), "latin1" | "latin-1"):
                self.spend(len(text))
                return text.encode("latin-1")
            case _Global.BYTES, ():
                return b""
        if isinstance(function, _Global):
            raise self.error(f"a call of {function.value} with unusual arguments")
        raise self.error("a call of something that is not a global")

    def build(self, target: Any, state: Any) -> Any:
        match target, state:
            case _DType(), (3, "<" | ">" | "|" | "=" as order, None, None, None, -1, -1, 0):
                target.order = order
                return target
            case _Array(), (1, shape, _DType() as dtype, 0 | 1 as fortran, raw):
                if isinstance(raw, ByteString):
                    raw = raw.raw
                if type(raw) is not bytes:
                    raise self.error("damaged pickle: an array without bytes")
                target.array = self.array(raw, dtype, shape, "F" if fortran else "C")
                return target.array
        raise self.error("an object with unusual state")

    def array(self, raw: bytes | bytearray, dtype: _DType, shape: Any, order: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        if (
            type(shape) is not tuple
            or len(shape) > MAX_DIMENSIONS
            or any(type(extent) is not int or not 0 <= extent < 2**63 for extent in shape)
        ):
            raise self.error("damaged pickle: the shape of an array", shape)
        number_type: np.dtype[Any] = np.dtype(dtype.order + dtype.code)
        if math.prod(shape) * number_type.itemsize != len(raw):
            raise self.error(
                "damaged pickle: an array of the wrong size",
                f"{len(raw)} bytes",
                f"{number_type} in the shape {shape}",
            )
        self.spend(len(raw))
        flat = np.frombuffer(raw, number_type) if raw else np.empty(0, number_type)
        return flat.reshape(shape, order=order).copy(order="K")

    def check_result(self, result: Any) -> None:
        """Raise PickleError if a token or an array without content is left anywhere in the result."""
        import numpy as np

        allowed = {*KEY_TYPES, ByteString, bytearray, np.ndarray}
        open_values, seen = [result], set()
        while open_values:
            value = open_values.pop()
            if type(value) in (list, tuple, dict):
                if id(value) not in seen:
                    seen.add(id(value))
                    open_values.extend(value.values() if type(value) is dict else value)
            elif type(value) not in allowed:
                raise self.error("a value that is neither built-in nor an array")
