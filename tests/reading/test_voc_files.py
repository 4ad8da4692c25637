"""Reading from files and folders, and the real data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from annotools.errors import SourceError
from annotools.formats import voc

VALID = sorted((Path(__file__).parents[1] / "data" / "voc" / "valid").glob("*.xml"))


def one(name: str) -> bytes:
    """A file with one object of that name."""
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
    return f"<annotation><object><name>{name}</name>{box}</object></annotation>".encode()


def test_read_bytes_needs_no_size(tmp_path: Path) -> None:
    """A pipe gives its bytes in pieces and has no size."""
    pipe = tmp_path / "pipe.xml"
    os.mkfifo(pipe)
    data = one("a") + b"\n" * 200_000
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(pipe.write_bytes, data)
        assert voc.read_bytes(pipe) == data
        writer.result()


@pytest.mark.parametrize("length", [0, 1, 16_383, 16_384, 16_385, 32_768, 32_769, 3_000_000])
def test_read_bytes_gives_every_byte(tmp_path: Path, length: int) -> None:
    file = tmp_path / "a.xml"
    data = os.urandom(length)
    file.write_bytes(data)
    assert voc.read_bytes(file) == data


@pytest.mark.parametrize("make", [lambda p: p / "none.xml", lambda p: p, lambda p: f"{p}/a\0.xml"])
def test_a_file_that_cannot_be_opened(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    with pytest.raises(SourceError) as caught:
        voc.read_bytes(make(tmp_path))
    assert caught.value.path == str(make(tmp_path))


def test_read_goes_through_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b.xml", "a.xml", "sub/c.XML", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(one(name))
    assert [item.objects[0].name for item in voc.read(tmp_path)] == ["a.xml", "b.xml", "sub/c.XML"]
    assert [item.xml_path for item in voc.read(tmp_path / "a.xml")] == [str(tmp_path / "a.xml")]
    with pytest.raises(SourceError):
        voc.read(tmp_path / "none")


def test_threads_read_together() -> None:
    files = [path.read_bytes() for path in VALID] * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(voc.parse, files)) == [voc.parse(data) for data in files]


@pytest.mark.parametrize("data_set", ["bccd", "microcontrollers"])
def test_real_data_equals_an_elementtree_reading(data_set: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(data_set)
    files = sorted(folder.rglob("*.xml"))
    assert len(files) > 100
    for file in files:
        annotation = voc.parse(voc.read_bytes(file), str(file))
        root = ElementTree.parse(file).getroot()
        assert annotation.filename == root.findtext("filename")
        sides = ("xmin", "ymin", "xmax", "ymax")
        expected = [
            (item.findtext("name"), *(float(item.findtext(f"bndbox/{side}") or "") for side in sides))
            for item in root.findall("object")
        ]
        boxes = [(item.name, *item.bndbox.as_tuple()) for item in annotation.objects if item.bndbox]
        assert boxes == expected
