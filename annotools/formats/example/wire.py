"""tf.train.Example on the wire, without protobuf and without TensorFlow.

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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

from annotools.errors import RecordError

Kind = Literal["bytes", "float", "int64"]
Feature = tuple[Kind | None, list[Any]]

_KEPT: Final = 1024
_KINDS: Final[tuple[Kind, ...]] = ("bytes", "float", "int64")
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
    image after image: the latest ones are kept, which halves the time that `tfexample.encode` takes.
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


def parse(data: bytes) -> dict[str, Feature]:
    """What a serialised Example holds: {key: (kind, values)}; kind is None for a Feature that has no list.

    Read as protobuf reads it: values packed or not, fields it does not know skipped, a key given twice
    taken from its last entry. RecordError for anything that is no Example. Time and memory are linear in
    `len(data)`, whatever the bytes say.
    """
    found: dict[str, Feature] = {}
    for number, wire_type, start, end in _fields(data, 0, len(data)):
        if number == 1 and wire_type == 2:
            for map_number, map_wire_type, entry_start, entry_end in _fields(data, start, end):
                if map_number == 1 and map_wire_type == 2:
                    key, feature = _entry(data, entry_start, entry_end)
                    found[key] = feature
    return found


def _entry(data: bytes, start: int, end: int) -> tuple[str, Feature]:
    key = b""
    kind: Kind | None = None
    values: list[Any] = []
    for number, wire_type, value_start, value_end in _fields(data, start, end):
        if wire_type != 2:
            continue
        if number == 1:
            key = data[value_start:value_end]
        elif number == 2:
            for list_number, list_wire_type, list_start, list_end in _fields(data, value_start, value_end):
                if list_wire_type != 2 or not 1 <= list_number <= 3:
                    continue
                # The last member of a oneof wins; the same member again adds to it.
                if kind != _KINDS[list_number - 1]:
                    kind, values = _KINDS[list_number - 1], []
                _LISTS[kind](data, list_start, list_end, values)
    try:
        return key.decode(), (kind, values)
    except UnicodeDecodeError:
        raise RecordError("a key of the tf.Example is not UTF-8", found=key) from None


def _bytes_values(data: bytes, start: int, end: int, values: list[Any]) -> None:
    values.extend(
        data[value_start:value_end]
        for number, wire_type, value_start, value_end in _fields(data, start, end)
        if number == 1 and wire_type == 2
    )


def _float_values(data: bytes, start: int, end: int, values: list[Any]) -> None:
    for number, wire_type, value_start, value_end in _fields(data, start, end):
        if number == 1 and wire_type in (2, 5):
            count, rest = divmod(value_end - value_start, 4)
            if rest:
                raise RecordError(
                    "packed floats of a tf.Example are cut",
                    found=value_end - value_start,
                    expected="4 bytes each",
                )
            values.extend(struct.unpack_from(f"<{count}f", data, value_start))


def _int64_values(data: bytes, start: int, end: int, values: list[Any]) -> None:
    for number, wire_type, value_start, value_end in _fields(data, start, end):
        if number == 1 and wire_type in (0, 2):
            if wire_type == 2 and max(data[value_start:value_end], default=0) < 128:
                values.extend(data[value_start:value_end])
                continue
            position = value_start
            while position < value_end:
                value, position = _read_varint(data, position, value_end)
                values.append(value - (1 << 64) if value >> 63 else value)


_LISTS: Final[dict[Kind, Callable[[bytes, int, int, list[Any]], None]]] = {
    "bytes": _bytes_values,
    "float": _float_values,
    "int64": _int64_values,
}


def list_values(kind: Kind, data: bytes) -> list[Any]:
    """The values of a serialised BytesList, FloatList or Int64List. RecordError if it is none."""
    values: list[Any] = []
    _LISTS[kind](data, 0, len(data), values)
    return values


def _fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end) of each field in data[position:end]; start to end is its value."""
    while position < end:
        # Nearly every tag and most sizes are one byte; a call for each would take half of the time.
        if (tag := data[position]) < 128:
            position += 1
        else:
            tag, position = _read_varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 2:
            if position < end and (size := data[position]) < 128:
                start = position + 1
            else:
                size, start = _read_varint(data, position, end)
            position = start + size
        elif wire_type == 0:
            start = position
            _, position = _read_varint(data, position, end)
        elif wire_type == 5:
            start, position = position, position + 4
        elif wire_type == 1:
            start, position = position, position + 8
        else:
            # 3 and 4 delimit groups, which no version of tf.train.Example has had; 6 and 7 do not exist.
            raise RecordError("not a tf.Example", field="wire type", found=wire_type, expected="0, 1, 2 or 5")
        if not 0 < number < 1 << 29:
            raise RecordError(
                "not a tf.Example", field="field number", found=number, expected="1 to 2**29 - 1"
            )
        if position > end:
            raise RecordError(
                "a tf.Example is cut", found=f"{end - start} bytes", expected=f"{position - start} bytes"
            )
        yield number, wire_type, start, position


def _read_varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """(value modulo 2**64, position after it)."""
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK, position
        shift += 7
        if shift == 70:
            raise RecordError("not a tf.Example: a number of more than ten bytes")
    raise RecordError("a tf.Example is cut in the middle of a number")
