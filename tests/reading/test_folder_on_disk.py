"""The folder itself: links, files that vanish, sizes, what cannot be read."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from pathlib import Path

import pytest
from small_sources import make, put, xml

from annotools.errors import ImageError, SourceError
from annotools.sources.source import Pair, open_source

pytestmark = pytest.mark.usefixtures("memory")


VOC = ["Annotations/a.xml", "Annotations/b.xml", "JPEGImages/a.jpg", "JPEGImages/b.jpg"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    make(tmp_path / "real", "a.jpg", "b.jpg")
    root = make(tmp_path / "set", "Annotations/a.xml", "Annotations/b.xml", "Annotations/c.xml")
    (root / "JPEGImages").symlink_to(tmp_path / "real")
    (root / "Annotations" / "again").symlink_to(root)
    (tmp_path / "real" / "c.jpg").symlink_to(tmp_path / "nowhere.jpg")
    source = open_source(root)
    assert [(pair.id, pair.image) for pair in source.pairs()] == [
        ("a", "JPEGImages/a.jpg"),
        ("b", "JPEGImages/b.jpg"),
        ("c", None),
    ]


def test_files_that_vanish_or_are_none(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    (tmp_path / "JPEGImages/a.jpg").unlink()
    (tmp_path / "Annotations/a.xml").unlink()
    with pytest.raises(ImageError, match="No such file") as caught:
        source.read_bytes("JPEGImages/a.jpg")
    assert caught.value.path == str(tmp_path / "JPEGImages/a.jpg")
    with pytest.raises(SourceError, match="No such file"):
        source.read_bytes("Annotations/a.xml")
    with pytest.raises(SourceError):
        source.size("JPEGImages/a.jpg")
    os.mkfifo(tmp_path / "JPEGImages/pipe.jpg")  # reading it would wait for ever
    assert "JPEGImages/pipe.jpg" not in [pair.image for pair in open_source(tmp_path).pairs()]


def test_a_fingerprint_tells_a_changed_file(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    path, name = tmp_path / "Annotations/a.xml", "Annotations/a.xml"
    before = source.fingerprint(name)
    assert source.fingerprint(name) == before
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    later = source.fingerprint(name)
    put(path, xml("another.jpg"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns))
    assert len({before, later, source.fingerprint(name)}) == 3
    path.unlink()
    with pytest.raises(SourceError, match="No such file") as caught:
        source.fingerprint(name)
    assert caught.value.path == str(path)


def test_an_xml_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    with open(tmp_path / "Annotations/a.xml", "wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(SourceError, match="too large") as caught:
        source.read_bytes("Annotations/a.xml")
    assert caught.value.found == f"{2 << 30} bytes"
    assert len(source.read_head("Annotations/a.xml")) == 64 << 10


def test_an_unreadable_folder_is_not_skipped(tmp_path: Path) -> None:
    make(tmp_path, *VOC, "more/c.xml")
    (tmp_path / "more").chmod(0)
    if os.access(tmp_path / "more", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(SourceError, match="cannot be listed"):
        open_source(tmp_path)


def test_a_source_stays_small(tmp_path: Path) -> None:
    """The listing goes to every worker: about 100 bytes an image, none of it Python objects."""
    ids = [f"img_{number:06}" for number in range(2000)]
    names: Iterable[str] = (f"{n}.{e}" for n in ids for e in ("xml", "jpg"))
    for name in names:
        (tmp_path / name).touch()
    source = open_source(tmp_path)
    assert [pair.id for pair in source.pairs()] == ids
    assert len(pickle.dumps(source)) < 100 * len(ids)
    assert next(source.pairs()) == Pair(ids[0], f"{ids[0]}.xml", f"{ids[0]}.jpg", None)
