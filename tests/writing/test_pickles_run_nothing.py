"""The pickle reader runs nothing, and takes no more memory than the bytes of the file."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import os
import pickle
import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import PickleError
from annotools.formats.pickling import reader as pickle_reader

PICKLES = sorted((Path(__file__).parents[1] / "data" / "pickles").glob("*.pkl"))
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def touch(path: Path) -> Calls:
    return Calls(os.system, (f"touch {path}",))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_call_is_refused_and_not_made(tmp_path: Path, protocol: int) -> None:
    attack = pickle.dumps({"a": [touch(tmp_path / "touched")]}, protocol)
    for read in (pickle_reader.load, lambda data, path: list(pickle_reader.stream(data, "a", path=path))):
        with pytest.raises(PickleError, match=r"system") as caught:
            read(attack, path="x.pkl")
        assert caught.value.path == "x.pkl"
    assert not (tmp_path / "touched").exists()
    pickle.loads(attack)  # noqa: S301  # the attack itself works
    assert (tmp_path / "touched").exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (eval, "eval"),
        (getattr, "getattr"),
        (collections.OrderedDict(a=1), "OrderedDict"),
        (np.float64(1), "scalar"),
        (np.array([None, "x"], object), "'O8'"),
        (np.array(["x"]), "'U1'"),
        (np.array([b"x"]), "'S1'"),
        (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "'V12'"),
        (np.array(["2020-01-01"], "M8[D]"), "M8"),
        (np.dtype("O"), "'O8'"),
        (np.ma.masked_array([1.0], [True]), "_mareconstruct"),
        (np.lib.format.open_memmap, "open_memmap"),
        (complex(1, 2), "complex"),
        (range(3), "range"),
        (Path("x"), "Path"),
        (Fraction(1, 2), "Fraction"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_other_globals(value: Any, named: str, protocol: int) -> None:
    with pytest.raises(PickleError) as caught:
        pickle_reader.load(pickle.dumps([value], protocol))
    assert named in str(caught.value)


def test_a_memory_map_is_read_as_an_array_of_nothing_else(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "m", np.float64, "w+", shape=(2,))
    with pytest.raises(PickleError, match="memmap"):
        pickle_reader.load(pickle.dumps(mapped))


def text(value: str) -> bytes:
    return pickle.BINUNICODE + struct.pack("<I", len(value.encode())) + value.encode()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
NDARRAY = b"cnumpy\nndarray\n"
FROMBUFFER = b"cnumpy._core.numeric\n_frombuffer\n"
ENCODE = b"c_codecs\nencode\n"
BYTES = b"c__builtin__\nbytes\n"
EMPTY = RECONSTRUCT + NDARRAY + b"K\x00\x85C\x01b\x87R"
DTYPE = b"cnumpy\ndtype\n" + text("f8") + b"K\x00K\x01\x87R"
ENDIAN = b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def state(shape: bytes, dtype: bytes = DTYPE + ENDIAN, raw: bytes = b"C\x08" + bytes(8)) -> bytes:
    return b"(K\x01" + shape + dtype + b"\x89" + raw + b"tb"


def test_the_hand_made_array_is_sound() -> None:
    assert pickle_reader.load(EMPTY + state(b"K\x01\x85") + b".").tolist() == [0.0]
    assert (
        pickle_reader.load(
            FROMBUFFER + b"(C\x08" + bytes(8) + DTYPE + ENDIAN + b"K\x01\x85" + text("C") + b"tR."
        )
        == 0
    )


HUGE = b"\x8a\x05" + (2**32).to_bytes(5, "little")
ATTACKS = {
    "stack-global": ("os.system", b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
    "stack-global-not-text": ("a global without a name", b"\x80\x04K\x01K\x02\x93."),
    "module-of-an-allowed-name": (
        "numpy.core.multiarray.fromstring",
        b"cnumpy.core.multiarray\nfromstring\n.",
    ),
    "dotted-name": ("numpy.ndarray.__class__", b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93."),
    "instance": ("os.system", b"(ios\nsystem\n."),
    "instance-of-an-allowed-name": ("INST", b"(inumpy\nndarray\n."),
    "object": ("OBJ", b"(cnumpy\nndarray\no."),
    "new-object": ("NEWOBJ", NDARRAY + b")\x81."),
    "new-object-with-keywords": ("NEWOBJ_EX", NDARRAY + b")}\x92."),
    "extension-code": ("EXT1", b"\x82\x01."),
    "persistent-id": ("PERSID", b"Pabc\n."),
    "binary-persistent-id": ("BINPERSID", b"K\x01Q."),
    "out-of-band-buffer": ("NEXT_BUFFER", b"\x80\x05\x97."),
    "set": ("EMPTY_SET", b"\x8f."),
    "protocol-6": ("unknown pickle protocol", b"\x80\x06N."),
    "bare-global": ("neither built-in nor an array", NDARRAY + b"."),
    "bare-dtype": ("neither built-in nor an array", DTYPE + b"."),
    "array-without-content": ("neither built-in nor an array", EMPTY + b"."),
    "global-in-a-list": ("neither built-in nor an array", b"](" + NDARRAY + b"e."),
    "global-in-a-nested-tuple": ("neither built-in nor an array", b"}" + text("a") + NDARRAY + b"\x85\x85s."),
    "dtype-as-key": ("neither text nor number", b"}" + DTYPE + b"Ns."),
    "array-before-its-content-in-a-list": (
        "neither built-in nor an array",
        EMPTY + b"q\x000]h\x00ah\x00" + state(b"K\x01\x85") + b"\x86.",
    ),
    "content-given-twice": (
        "an object with unusual state",
        EMPTY + state(b"K\x01\x85") + state(b"K\x01\x85") + b".",
    ),
    "state-of-a-list": ("an object with unusual state", b"]}b."),
    "state-of-a-global": ("an object with unusual state", ENCODE + b"}" + text("x") + b"Nsb."),
    "state-of-ndarray-itself": (
        "an object with unusual state",
        NDARRAY + b"}" + text("__reduce__") + b"Nsb.",
    ),
    "call-of-text": ("a call of something that is not a global", text("eval") + b")R."),
    "call-of-ndarray": ("a call of ndarray with unusual", NDARRAY + b"K\x03\x85\x85R."),
    "call-of-bytes-with-a-size": ("a call of bytes with unusual", BYTES + HUGE + b"\x85R."),
    "reconstruct-with-a-shape": (
        "a call of _reconstruct with unusual",
        RECONSTRUCT + NDARRAY + HUGE + b"\x85C\x01b\x87R.",
    ),
    "reconstruct-of-dtype": (
        "a call of _reconstruct with unusual",
        RECONSTRUCT + b"cnumpy\ndtype\nK\x00\x85C\x01b\x87R.",
    ),
    "encode-with-another-codec": (
        "a call of encode with unusual",
        ENCODE + text("x") + text("zlib") + b"\x86R.",
    ),
    "encode-with-three-arguments": (
        "a call of encode with unusual",
        ENCODE + text("x") + text("latin1") + text("ignore") + b"\x87R.",
    ),
    "encode-what-latin1-lacks": ("damaged pickle", ENCODE + text("€") + text("latin1") + b"\x86R."),
    "encode-bytes": ("a call of encode with unusual", ENCODE + b"C\x01x" + text("latin1") + b"\x86R."),
    "dtype-of-objects": (
        "an array that does not hold numbers",
        b"cnumpy\ndtype\n" + text("O8") + b"K\x00K\x01\x87R.",
    ),
    "dtype-with-alignment": (
        "a call of dtype with unusual",
        b"cnumpy\ndtype\n" + text("f8") + b"K\x01K\x01\x87R.",
    ),
    "dtype-of-a-list": (
        "a call of dtype with unusual",
        b"cnumpy\ndtype\n](" + text("O") + b"eK\x00K\x01\x87R.",
    ),
    "dtype-with-fields": (
        "an object with unusual state",
        DTYPE + b"(K\x03" + text("<") + b"N)}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
    ),
    "dtype-with-a-flag": (
        "an object with unusual state",
        DTYPE + ENDIAN.replace(b"K\x00tb", b"K\x3ftb") + b".",
    ),
    "huge-shape": ("an array of the wrong size", EMPTY + state(HUGE + b"\x85") + b"."),
    "shape-beyond-64-bits": (
        "the shape of an array",
        EMPTY + state(b"K\x00\x8a\x10" + b"\x7f" * 16 + b"\x86", raw=b"C\x00") + b".",
    ),
    "negative-shape": ("the shape of an array", EMPTY + state(b"J\xff\xff\xff\xff\x85") + b"."),
    "shape-of-booleans": ("the shape of an array", EMPTY + state(b"\x88\x85") + b"."),
    "shape-that-is-a-list": ("the shape of an array", EMPTY + state(b"](K\x01e") + b"."),
    "shape-of-33-dimensions": ("the shape of an array", EMPTY + state(b"(" + b"K\x01" * 33 + b"t") + b"."),
    "too-few-bytes": ("an array of the wrong size", EMPTY + state(b"K\x02\x85") + b"."),
    "too-many-bytes": ("an array of the wrong size", EMPTY + state(b")", raw=b"C\x10" + bytes(16)) + b"."),
    "bytes-that-are-text": ("an array without bytes", EMPTY + state(b"K\x01\x85", raw=text("x" * 8)) + b"."),
    "huge-text": ("it ends too early", b"X\xff\xff\xff\xff."),
    "huge-text-8": ("it ends too early", b"\x8d" + b"\xff" * 8 + b"."),
    "huge-bytes": ("it ends too early", b"\x8e" + struct.pack("<Q", 2**40) + b"."),
    "huge-bytes-beyond-64-bits": ("it ends too early", b"\x8e" + b"\xff" * 8 + b"."),
    "huge-bytearray": ("it ends too early", b"\x96" + struct.pack("<Q", 2**40) + b"."),
    "huge-python-2-string": ("it ends too early", b"T\xff\xff\xff\x7f."),
    "negative-python-2-string": ("it ends too early", b"T\xff\xff\xff\xff."),
    "huge-int": ("it ends too early", b"\x8b\xff\xff\xff\x7f."),
    "negative-size-of-an-int": ("it ends too early", b"\x8b\xff\xff\xff\xff."),
    "long-decimal": ("damaged pickle", b"I" + b"9" * 100_000 + b"\n."),
    "huge-frame": ("it ends too early", b"\x80\x04\x95" + b"\xff" * 7),
    "unhashable-key": ("neither text nor number", b"}]Ns."),
    "tuple-as-key": ("neither text nor number", b"})Ns."),
    "odd-number-of-items": ("damaged pickle", b"}(NNNu."),
    "append-to-a-dict": ("items appended to something that is no list", b"}Na."),
    "set-item-of-a-list": ("items set in something that is no dict", b"]NNs."),
    "unknown-memo-entry": ("not a pickle", b"h\x00."),
    "unknown-opcode": ("not a pickle", b"\xff."),
    "text-that-is-not-utf-8": ("damaged pickle", b"X\x01\x00\x00\x00\xff."),
    "no-mark": ("damaged pickle", b"Nt."),
    "values-taken-below-a-mark": ("damaged pickle", b"N(0t."),
    "values-taken-below-an-open-mark": ("more values taken than there are", b"NN(\x860t."),
    "nothing-on-the-stack": ("it ends with unfinished values", b"."),
    "two-on-the-stack": ("it ends with unfinished values", b"NN."),
    "open-mark": ("it ends with unfinished values", b"N(."),
    "no-stop": ("not a pickle", b"N"),
    "empty": ("not a pickle", b""),
    "bytes-after-the-end": ("bytes after its end", b"N.N"),
    "duplicate": ("DUP", b"N2t."),
    "unknown-escape": ("damaged", b"S'a\\q'\n."),
    "quotes-that-differ": ("a string without quotes", b"S'a\"\n."),
    "xml": ("not a pickle", b"<annotation/>"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name: str) -> None:
    reason, data = ATTACKS[name]
    with pytest.raises(PickleError) as caught:
        pickle_reader.load(data)
    assert reason in str(caught.value)


def test_extension_codes_are_refused_even_when_they_are_cached() -> None:
    # CPython's Unpickler takes a cached extension without asking find_class.
    copyreg.add_extension("collections", "OrderedDict", 0xF0)
    try:
        data = pickle.dumps(collections.OrderedDict, 2)
        assert pickle.loads(data) is collections.OrderedDict  # noqa: S301
        with pytest.raises(PickleError, match="EXT1"):
            pickle_reader.load(data)
    finally:
        copyreg.remove_extension("collections", "OrderedDict", 0xF0)


# Bounded memory and depth

BOMBS = {
    "memo-index": b"N" + b"r" + b"\xff" * 4 + b".",
    "memo-index-in-text": b"Np" + b"9" * 1000 + b"\n.",
    "array-copies": b"](" + b"B" + struct.pack("<I", 80_000) + bytes(80_000) + b"q\x00"
    + DTYPE + ENDIAN + b"q\x01" + (EMPTY + b"(K\x01M\x10\x27\x85h\x01\x89h\x00tb") * 1000 + b"e.",
    "encoded-copies": ENCODE + b"q\x00" + text("x" * 100_000) + b"q\x01" + text("latin1")
    + b"q\x02(" + b"h\x00h\x01h\x02\x86R" * 10_000 + b"t.",
    "huge-bytes": ATTACKS["huge-bytes"][1],
    "huge-shape": ATTACKS["huge-shape"][1],
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_memory_is_bounded_by_the_size_of_the_file(name: str) -> None:
    data = BOMBS[name]
    tracemalloc.start()
    with contextlib.suppress(PickleError):
        pickle_reader.load(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000 + 30 * len(data)


def test_the_copies_are_refused() -> None:
    for name in ("array-copies", "encoded-copies"):
        with pytest.raises(PickleError, match="more bytes than it has"):
            pickle_reader.load(BOMBS[name])


@pytest.mark.parametrize(("before", "after"), [(b"", b"\x85"), (b"(", b"l")], ids=["tuples", "lists"])
def test_deep_nesting(before: bytes, after: bytes) -> None:
    deep = before * 100_000 + b"N" + after * 100_000
    assert isinstance(pickle_reader.load(deep + b"."), list | tuple)
    # With a global in the file, the result is gone through.
    assert pickle_reader.load(EMPTY + state(b"K\x01\x85") + deep + b"\x86.")[0].shape == (1,)
    # hash() of a deeply nested tuple overflows the C stack.
    with pytest.raises(PickleError, match="key"):
        pickle_reader.load(b"}" + deep + b"Ns.")


def test_shared_tuples_are_gone_through_once() -> None:
    doubled = EMPTY + state(b"K\x01\x85") + b"q\x00h\x00\x86q\x01h\x01\x86" * 60 + b"."
    assert len(pickle_reader.load(doubled)) == 2


@given(st.data())
@settings(max_examples=150)
def test_damage_gives_a_pickle_error(data: st.DataObject) -> None:
    sound = PICKLES[data.draw(st.integers(0, len(PICKLES) - 1))].read_bytes()
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(PickleError):
        pickle_reader.load(bytes(damaged))
    with contextlib.suppress(PickleError):
        list(pickle_reader.stream(bytes(damaged), "a"))


@given(
    st.lists(
        st.sampled_from([bytes([code]) for code in range(256)] + [EMPTY, DTYPE, ENDIAN, text("x")]),
        max_size=40,
    )
)
@settings(max_examples=150)
def test_any_opcodes_give_a_value_or_a_pickle_error(opcodes: list[bytes]) -> None:
    with contextlib.suppress(PickleError):
        pickle_reader.load(b"".join(opcodes) + b".")


@pytest.mark.parametrize("path", PICKLES[:3] + PICKLES[-3:], ids=lambda path: path.stem)
def test_every_truncation_gives_a_pickle_error(path: Path) -> None:
    data = path.read_bytes()
    for size in range(len(data)):
        with pytest.raises(PickleError):
            pickle_reader.load(data[:size])


def test_line_ends_that_were_changed_are_no_attack(tmp_path: Path) -> None:
    """Protocol 0 is lines of text; git and FTP in text mode have turned LF into CRLF."""
    data = pickle.dumps({"a.jpg": np.zeros((1, 5))}, protocol=0).replace(b"\n", b"\r\n")
    with pytest.raises(PickleError, match="the line ends of a pickle were changed"):
        pickle_reader.load(data)
