"""What a serialised tf.train.Example holds, read by Google's protobuf, without TensorFlow.

    Example  { Features features = 1; }
    Features { map<string, Feature> feature = 1; }      one entry {key = 1, value = 2} for each key
    Feature  { oneof kind { BytesList = 1; FloatList = 2; Int64List = 3; } }

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto and feature.proto.
The messages are declared here in a descriptor pool of their own: TensorFlow registers its own `Example`, and
one pool can hold a name only once. Writing is done by `wire`, which is four times faster than protobuf.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from annotools.errors import RecordError
from annotools.formats.example.wire import Kind

Feature = tuple[Kind | None, list[Any]]

_Column = tuple[
    str, Kind | None, Callable[[Any], Any]
]  # key, kind, and a function from an entry to its values

_KEPT: Final = 1024
_VALUES_OF: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "bytes": attrgetter("value.bytes.value"),
    "float": attrgetter("value.float.value"),
    "int64": attrgetter("value.int64.value"),
}


def read_features(data: bytes) -> dict[str, Feature]:
    """What a serialised Example holds: {key: (kind, values)}; kind is None for a Feature that has no list.

    Protobuf reads it: values packed or not, fields that it does not know skipped. A key given twice is taken
    from its last entry. RecordError for anything that is no Example; `field` is the key of a damaged entry.
    """
    messages = _messages()
    try:
        entries = messages.example(data).features.feature
    except messages.error:
        raise _reason(data, messages) from None
    found: dict[str, Feature] = {}
    for entry in entries:
        key = entry.key
        name, kind, values_of = _columns.get(key) or _add_column(key, "bytes")
        values = values_of(entry)[:]
        if not values and (kind := entry.value.WhichOneof("kind")):  # none, or they are of another kind now
            values = _add_column(key, kind)[2](entry)[:]
        found[name] = kind, values
    return found


_columns: Final[dict[bytes, _Column]] = {}
"""What the keys were in earlier records. Records are alike, and asking each value for its kind takes as long
as reading it."""


def _add_column(key: bytes, kind: Kind) -> _Column:
    try:
        name = key.decode()
    except UnicodeDecodeError:
        raise RecordError("a key of the tf.Example is not UTF-8", found=key) from None
    if len(_columns) >= _KEPT:  # no file can fill the memory with keys
        _columns.clear()
    _columns[key] = name, kind, _VALUES_OF[kind]
    return _columns[key]


def _reason(data: bytes, messages: _Messages) -> RecordError:
    """Why protobuf refuses `data`, which it does not say: the first entry that it refuses is looked for."""
    try:
        entries = messages.unread_entries(data).features.feature
    except messages.error:
        return _cut(data) or RecordError("not a tf.Example", found=data)
    entry = b""
    for entry in entries:
        try:
            messages.entry(entry)
        except messages.error:
            break
    try:
        key = messages.key(entry).key.decode()
    except (messages.error, UnicodeDecodeError):
        return RecordError(
            "an entry of a tf.Example is damaged", found=entry, expected="a key and its values"
        )
    return RecordError("the values of a tf.Example are damaged", field=key, found=f"{len(entry)} bytes")


def _cut(data: bytes) -> RecordError | None:
    """A record that is cut begins with a size that is larger than what follows."""
    size = 0
    for place, byte in enumerate(data[1:11]):
        size |= (byte & 127) << 7 * place
        left = len(data) - place - 2
        if byte < 128:
            if size > left and data[0] == 10:  # the tag of `features`
                return RecordError("a tf.Example is cut", found=f"{left} bytes", expected=f"{size} bytes")
            break
    return None


class _Messages(NamedTuple):
    """Functions that parse messages, and what they raise.

    unread_entries   an Example whose entries are bytes, which is the same on the wire
    key              an entry whose value is not read
    """

    example: Callable[[bytes], Any]
    unread_entries: Callable[[bytes], Any]
    entry: Callable[[bytes], Any]
    key: Callable[[bytes], Any]
    error: type[Exception]


@functools.cache
def _messages() -> _Messages:
    """Protobuf is imported here, when the first record is read: conversion does without it.

    The map is declared as what it is on the wire, a list of entries, which is read faster. Keys are bytes, so
    that one that is not UTF-8 can be named.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    repeated, optional = field.LABEL_REPEATED, field.LABEL_OPTIONAL
    file = descriptor_pb2.FileDescriptorProto(name="annotools.proto", package="annotools", syntax="proto3")

    def declare(name: str, *fields: dict[str, Any]) -> Any:
        numbered = [{"label": optional, "number": n, **one} for n, one in enumerate(fields, 1)]
        return file.message_type.add(name=name, field=[field(**one) for one in numbered])

    def holding(name: str, message: str) -> dict[str, Any]:
        return {"name": name, "type": field.TYPE_MESSAGE, "type_name": f".annotools.{message}"}

    lists = {"bytes": field.TYPE_BYTES, "float": field.TYPE_FLOAT, "int64": field.TYPE_INT64}
    for kind, type_of_value in lists.items():
        declare(f"List_{kind}", {"name": "value", "type": type_of_value, "label": repeated})
    members = [holding(kind, f"List_{kind}") | {"oneof_index": 0} for kind in lists]
    declare("Feature", *members).oneof_decl.add(name="kind")
    key = {"name": "key", "type": field.TYPE_BYTES}
    declare("Key", key)
    declare("Entry", key, holding("value", "Feature"))
    declare("Features", holding("feature", "Entry") | {"label": repeated})
    declare("Example", holding("features", "Features"))
    declare("UnreadFeatures", {"name": "feature", "type": field.TYPE_BYTES, "label": repeated})
    declare("UnreadExample", holding("features", "UnreadFeatures"))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())

    def parser(name: str) -> Any:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"annotools.{name}")).FromString

    return _Messages(
        example=parser("Example"),
        unread_entries=parser("UnreadExample"),
        entry=parser("Entry"),
        key=parser("Key"),
        error=message.DecodeError,
    )
