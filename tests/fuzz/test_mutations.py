"""Real files, damaged: what `make fuzz` does for an hour, for seconds, and with what it has found before."""

from __future__ import annotations

import runpy
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
CASES = HERE.parent / "data" / "fuzz"
TARGETS = ("images", "voc", "tfrecord", "pickle")
TOKENS = (
    *(b"<object>", b"</object>", b"<name>", b"</name>", b"<bndbox>", b"<xmin>", b"<size>", b"<part>"),
    *(b"<a b='c'/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&lt;", b"&#0;", b"&#x10ffff;", b"&x;"),
    *(b"<!DOCTYPE a>", b"<?xml?>", b"1e999", b"-0", b"nan", b"1_0", b"\xef\xbb\xbf", b"\xff\xfe", b"\0"),
    *(b"\r\n", "０".encode(), b" " * 40, b"(", b"]", b"}", b"l.", b"2", b"\x85", b"\x87", b"u", b"h\0"),
    *(b"r\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 8, b"\x80\x05", b"cos\nsystem\n", b"R", b"\x93"),
    *(b"\x95" + b"\xff" * 8, b"\xff\xd8", b"\xff\xe1", b"II*\0"),
)
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


@cache
def check_of(target: str) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = runpy.run_path(str(HERE / f"fuzz_{target}.py"))["check"]
    return check


@cache
def seeds(target: str) -> list[bytes]:
    found = [file.read_bytes() for file in sorted((HERE / "corpus" / target).iterdir())]
    assert len(found) > 5
    return found


def mutated(draw: st.DrawFn, data: bytes, others: list[bytes]) -> bytes:
    """One bit, one number, one token, one piece of another file, one piece twice, or an end."""
    place = draw(st.integers(0, len(data)))
    other: bytes
    match draw(st.sampled_from(["bit", "number", "token", "splice", "repeat", "cut"])):
        case "bit" if place < len(data):
            return data[:place] + bytes([data[place] ^ 1 << draw(st.integers(0, 7))]) + data[place + 1 :]
        case "number":
            size = draw(st.sampled_from([1, 2, 4, 8]))
            value: int = draw(st.sampled_from(NUMBERS)) % 256**size
            return (
                data[:place]
                + value.to_bytes(size, draw(st.sampled_from(["little", "big"])))
                + data[place + size :]
            )
        case "token":
            return data[:place] + draw(st.sampled_from(TOKENS)) + data[place + draw(st.integers(0, 9)) :]
        case "splice":
            other = draw(st.sampled_from(others))
            return data[:place] + other[draw(st.integers(0, len(other))) :]
        case "repeat":
            piece = data[place : place + draw(st.integers(1, 200))]
            return data[:place] + piece * draw(st.integers(2, 20)) + data[place:]
    return data[:place]


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    data = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(1, 4))):
        data = mutated(draw, data, seeds(target))
    return data


@pytest.fixture
def no_hanging() -> Iterator[None]:
    """A file of a few hundred kB that keeps a reader busy for half a minute is a finding too."""

    def hangs(*_: object) -> None:
        raise AssertionError("the reader hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files(target: str, data: st.DataObject) -> None:
    check_of(target)(data.draw(damaged(target)))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(target: str, data: bytes) -> None:
    check_of(target)(data)


@pytest.mark.parametrize(
    "file", sorted(CASES.rglob("*.bin")), ids=lambda file: file.relative_to(CASES).as_posix()
)
def test_what_was_found_once(file: Path, no_hanging: None) -> None:
    check_of(file.parent.name)(file.read_bytes())


BOX = b"<annotation><object><name>a</name><bndbox><xmin>%s</xmin></bndbox></object></annotation>"
LARGE = {
    "digits before a letter": BOX % (b"1" * 200_000 + b"x"),
    "attributes": b"<annotation %s/>" % b" ".join(b'a%d=""' % n for n in range(20_000)),
    "attributes of a namespace": b"<annotation xmlns:n='n' %s/>"
    % b" ".join(b'n:a%d=""' % n for n in range(20_000)),
    "depth": b"<annotation>" + b"<a>" * 100_000,
    "objects without end": b"<annotation>" + b"<object>" * 100_000,
    "objects": b"<annotation>" + b"<object/>" * 20_000 + b"</annotation>",
    "names": b"<annotation><object>" + b"<name>a</name>" * 20_000 + b"</object></annotation>",
    "blanks": b"<annotation>" + b" " * 400_000 + b"</annotation>",
    "digits": b"<annotation><size><width>%s</width></size></annotation>" % (b"9" * 200_000),
    "exponent": BOX % (b"1e" + b"9" * 200_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_annotations_take_their_time_and_no_more(name: str, no_hanging: None) -> None:
    check_of("voc")(LARGE[name])


BOMBS = {
    "a list in a list, doubled sixty times": b"\x80\x02]q\x00"
    + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60))
    + b".",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "a long that claims 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a text that claims 2^63 bytes": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.",
    "a frame that claims 2^63 bytes": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",
    "a memo at 2^31": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "depth": b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b".",
    "digits": b"I" + b"1" * 200_000 + b"\n.",
    "a long of digits": b"L" + b"1" * 200_000 + b"L\n.",
    "a shell": b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_pickle_bombs(name: str, no_hanging: None) -> None:
    check_of("pickle")(BOMBS[name])
