"""Records on disk against plain lists: the same whatever fits in memory, in one process and in others."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.errors import OutputError
from annotools.sources import spool
from annotools.sources.spool import (
    SortedSpool,
    Sorter,
    Spool,
    SpoolLostError,
    decode,
    encode,
    groups,
    join,
    merge,
)

EVERYTHING_FITS, NOTHING_FITS = 1 << 20, 60
memories = st.sampled_from([EVERYTHING_FITS, 700, NOTHING_FITS])
# few different bytes, so that records are equal, or begin alike, often enough
records = st.lists(st.binary(max_size=6).map(lambda data: bytes(b"\0\1ab\xfe"[byte % 5] for byte in data)))
fields = st.lists(st.tuples(st.text("ab~\u00e9", max_size=2), st.text("ab", max_size=1)))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_CHUNK", 16)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def many() -> list[bytes]:
    return [b"%d" % (number * 7919 % 1000) for number in range(1000)]


@settings(max_examples=30)
@given(records, memories)
def test_a_spool_is_a_list(found: list[bytes], memory: int) -> None:
    kept = Spool(found[:3], memory=memory)
    assert list(kept) == found[:3]
    kept.extend(iter(found[3:]))
    assert len(kept) == len(found)
    assert list(kept) == list(kept) == found
    kept.append(b"last")
    assert list(zip(kept, kept, strict=True)) == [(one, one) for one in [*found, b"last"]]
    copy = pickle.loads(pickle.dumps(kept))  # noqa: S301  # our own bytes
    assert list(copy) == list(kept)
    assert not copy.is_lost()


@settings(max_examples=30)
@given(records, memories)
def test_a_sorter_sorts(found: list[bytes], memory: int) -> None:
    ordered = Sorter(found, memory=memory)
    assert list(ordered) == list(ordered) == sorted(found)
    ordered.append(b"aa")
    assert list(ordered) == sorted([*found, b"aa"])


@settings(max_examples=30)
@given(st.lists(records, max_size=4), memories)
def test_merging_is_sorting_what_is_sorted(parts: list[list[bytes]], memory: int) -> None:
    spools = [Spool(sorted(part), memory=memory) for part in parts]
    assert list(merge(*spools)) == sorted(record for part in parts for record in part)


@settings(max_examples=30)
@given(records, st.binary(max_size=2))
def test_records_are_found_by_how_they_begin(found: list[bytes], start: bytes) -> None:
    table = SortedSpool(Sorter(found, memory=NOTHING_FITS))
    for wanted in (start, *found):
        assert list(table.starting_with(wanted)) == sorted(one for one in found if one.startswith(wanted))


def keyed(pairs: list[tuple[str, str]]) -> list[bytes]:
    return sorted(encode(f"{key}\0{rest}") for key, rest in pairs)


@settings(max_examples=30)
@given(fields, fields)
def test_joining_is_looking_up(left: list[tuple[str, str]], right: list[tuple[str, str]]) -> None:
    ours = [(key, [rest for _, rest in found]) for key, found in groupby(sorted(left), lambda pair: pair[0])]
    assert [(decode(key), list(map(decode, rests))) for key, rests in groups(keyed(left))] == ours
    expected = [(key, rests, sorted(rest for one, rest in right if one == key)) for key, rests in ours]
    assert [
        (decode(key), list(map(decode, one)), list(map(decode, other)))
        for key, one, other in join(keyed(left), keyed(right))
    ] == expected


@given(st.lists(st.text(st.characters(codec="utf-8") | st.characters(categories=["Cs"]))))
def test_encoded_texts_sort_as_texts(texts: list[str]) -> None:
    assert [decode(record) for record in sorted(map(encode, texts))] == sorted(texts)
    assert not any(b"\xff" in encode(text) for text in texts)


def test_files_have_no_names(temporary: Path) -> None:
    ordered = Sorter(many(), memory=2000)
    kept = Spool(ordered, memory=2000)
    assert list(temporary.iterdir()) == []
    assert list(kept) == sorted(many())


def test_few_records_make_no_file(temporary: Path) -> None:
    temporary.rmdir()  # a file could not be made
    assert list(Spool(Sorter(many()))) == sorted(many())
    with pytest.raises(OutputError, match="temporary file cannot be written: No such file"):
        Sorter(many(), memory=2000)


FULL = """
import resource
from annotools.errors import OutputError
from annotools.sources.spool import Spool
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Spool((b"%099d" % number for number in range(2000)), memory=0)
except OutputError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_that_says_where() -> None:
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True)
    assert tempfile.gettempdir() in done.stdout
    assert "a temporary file cannot be written: File too large" in done.stdout


def test_a_fork_and_its_parent_read_at_once() -> None:
    kept = Spool(many(), memory=NOTHING_FITS)
    ours = iter(kept)
    assert next(ours) == many()[0]
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(list(kept)))
    child.start()
    assert receiver.recv() == many()
    child.join()
    assert list(ours) == many()[1:]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not show open files")
def test_another_process_reads_the_file_of_this_one() -> None:
    kept = Spool(many(), memory=NOTHING_FITS)
    data = pickle.dumps(kept)
    assert len(data) < 8 * 1000 + 500  # the places of the chunks, which are tiny here, and not the records
    code = "import pickle, sys; kept = pickle.load(sys.stdin.buffer); print(kept.is_lost(), len(list(kept)))"
    found = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert found.stdout.split() == [b"False", b"1000"]


def test_a_file_that_is_gone_is_lost_and_no_other_is_taken_for_it() -> None:
    kept = Spool(many(), memory=NOTHING_FITS)
    data = pickle.dumps(kept)
    del kept
    other = Spool(many(), memory=NOTHING_FITS)  # gets the same descriptor, and often the same inode
    copy = pickle.loads(data)  # noqa: S301  # our own bytes
    assert copy.is_lost()
    assert not other.is_lost()
    with pytest.raises(SpoolLostError, match="gone"):
        list(copy)


def test_merging_reads_little_at_a_time() -> None:
    """Of each run one block, and no block before it is needed."""
    read = []

    def run(name: str, start: int) -> Iterator[list[bytes]]:
        for number in range(start, start + 50, 10):
            read.append((name, number))
            yield [b"%03d" % one for one in range(number, number + 10)]

    merged = spool.merge_blocks([run("a", 0), run("b", 100), run("c", 5)])
    first = next(merged)
    assert first == sorted(first)
    assert read == [("a", 0), ("b", 100), ("c", 5), ("a", 10)]
    rest = [record for block in merged for record in block]
    assert first + rest == sorted(b"%03d" % (start + n) for start in (0, 100, 5) for n in range(50))
    assert bisect_left(rest, b"100") > 0
