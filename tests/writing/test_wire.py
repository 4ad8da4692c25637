"""The wire format against TensorFlow's own messages, in both directions, and against hostile bytes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from itertools import permutations
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import RecordError
from annotools.formats.example import wire
from annotools.formats.example.features import read_features

KEY = "k"
FLOAT32 = st.floats(width=32, allow_nan=False)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
FEATURE = st.one_of(
    st.tuples(st.just("bytes"), st.lists(st.binary(max_size=300), max_size=5)),
    st.tuples(st.just("float"), st.lists(FLOAT32, max_size=40)),
    st.tuples(st.just("int64"), st.lists(INT64, max_size=40)),
)


def feature(kind: str, values: list[Any]) -> Any:
    lists = {
        "bytes": lambda: {"bytes_list": tf.train.BytesList(value=values)},
        "float": lambda: {"float_list": tf.train.FloatList(value=values)},
        "int64": lambda: {"int64_list": tf.train.Int64List(value=values)},
    }
    return tf.train.Feature(**lists[kind]())


def serialise(features: dict[str, tuple[str, list[Any]]]) -> bytes:
    message = {key: feature(kind, values) for key, (kind, values) in features.items()}
    example = tf.train.Example(features=tf.train.Features(feature=message))
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def as_tensorflow_reads(data: bytes) -> dict[str, tuple[str | None, list[Any]]]:
    found: dict[str, tuple[str | None, list[Any]]] = {}
    for key, value in tf.train.Example.FromString(data).features.feature.items():
        member = value.WhichOneof("kind")
        found[key] = (None, []) if member is None else (member[:-5], list(getattr(value, member).value))
    return found


def delimited(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + wire.varint(len(content)) + content


def example_of(*features_of_key: bytes) -> bytes:
    """An Example with one entry for each of these serialised Features, all under the same key."""
    return delimited(
        1, b"".join(delimited(1, delimited(1, KEY.encode()) + delimited(2, f)) for f in features_of_key)
    )


@given(st.dictionaries(TEXT, FEATURE, max_size=6))
@settings(max_examples=80, deadline=None)
def test_what_tensorflow_writes_is_read(features: dict[str, tuple[str, list[Any]]]) -> None:
    assert read_features(serialise(features)) == features


@given(TEXT, FEATURE)
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_what_tensorflow_writes(key: str, content: tuple[str, list[Any]]) -> None:
    kind, values = content
    if kind == "bytes":
        values = [value.decode("latin-1").encode() for value in values]
    written: Any = [value.decode() for value in values] if kind == "bytes" else values
    write = wire.entry_writer(key, kind, "any")  # type: ignore[arg-type]
    expected = serialise({key: (kind, values)})
    for _ in range(2):  # afresh, and from the entries that are kept
        assert delimited(1, write(tuple(written))) == expected
    if len(values) == 1 and kind != "float":
        assert delimited(1, wire.entry_writer(key, kind, 1)(written[0])) == expected  # type: ignore[arg-type]


@given(st.binary(max_size=70000), TEXT, st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_blob_between_other_entries(blob: bytes, text: str, others: int) -> None:
    entries = {f"{side}{i}": ("bytes", [text.encode()]) for side in "az" for i in range(others)}
    write = {key: wire.entry_writer(key, "bytes", 1)(text) for key in entries}
    head, tail = wire.blob_writer("m")(
        len(blob),
        b"".join(entry for key, entry in write.items() if key < "m"),
        b"".join(entry for key, entry in write.items() if key > "m"),
    )
    assert head + blob + tail == serialise({**entries, "m": ("bytes", [blob])})


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 2**35, 2**63, 2**64 - 1])
def test_numbers_of_every_length(number: int) -> None:
    data = example_of(delimited(3, b"\x08" + wire.varint(number)))
    signed = number - 2**64 if number >= 2**63 else number
    assert read_features(data) == as_tensorflow_reads(data) == {KEY: ("int64", [signed])}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([delimited(3, b"\x08\x05\x08\x06")], ("int64", [5, 6])),  # not packed
        ([delimited(3, b"\x08\x05" + delimited(1, b"\x06\x07"))], ("int64", [5, 6, 7])),  # half and half
        ([delimited(2, b"\x0d\x00\x00\x80\x3f")], ("float", [1.0])),  # not packed
        ([delimited(3, b"")], ("int64", [])),
        ([b""], (None, [])),
        ([delimited(3, b"\x08\x05"), delimited(3, b"\x08\x06")], ("int64", [6])),  # the last entry of a key
        ([delimited(3, b"\x08\x05") + delimited(3, b"\x08\x06")], ("int64", [5, 6])),  # one list in two parts
        ([delimited(3, b"\x08\x05") + delimited(1, delimited(1, b"x"))], ("bytes", [b"x"])),  # a oneof
        ([delimited(9, b"??") + b"\x78\x01" + delimited(3, b"\x08\x05")], ("int64", [5])),  # unknown fields
        ([b"\x4b\x08\x01\x4c" + delimited(3, b"\x08\x05")], ("int64", [5])),  # an unknown group
        ([delimited(3, b"\x11" + bytes(8) + b"\x08\x05")], ("int64", [5])),  # an unknown fixed64
    ],
)
def test_quirks_of_the_wire_format(features: list[bytes], expected: tuple[str | None, list[Any]]) -> None:
    data = example_of(*features)
    assert read_features(data) == as_tensorflow_reads(data) == {KEY: expected}


def test_an_entry_may_lack_its_key_or_its_value() -> None:
    data = delimited(
        1, delimited(1, delimited(1, b"k")) + delimited(1, delimited(2, delimited(3, b"\x08\x05")))
    )
    assert read_features(data) == as_tensorflow_reads(data) == {"k": (None, []), "": ("int64", [5])}


VALID = serialise({"a": ("bytes", [b"xyz", b""]), "b": ("float", [1.5, -2.0]), "c": ("int64", [1, -1, 300])})


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_damage_is_seen_as_protobuf_sees_it(data: st.DataObject) -> None:
    damaged = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        found = read_features(bytes(damaged))
    except RecordError:
        with pytest.raises(Exception, match="Error parsing message"):
            tf.train.Example.FromString(bytes(damaged))
    else:
        expected = as_tensorflow_reads(bytes(damaged))
        assert str(sorted(found.items())) == str(sorted(expected.items()))  # NaN is not equal to itself


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(RecordError):
        read_features(data)


@pytest.mark.parametrize("cut", range(1, len(VALID)))
def test_no_cut_goes_unseen(cut: int) -> None:
    with pytest.raises(RecordError):
        read_features(VALID[:cut])


@pytest.mark.parametrize(
    ("data", "message", "field"),
    [
        (b"\x0a\xff\xff\xff\xff\x7f", r"is cut \(found '0 bytes', expected 34359738367 bytes\)", None),
        (VALID[:20], r"is cut \(found '18 bytes', expected", None),
        (b"\x0a" + b"\xff" * 11, "not a tf.Example", None),  # a number of more than ten bytes
        (b"\x0b", "not a tf.Example", None),  # a group without an end
        (b"\x02\x00", "not a tf.Example", None),
        (b"no tf.Example at all", "not a tf.Example", None),
        (example_of(delimited(2, delimited(1, b"\x00" * 7))), "values of a tf.Example are damaged", KEY),
        (example_of(b"\x1a\x05\x0a"), "values of a tf.Example are damaged", KEY),
        (delimited(1, delimited(1, b"\x0a\x09k")), "an entry of a tf.Example is damaged", None),
        (delimited(1, delimited(1, delimited(1, b"\xff") + delimited(2, b""))), "not UTF-8", None),
        (delimited(1, delimited(1, delimited(1, b"\xff") + b"\x12\x01\x0a")), "entry of .* damaged", None),
    ],
)
def test_refusals(data: bytes, message: str, field: str | None) -> None:
    with pytest.raises(RecordError, match=message) as refusal:
        read_features(data)
    assert refusal.value.field == field


@pytest.mark.parametrize("order", list(permutations(["bytes", "float", "int64", "empty", "none"])))
def test_a_key_may_change_its_kind_from_record_to_record(order: tuple[str, ...]) -> None:
    datas: dict[str, bytes] = {
        "bytes": example_of(delimited(1, delimited(1, b"x"))),
        "float": example_of(delimited(2, b"\x0d\x00\x00\x80\x3f")),
        "int64": example_of(delimited(3, b"\x08\x05")),
        "empty": example_of(delimited(3, b"")),
        "none": example_of(b""),
    }
    for name in order:
        assert read_features(datas[name]) == as_tensorflow_reads(datas[name]), name


def test_tensorflow_and_annotools_share_no_messages() -> None:
    """Two definitions of one name in one descriptor pool end the process, in whatever order they come."""
    reading = "import annotools.formats.example.features as f"
    tensorflow_first = f"import tensorflow as tf; {reading}; "
    annotools_first = f"{reading}; f.read_features(b''); import tensorflow as tf; "
    work = "d = tf.train.Example().SerializeToString(); assert f.read_features(d) == {}"
    for start in (tensorflow_first, annotools_first):
        run = subprocess.run([sys.executable, "-c", start + work], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
