"""Reading ahead changes when a file is read, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from annotools.errors import ImageError, SourceError
from annotools.sources.folder import Folder
from annotools.sources.prefetch import ReadAhead

SIZE = 1000


class Observed(Folder):
    """A folder that counts its reads; with `together` a read ends when so many are under way."""

    def __init__(self, root: str, together: int = 1) -> None:
        super().__init__(root)
        self.reads: list[tuple[str, int | None]] = []
        self.threads: set[int] = set()
        self.barrier = threading.Barrier(together)

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        self.reads.append((name, limit))
        self.threads.add(threading.get_ident())
        self.barrier.wait(timeout=20)
        return super().read_bytes(name, limit)


def unsized(names: list[str]) -> list[tuple[str, int | None]]:
    return [(name, None) for name in names]


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """12 files of SIZE bytes: 00.xml, 01.jpg, 02.xml, ..."""
    names = [f"{number:02d}.{'jpg' if number % 2 else 'xml'}" for number in range(12)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([number]) * SIZE)
    return names


def test_every_file_is_read_once_and_by_other_threads(tmp_path: Path, names: list[str]) -> None:
    folder = Observed(str(tmp_path))
    with ReadAhead(folder, unsized(names)) as ahead:
        data = [ahead.read_bytes(name) for name in names]
    assert data == [(tmp_path / name).read_bytes() for name in names]
    assert sorted(folder.reads) == [(name, None) for name in names]
    assert threading.get_ident() not in folder.threads


def test_files_are_fetched_at_the_same_time(tmp_path: Path, names: list[str]) -> None:
    folder = Observed(str(tmp_path), together=4)  # each read waits for three others
    with ReadAhead(folder, unsized(names), threads=4) as ahead:
        for number, name in enumerate(names):
            assert ahead.read_bytes(name) == bytes([number]) * SIZE


def test_no_more_than_the_budget_is_held(tmp_path: Path, names: list[str]) -> None:
    folder = Observed(str(tmp_path))
    with ReadAhead(folder, unsized(names), threads=16, budget=3 * SIZE) as ahead:
        for number, name in enumerate(names):
            ahead.read_bytes(name)
            assert len(folder.reads) <= number + 3


def test_a_file_larger_than_the_budget_is_read_alone(tmp_path: Path, names: list[str]) -> None:
    with ReadAhead(Folder(str(tmp_path)), unsized(names), budget=1) as ahead:
        assert [ahead.read_bytes(name)[0] for name in names] == list(range(12))


def test_the_names_are_asked_for_as_they_are_needed(tmp_path: Path, names: list[str]) -> None:
    asked = []

    def coming() -> object:
        for name in names:
            asked.append(name)
            yield name, None

    with ReadAhead(Folder(str(tmp_path)), coming(), budget=2 * SIZE) as ahead:  # type: ignore[arg-type]
        ahead.read_bytes(names[0])
        assert len(asked) < len(names)


def test_any_order_gives_the_same_bytes(tmp_path: Path, names: list[str]) -> None:
    order = [5, 5, 3, 11, 0, 6, 6]
    with ReadAhead(Folder(str(tmp_path)), unsized(names)) as ahead:
        for number in order:
            assert ahead.read_bytes(names[number], 10) == bytes([number]) * 10
            assert ahead.read_bytes(names[number]) == bytes([number]) * SIZE


def test_a_name_that_comes_twice(tmp_path: Path, names: list[str]) -> None:
    twice = [name for name in names for _ in range(2)]
    with ReadAhead(Folder(str(tmp_path)), unsized(twice)) as ahead:
        assert [ahead.read_bytes(name)[0] for name in twice] == [n for n in range(12) for _ in range(2)]


def test_of_images_only_the_head(tmp_path: Path, names: list[str]) -> None:
    folder = Observed(str(tmp_path))
    with ReadAhead(folder, unsized(names), image_limit=100) as ahead:
        assert ahead.read_bytes("00.xml") == bytes(SIZE)
        assert ahead.read_bytes("01.jpg", 100) == b"\1" * 100
        assert ahead.read_bytes("01.jpg", 50) == b"\1" * 50
        assert ("01.jpg", None) not in folder.reads
        assert ahead.read_bytes("01.jpg") == b"\1" * SIZE
        assert ahead.read_bytes("03.jpg", 200) == b"\3" * 200
    assert set(folder.reads) >= {("01.jpg", 100), ("01.jpg", None), ("03.jpg", 200)}


def test_errors_come_when_the_file_is_read(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "03.jpg").unlink()
    (tmp_path / "04.xml").unlink()
    with ReadAhead(Folder(str(tmp_path)), unsized(names)) as ahead:
        assert ahead.read_bytes("00.xml")
        with pytest.raises(ImageError, match=r"03\.jpg"):
            ahead.read_bytes("03.jpg")
        with pytest.raises(SourceError, match=r"04\.xml"):
            ahead.read_bytes("04.xml")
        assert ahead.read_bytes("05.jpg")


def test_everything_else_is_the_storage_s(tmp_path: Path, names: list[str]) -> None:
    folder = Folder(str(tmp_path))
    with ReadAhead(folder, []) as ahead:
        assert ahead.names() == names
        assert ahead.root == folder.root
        assert ahead.size("00.xml") == SIZE
        assert ahead.fingerprint("00.xml") == folder.fingerprint("00.xml")
        assert ahead.display("00.xml") == folder.display("00.xml")
        assert ahead.issues() == []
