"""Catalogues in memory and on disk: the same pairs, in threads, after a fork and in other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from annotools.errors import OutputError
from annotools.files.system import can_fork
from annotools.sources import catalogue
from annotools.sources.source import Pair, Source, open_source

MANY = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """VOC with 300 pairs and one file of each kind alone; names in and outside of ASCII, and not UTF-8."""
    stems = [f"{kind}{number:03}" for number in range(MANY // 3) for kind in ("img", "图", "\udcff")]
    root = tmp_path / "voc"
    for name, extension, more in (("Annotations", "xml", "lone xml"), ("JPEGImages", "jpg", "lone jpg")):
        (root / name).mkdir(parents=True)
        for stem in [*stems, more]:
            (root / name / f"{stem}.{extension}").write_bytes(b"<annotation/>")
    return root


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "IN_MEMORY", 10)
    monkeypatch.setattr(catalogue, "CACHE", 4 << 10)


def names_of(source: Source) -> list[Pair]:
    return list(source.pairs())


def test_the_same_pairs_on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = names_of(open_source(folder))
    assert len(small) == MANY + 2
    assert [pair.id for pair in small] == sorted(pair.id for pair in small)
    assert sum(pair.id.startswith("\\udcff") for pair in small) == MANY // 3
    monkeypatch.setattr(catalogue, "IN_MEMORY", 10)
    monkeypatch.setattr(catalogue, "CACHE", 4 << 10)
    source = open_source(folder)
    assert names_of(source) == small
    assert source.issues() == open_source(folder).issues()


OPENED = """
import os, sys
from annotools.sources import catalogue
from annotools.sources.source import open_source
catalogue.IN_MEMORY, catalogue.CACHE = 10, 4 << 10
source = open_source(sys.argv[1])
numbers = os.listdir("/proc/self/fd")[:-1]
print(*(os.readlink(f"/proc/self/fd/{number}") for number in numbers), sep="|", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked for in /proc")
def test_a_large_catalogue_is_a_file_without_a_name(folder: Path, tmp_path: Path) -> None:
    """So that nothing is left of it when the process is killed."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", OPENED, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    with process:
        assert process.stdout is not None
        opened = process.stdout.readline().rstrip().split("|")
        assert [one for one in opened if one.startswith(f"{temporary}/") and one.endswith(" (deleted)")]
        assert list(temporary.iterdir()) == []
        process.kill()
    assert list(temporary.iterdir()) == []


FULL = """
import resource, sys
from annotools.errors import OutputError
from annotools.sources import catalogue
from annotools.sources.source import open_source
catalogue.IN_MEMORY, catalogue.CACHE = 10, 4 << 10
resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, 8 << 10))
try:
    open_source(sys.argv[1])
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit of file sizes")
def test_a_full_disk_is_an_error_that_says_where(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.stdout.startswith(f"{tmp_path}: a temporary file cannot be written: ")
    assert "TMPDIR says where" in done.stdout


def test_a_temporary_folder_that_cannot_be_written(on_disk: None) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot be written: unable to open database file"),
        catalogue.trouble(),
    ):
        catalogue.connect("/nowhere/at/all")


def test_threads_read_at_once(folder: Path, on_disk: None) -> None:
    source = open_source(folder)
    expected = names_of(source)
    for _ in range(20):  # with one statement for all threads some rounds of Python 3.13 lose rows
        found: list[list[Pair]] = []
        threads = [threading.Thread(target=lambda: found.append(names_of(source))) for _ in range(4)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [expected] * 4


def test_a_connection_closes_itself(folder: Path, on_disk: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)  # what Python 3.13 says of one that is left open
        source = open_source(folder)
        connection = source.catalogue.connection
        names_of(source)
        del source
        connection.__del__()  # type: ignore[attr-defined]
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


@pytest.mark.skipif(not can_fork(), reason="this system, or this process, cannot fork")
@pytest.mark.parametrize("limit", [catalogue.IN_MEMORY, 10])
def test_a_fork_and_its_parent_read_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(catalogue, "IN_MEMORY", limit)
    source = open_source(folder)
    before = source.catalogue
    expected = names_of(source)
    ours = source.pairs()
    first = next(ours)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send((names_of(source), source.catalogue is before)))
    child.start()
    found = receiver.recv()
    child.join()
    # a file of SQLite must not be read after a fork: positions and locks would be shared
    assert found == (expected, limit > MANY)
    assert [first, *ours] == expected


def test_a_copy_of_a_small_source_has_its_pairs(folder: Path) -> None:
    """Another process does not look for files again, some of which may have come or gone."""
    source = open_source(folder)
    expected, issues = names_of(source), source.issues()
    data = pickle.dumps(source)
    shutil.rmtree(folder)
    copy = pickle.loads(data)  # noqa: S301  # our own bytes
    assert (names_of(copy), copy.issues()) == (expected, issues)
    assert names_of(pickle.loads(pickle.dumps(copy))) == expected  # noqa: S301


def test_a_copy_of_a_large_source_lists_anew(folder: Path, on_disk: None) -> None:
    source = open_source(folder)
    data = pickle.dumps(source)
    assert len(data) < 2000
    (folder / "Annotations" / "more.xml").write_bytes(b"<annotation/>")
    copy = pickle.loads(data)  # noqa: S301  # our own bytes
    assert len(copy) == MANY + 2
    assert len(names_of(copy)) == MANY + 3
    assert len(copy) == MANY + 3


def test_each_pair_once(tmp_path: Path) -> None:
    for name in ("a.xml", "a.jpg", "b.xml", "b.jpg"):
        (tmp_path / name).write_bytes(b"<annotation/>")
    (tmp_path / "ImageSets").mkdir()
    for split, text in (("train", "a\nb\n"), ("val", "a\n")):
        (tmp_path / "ImageSets" / f"{split}.txt").write_text(text)
    source = open_source(tmp_path)
    assert [(pair.id, pair.split) for pair in source.unique_pairs()] == [("a", "train"), ("b", "train")]
    assert [pair.id for pair in source.unique_pairs("val")] == ["a"]
    assert len(list(source.pairs())) == 3
