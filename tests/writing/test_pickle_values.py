"""The pickle reader gives what `pickle.load` gives for plain data, and reads what the writer writes."""

from __future__ import annotations

import contextlib
import io
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import PickleError
from annotools.files.whole import whole_file
from annotools.formats.pickling import reader as pickle_reader
from annotools.formats.pickling.opcodes import ByteString
from annotools.formats.pickling.writer import HEADER, Encoder

PICKLES = sorted((Path(__file__).parents[1] / "data" / "pickles").glob("*.pkl"))
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def scalars() -> st.SearchStrategy[Any]:
    text = st.text(st.characters(), max_size=20)  # lone surrogates included
    numbers = st.integers() | st.floats(allow_nan=False) | st.integers(-(2**2100), 2**2100)
    return st.none() | st.booleans() | numbers | text


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.lists(inner, max_size=5).map(tuple)
            | st.dictionaries(st.text(max_size=5), inner, max_size=5)
        ),
        max_leaves=25,
    )


def same(a: Any, b: Any) -> bool:
    """Equality that tells 1, 1.0 and True apart."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    return bool(a == b)


# What is read


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(value=values(scalars() | st.binary(max_size=300) | st.binary(max_size=20).map(bytearray)))
@settings(max_examples=30)
def test_built_in_values(protocol: int, value: Any) -> None:
    if protocol < 5:
        # Before protocol 5 a bytearray needs the global of that name, which is not allowed.
        value = repr(value) if "bytearray(" in repr(value) else value
    assert same(pickle_reader.load(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "f2", "?", "u1", "<i8", ">i2", "c16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (0, 7), (2, 3), (2, 0, 3), (2, 3, 4)])
def test_arrays(protocol: int, dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape, dtype=int)) * 1.5 - 2).reshape(shape).astype(dtype)
    for original in (array, np.asfortranarray(array), array.T):
        got = pickle_reader.load(pickle.dumps([original, original], protocol))
        assert type(got[0]) is np.ndarray
        assert got[0].dtype == original.dtype
        assert got[0].shape == original.shape
        assert got[0].tobytes() == original.tobytes()
        assert got[0].flags.writeable
        assert got[0].flags.f_contiguous == original.flags.f_contiguous
        assert got[0] is got[1]


@pytest.mark.parametrize("path", PICKLES, ids=lambda path: path.stem)
def test_pickles_of_other_stacks(path: Path) -> None:
    with path.open("rb") as file:
        got = pickle_reader.load(file, path=str(path))
    assert sorted(got) == ["café.xml", "frame00001.png", "negative.png"]
    assert {type(key) for key in got} == {str}
    rows = got["frame00001.png"]
    assert rows.tolist() == [[-1 / 720, 0.25, 0.5, 1, 0, 1, 0], [0.1, 0.2, 0.3, 0.4, 1, 0, 0]]
    assert got["negative.png"].shape == (0, 7)
    assert {array.dtype.str for array in got.values()} == {"<f8"}


def test_the_pickles_cover_what_they_should() -> None:
    stacks = {"python2.7-numpy1", "python3.6-numpy1.13", "numpy1.26", "numpy2."}
    assert all(any(stack in path.name for path in PICKLES) for stack in stacks)
    named = b"".join(path.read_bytes() for path in PICKLES)
    for name in (
        b"numpy._core.multiarray",
        b"numpy._core.numeric",
        b"numpy.core.numeric",
        b"__builtin__\nbytes",
    ):
        assert name in named


def binstring(data: bytes) -> bytes:
    return pickle.SHORT_BINSTRING + bytes([len(data)]) + data


def test_text_of_python_2() -> None:
    data = b"(lp0\nS'plain'\naS'caf\\xc3\\xa9'\naS'\\xe9t\\xe9 \"\\n'\naVcaf\xe9\na."
    got = pickle_reader.load(data)
    assert got == ["plain", "café", 'été "\n', "café"]
    assert [text.raw for text in got[:3]] == [b"plain", b"caf\xc3\xa9", b'\xe9t\xe9 "\n']
    assert isinstance(got[0], ByteString)
    assert pickle_reader.load(b"}" + binstring(b"caf\xc3\xa9") + b"K\x01s.") == {"café": 1}
    assert pickle_reader.load(b"(I01\nI00\nI7\nL8L\nF0.5\nt.") == (True, False, 7, 8, 0.5)


def test_lists_that_contain_themselves() -> None:
    value: list[Any] = [np.zeros(1)]
    value.append(value)
    got = pickle_reader.load(pickle.dumps(value))
    assert got[1] is got
    assert len(got) == 2


# Streaming


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(
    items=st.lists(values(scalars()), max_size=6),
    header=st.dictionaries(st.text(max_size=3), scalars(), max_size=3),
)
@settings(max_examples=20)
def test_streaming_gives_the_header_and_the_items(
    protocol: int, items: list[Any], header: dict[str, Any]
) -> None:
    data = pickle.dumps(header | {"items": items}, protocol)
    got = list(pickle_reader.stream(data, "items"))
    assert same(got, [{name: value for name, value in header.items() if name != "items"}, *items])


def test_streaming_holds_one_item_at_a_time() -> None:
    item = Encoder().encode(tuple(number / 7 for number in range(50)))
    data = HEADER + b"}(" + Encoder().encode("items") + b"]" + (item + pickle.APPEND) * 5000 + b"u."
    tracemalloc.start()
    count = sum(1 for _ in pickle_reader.stream(data, "items"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5001
    assert peak < 100_000


@pytest.mark.parametrize(
    "value", [[], {}, {"items": 1}, {"other": []}, {"a": {"items": [1]}}, [{"items": [1]}], None]
)
def test_streaming_something_else(value: Any) -> None:
    with pytest.raises(PickleError, match="no dict with a list under 'items'"):
        list(pickle_reader.stream(pickle.dumps(value), "items"))


def test_no_arrays_in_a_stream() -> None:
    with pytest.raises(PickleError, match="forbidden global"):
        list(pickle_reader.stream(pickle.dumps({"items": [np.zeros(1)]}), "items"))


# Writing


@given(value=values(scalars()))
@settings(max_examples=80)
def test_what_is_written_is_what_pickle_reads(value: Any) -> None:
    data = HEADER + Encoder().encode(value) + pickle.STOP
    assert same(pickle.loads(data), value)  # noqa: S301
    assert same(pickle_reader.load(data), value)


def test_identity_does_not_show_in_the_bytes() -> None:
    one = "".join(["a", "b", "c"])
    other = "".join(["a", "b", "c"])
    assert one is not other
    shared, apart = [(one, one), {one: one}], [(one, other), {other: one}]
    assert pickle.dumps(shared) != pickle.dumps(apart)
    assert Encoder().encode(shared) == Encoder().encode(apart)


def test_keys_are_written_once_and_many_are_possible() -> None:
    encoder = Encoder()
    row = {f"a rather long key {number}": number for number in range(700)}
    first, second = encoder.encode(row), encoder.encode(row)
    assert len(second) < len(first) / 3
    data = HEADER + b"(" + first + second + b"l."
    assert pickle.loads(data) == [row, row] == pickle_reader.load(data)  # noqa: S301


class OwnText(str):
    pass


@pytest.mark.parametrize("value", [b"x", {1}, 1j, np.float64(1), OwnText("x"), object()])
def test_only_built_in_types_are_written(value: Any) -> None:
    with pytest.raises(PickleError, match="cannot be written"):
        Encoder().encode([value])


def test_a_failed_file_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"before")
    with contextlib.suppress(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half")
        _ = 1 / 0
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.pkl", b"before")]
    with whole_file(path) as file:
        file.write(b"after")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.pkl", b"after")]


def test_reading_needs_numpy_only_for_arrays() -> None:
    code = (
        "import pickle, sys; from annotools.formats.pickling import reader;"
        "reader.load(pickle.dumps({'a': [1, 'x']})); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_is_read_from_where_it_is() -> None:
    file = io.BytesIO(b"skip" + pickle.dumps([1]))
    file.seek(4)
    assert pickle_reader.load(file) == [1]
