"""tf.train.Example as bytes, written without protobuf and without TensorFlow; `features` reads it.

    Example  { Features features = 1; }
    Features { map<string, Feature> feature = 1; }      one entry {key = 1, value = 2} for each key
    Feature  { oneof { BytesList = 1, FloatList = 2, Int64List = 3 } }
    *List    { repeated value = 1 }                      floats and int64 packed

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto and feature.proto;
https://protobuf.dev/programming-guides/encoding for the encoding.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

Kind = Literal["bytes", "float", "int64"]

_KEPT: Final = 1024
_ONE_BYTE: Final = tuple(bytes((n,)) for n in range(128))
_MASK: Final = (1 << 64) - 1


def varint(n: int) -> bytes:
    """`n` >= 0 in base 128, least significant group first."""
    if n < 128:
        return _ONE_BYTE[n]
    if n < 1 << 14:
        return bytes((n & 127 | 128, n >> 7))
    if n < 1 << 21:
        return bytes((n & 127 | 128, n >> 7 & 127 | 128, n >> 14))
    groups = bytearray()
    while n > 127:
        groups.append(n & 127 | 128)
        n >>= 7
    groups.append(n)
    return bytes(groups)


def entry_writer(key: str, kind: Kind, length: object) -> Callable[[Any], bytes]:
    """A function from the value of `key` to its serialised map entry.

    length   1 if the value is one number or text, anything else if it is a sequence of them
    kind     texts become UTF-8 bytes, floats are rounded to float32; sequences of texts and of int64 must be
             tuples

    What stands before the content depends only on its size, and flags, classes and image sizes come back
    image after image: the latest ones are kept, which halves the time that `tf_example.encode` takes.
    OverflowError for a float that float32 cannot hold, UnicodeEncodeError for a text with lone surrogates.
    """
    keep = functools.lru_cache(_KEPT)
    name = key.encode()
    name = b"\n" + varint(len(name)) + name + b"\x12"

    def entry(feature: bytes) -> bytes:
        return _in_field_1(name + varint(len(feature)) + feature)

    @keep
    def before_text(size: int) -> bytes:
        content = b"\n" + varint(size)
        in_list = varint(len(content) + size) + content
        in_feature = varint(1 + len(in_list) + size) + b"\n" + in_list
        return b"\n" + varint(len(name) + len(in_feature) + size) + name + in_feature

    @keep
    def before_floats(count: int) -> tuple[bytes, Callable[..., bytes]]:
        blank = entry(b"\x12" + _packed(bytes(4 * count)))
        return blank[: len(blank) - 4 * count], struct.Struct(f"<{count}f").pack

    def one_text(text: str) -> bytes:
        content = text.encode()
        return before_text(len(content)) + content

    def floats(values: Sequence[float]) -> bytes:
        before, pack = before_floats(len(values))
        return before + pack(*values)

    @keep
    def element(text: str) -> bytes:
        return _in_field_1(text.encode())

    @keep
    def texts(values: tuple[str, ...]) -> bytes:
        return entry(_in_field_1(b"".join([element(value) for value in values])))

    @keep
    def integers(values: tuple[int, ...]) -> bytes:
        if values and min(values) >= 0 and max(values) < 128:
            return entry(b"\x1a" + _packed(bytes(values)))
        return entry(b"\x1a" + _packed(b"".join([varint(value & _MASK) for value in values])))

    @keep
    def one_integer(value: int) -> bytes:
        return integers((value,))

    match kind, length:
        case "bytes", 1:
            return one_text
        case "bytes", _:
            return texts
        case "float", _:
            return floats
        case _, 1:
            return one_integer
        case _:
            return integers


def _in_field_1(content: bytes) -> bytes:
    return b"\n" + varint(len(content)) + content


def _packed(content: bytes) -> bytes:
    """A FloatList or Int64List, with its size in front; a list without values has no field."""
    values = _in_field_1(content) if content else b""
    return varint(len(values)) + values


def blob_writer(key: str) -> Callable[[int, bytes, bytes], tuple[bytes, bytes]]:
    """A function (size, before, after) -> (head, tail): what stands around a blob of `size` bytes.

    head + blob + tail is an Example that holds the blob under `key`; `before` and `after` are the serialised
    entries of the keys that sort before and after it.
    """
    name = key.encode()
    name = b"\n" + varint(len(name)) + name + b"\x12"

    def around(size: int, before: bytes, after: bytes) -> tuple[bytes, bytes]:
        value = b"\n" + varint(size)
        feature = b"\n" + varint(len(value) + size) + value
        entry = name + varint(len(feature) + size) + feature
        head = before + b"\n" + varint(len(entry) + size) + entry
        return b"\n" + varint(len(head) + size + len(after)) + head, after

    return around
