"""Pickles written opcode by opcode: equal values give equal bytes, and nothing is held in memory.

`pickle.dump` writes a reference wherever it meets the same object twice, so that its output depends on which
equal strings happen to be one object in memory; and it needs the whole value at once. Here equal values give
equal bytes in any process, and a caller may write the opcodes of a container item by item. Protocol 2, which
every Python since 2.3 loads.
"""

from __future__ import annotations

import functools
import pickle
import struct
from typing import Any

from annotools.errors import PickleError

HEADER = pickle.PROTO + b"\x02"
_OPEN_DICT = pickle.EMPTY_DICT + pickle.MARK
_pack_float = struct.Struct(">d").pack
_TUPLES = (pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)


@functools.lru_cache(256)
def text(value: str) -> bytes:
    """The opcode for a str. Lone surrogates, which stand for undecodable bytes in paths, are kept.

    Names of classes and folders come again and again: the latest texts are remembered.
    """
    data = value.encode("utf-8", "surrogatepass")
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    """The opcode for an int, the shortest that holds it."""
    if 0 <= value < 256:
        return pickle.BININT1 + struct.pack("<B", value)
    if 0 <= value < 65536:
        return pickle.BININT2 + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return pickle.BININT + struct.pack("<i", value)
    data = pickle.encode_long(value)
    if len(data) < 256:
        return pickle.LONG1 + struct.pack("<B", len(data)) + data
    return pickle.LONG4 + struct.pack("<i", len(data)) + data


class Encoder:
    """Turns None, bool, int, float, str, tuples, lists and dicts with str keys into opcodes of one pickle.

    The keys of dicts repeat from record to record, so each is written once and referred to afterwards, by
    equality and not by identity. One Encoder therefore belongs to one pickle, and what it gives must be
    written in the order in which it was asked for.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    def encode(self, value: object) -> bytes:
        """The opcodes that push `value`. PickleError for a value of another type."""
        pieces: list[bytes] = []
        self._add(value, pieces)
        return b"".join(pieces)

    def key(self, name: str) -> bytes:
        """The opcodes that push the key of a dict."""
        known = self._keys.get(name)
        if known is not None:
            return known
        index = len(self._keys)
        if index < 256:
            self._keys[name] = pickle.BINGET + struct.pack("<B", index)
            return text(name) + pickle.BINPUT + struct.pack("<B", index)
        self._keys[name] = pickle.LONG_BINGET + struct.pack("<I", index)
        return text(name) + pickle.LONG_BINPUT + struct.pack("<I", index)

    def _add(self, value: Any, pieces: list[bytes]) -> None:
        kind = type(value)  # not isinstance: a subclass would come back as its base
        if kind is str:
            pieces.append(text(value))
        elif kind is float:
            pieces.append(pickle.BINFLOAT + _pack_float(value))
        elif kind is dict:
            pieces.append(_OPEN_DICT)
            keys = self._keys
            for name, item in value.items():
                pieces.append(keys.get(name) or self.key(name))
                self._add(item, pieces)
            pieces.append(pickle.SETITEMS)
        elif kind is tuple:
            if len(value) > 3:
                pieces.append(pickle.MARK)
            for item in value:
                self._add(item, pieces)
            pieces.append(_TUPLES[len(value)] if len(value) <= 3 else pickle.TUPLE)
        elif kind is int:
            pieces.append(integer(value))
        elif value is True:
            pieces.append(pickle.NEWTRUE)
        elif value is False:
            pieces.append(pickle.NEWFALSE)
        elif value is None:
            pieces.append(pickle.NONE)
        elif kind is list:
            pieces.append(pickle.EMPTY_LIST + pickle.MARK)
            for item in value:
                self._add(item, pieces)
            pieces.append(pickle.APPENDS)
        else:
            raise PickleError("cannot be written to a pickle of built-in types", found=value)
