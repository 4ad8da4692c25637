"""Archives give what the folder gives; hostile ones give SourceError or ImageError within their limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import multiprocessing
import os
import pickle
import stat
import struct
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools.errors import AnnotoolsError, ImageError, SourceError
from annotools.sources import archives
from annotools.sources.source import Pair, Source, open_source

Members = Iterable[tuple[str, bytes]]


def zip_of(path: Path, members: Members, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tar_of(path: Path, members: Members, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS: dict[str, Callable[[Path, Members], Path]] = {
    "zip": zip_of,
    "stored.zip": lambda path, members: zip_of(path, members, zipfile.ZIP_STORED),
    "tar": tar_of,
    "tar.gz": lambda path, members: tar_of(path, members, "w:gz"),
    "tar.bz2": lambda path, members: tar_of(path, members, "w:bz2"),
    "tar.xz": lambda path, members: tar_of(path, members, "w:xz"),
    "a name that tells nothing": tar_of,
}
SET: list[tuple[str, bytes]] = [
    ("VOC/Annotations/a.xml", b"<annotation/>" * 50),
    ("VOC/Annotations/\u65e5.xml", b"<annotation/>"),
    ("VOC/JPEGImages/a.jpg", os.urandom(2000)),
    ("VOC/JPEGImages/\u65e5.png", b"\x89PNG" + bytes(5000)),
    ("VOC/JPEGImages/empty.jpg", b""),
    ("VOC/ImageSets/Main/train.txt", "a\n\u65e5\nempty\n".encode()),
    ("__MACOSX/VOC/Annotations/._a.xml", b"junk"),
    ("VOC/readme.txt", b"not listed"),
]


def content(source: Source) -> list[tuple[Pair, list[bytes]]]:
    return [
        (pair, [source.read_bytes(name) for name in (pair.xml, pair.image) if name])
        for pair in source.pairs()
    ]


def copied(source: Source) -> Source:
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  # our own bytes
    assert isinstance(copy, Source)
    return copy


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_gives_what_the_folder_gives(tmp_path: Path, kind: str) -> None:
    for name, data in SET:
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    folder = open_source(tmp_path / "folder")
    path = MAKERS[kind](tmp_path / f"set.{kind}", SET)
    before = sorted(tmp_path.rglob("*"))
    source = open_source(path)
    assert content(source) == content(folder)
    assert content(copied(source)) == content(folder)
    assert source.splits == folder.splits == ("train",)
    assert [issue.rule for issue in source.issues()] == ["annotation-missing"]
    assert source.issues()[0].path == f"{path}!/VOC/JPEGImages/empty.jpg"
    assert source.root == str(path)
    for pair in source.pairs():
        for member in filter(None, (pair.xml, pair.image)):
            assert source.size(member) == folder.size(member)
            assert source.read_head(member) == folder.read_head(member)
            assert source.storage.read_bytes(member, limit=3) == folder.read_bytes(member)[:3]
    assert sorted(tmp_path.rglob("*")) == before, "nothing may be extracted"


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_the_real_sets_as_archives(tmp_path: Path, microcontrollers: Path, kind: str) -> None:
    files = [path for path in sorted(microcontrollers.rglob("*")) if path.is_file()][::-1]
    members = ((f"top/{path.relative_to(microcontrollers)}", path.read_bytes()) for path in files)
    source = open_source(MAKERS[kind](tmp_path / "set", members))
    folder = open_source(microcontrollers)
    assert source.issues() == []
    for ours, theirs in zip(source.pairs(), folder.pairs(), strict=True):
        assert (ours.id, ours.split) == (theirs.id, theirs.split)
        assert source.read_bytes(ours.xml or "") == folder.read_bytes(theirs.xml or "")
        assert source.read_bytes(ours.image or "") == folder.read_bytes(theirs.image or "")
        assert source.read_header(ours.image or "") == folder.read_header(theirs.image or "")


def test_folders_of_an_archive_by_keyword(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("x/1/a.xml", b"<a/>"), ("y/2/a.jpg", b"1"), ("z/a.jpg", b"2")])
    source = open_source(path, annotations="x/1", images="y/")
    assert [(pair.id, pair.xml, pair.image) for pair in source.pairs()] == [("a", "x/1/a.xml", "y/2/a.jpg")]
    with pytest.raises(SourceError) as caught:
        open_source(path, images="w")
    assert (caught.value.field, caught.value.found) == ("images", "w")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on, when there are threads
@pytest.mark.parametrize(
    ("kind", "method"), [("zip", "fork"), ("tar", "fork"), ("tar.gz", "fork"), ("tar.gz", "spawn")]
)
def test_workers_read_at_the_same_time(tmp_path: Path, kind: str, method: str) -> None:
    """Processes that were forked share the position of an open file; reads must not depend on it."""
    members = [(f"{n:03}.{e}", f"{n}{e}".encode() * 999) for n in range(60) for e in ("xml", "jpg")]
    source = open_source(MAKERS[kind](tmp_path / "set", members))
    expected = [zlib.crc32(data) for _, data in sorted(members)]
    names = sorted(name for name, _ in members)
    with multiprocessing.get_context(method).Pool(2, start_worker, (source,)) as pool:
        assert pool.map(read_in_worker, names, chunksize=7) == expected
    found: list[int] = [0] * len(names)

    def read(start: int) -> None:
        for index in range(start, len(names), 4):
            found[index] = zlib.crc32(source.read_bytes(names[index]))

    threads = [threading.Thread(target=read, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


_WORKER_SOURCE: list[Source] = []


def start_worker(source: Source) -> None:
    _WORKER_SOURCE[:] = [source]


def read_in_worker(name: str) -> int:
    return zlib.crc32(_WORKER_SOURCE[0].read_bytes(name))


def test_a_copy_decompresses_for_itself(tmp_path: Path) -> None:
    source = open_source(MAKERS["tar.gz"](tmp_path / "set", SET))
    expected = content(source)
    copy = copied(source)
    del source
    assert content(copy) == expected


# Names


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_left_aside(tmp_path: Path, kind: str) -> None:
    bad = ["/etc/a.xml", "../b.xml", "x/../../c.xml", "C:/d.xml", "x/.."]
    path = MAKERS[kind](tmp_path / "set", [(name, b"evil") for name in bad] + [("./x//ok.xml", b"<a/>")])
    source = open_source(path)
    assert [pair.xml for pair in source.pairs()] == ["x/ok.xml"]
    assert source.read_bytes("x/ok.xml") == b"<a/>"
    (issue,) = source.issues()
    assert (issue.rule, issue.severity, issue.path) == ("archive-member-ignored", "warning", str(path))
    assert issue.message.startswith("5 member(s)")


def test_links_and_devices_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"{number}.xml")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        sparse = tarfile.TarInfo("sparse.xml")
        sparse.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "99"}
        archive.addfile(sparse)
        archive.addfile(tarfile.TarInfo("a.xml"))
    source = open_source(path)
    assert [pair.xml for pair in source.pairs()] == ["a.xml"]
    assert "5 member(s)" in source.issues()[0].message

    link = zipfile.ZipInfo("link.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("a.xml", "<a/>")
    source = open_source(tmp_path / "set.zip")
    assert [pair.xml for pair in source.pairs()] == ["a.xml"]
    assert "1 member(s)" in source.issues()[0].message


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_of_two_members_with_one_name_the_last_counts(tmp_path: Path, kind: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if kind == "zip" else _nothing():
        path = MAKERS[kind](tmp_path / "set", [("a.xml", b"old"), ("a.xml", b"new")])
    source = open_source(path)
    assert source.read_bytes("a.xml") == b"new"
    assert [issue.rule for issue in source.issues()] == ["archive-member-ignored"]


def test_zip_names_of_other_systems(tmp_path: Path) -> None:
    """UTF-8 without the flag (macOS, Info-ZIP) and backslashes (.NET)."""
    path = zip_of(tmp_path / "a.zip", [("Ann/\u00e9.xml", b"<a/>"), ("Ann/b.xml", b"<a/>")])
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.index(signature)
        (value,) = struct.unpack_from("<H", data, position + flags)
        struct.pack_into("<H", data, position + flags, value & ~0x800)
    path.write_bytes(bytes(data).replace(b"Ann/b.xml", b"Ann\\b.xml"))
    source = open_source(path)
    assert [pair.xml for pair in source.pairs()] == ["Ann/b.xml", "Ann/\u00e9.xml"]
    assert source.read_bytes("Ann/\u00e9.xml") == b"<a/>"


def test_safe_name() -> None:
    assert archives.safe_name("./a//b/./c.xml") == "a/b/c.xml"
    for name in ("", "/", ".", "/a", "..", "a/..", "a/../b", "C:/a", "c:a", "a\x00b"):
        assert archives.safe_name(name) is None, name


# Limits and damage


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    members = [("a.xml", b"<a/>")] + [(f"{n}.jpg", bytes(1 << 20)) for n in range(8)]
    path = MAKERS[kind](tmp_path / "set", members)
    assert path.stat().st_size < 8 << 20 >> 8
    with pytest.raises(SourceError, match="grows beyond all measure") as caught:
        open_source(path)
    assert caught.value.path == str(path)


def test_members_larger_than_any_annotation_are_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a.xml", bytes((64 << 20) + 1))])
    with pytest.raises(SourceError, match="too large") as caught:
        open_source(path)
    assert caught.value.path == f"{path}!/a.xml"


def test_a_zip_member_that_lies_about_its_size(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a.xml", b"<a/>"), ("a.jpg", bytes(64 << 20))])
    data = bytearray(path.read_bytes())
    position = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, position + 24, 100)  # the uncompressed size in the directory
    path.write_bytes(data)
    source = open_source(path)
    assert source.size("a.jpg") == 100
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="size and CRC-32") as caught:
            source.read_bytes("a.jpg")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20, "no more than declared may be decompressed"
    finally:
        tracemalloc.stop()
    assert caught.value.path == f"{path}!/a.jpg"


def test_a_zip_member_with_a_changed_byte(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a.xml", b"<annotation/>")], zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"<annotation/>", b"<annotatiom/>"))
    with pytest.raises(SourceError, match="CRC-32"):
        open_source(path).read_bytes("a.xml")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_zip_methods_are_named(tmp_path: Path, method: int) -> None:
    path = zip_of(tmp_path / "a.zip", [("a.xml", b"<a/>")], method)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.found == f"compression method {method}"


def test_an_encrypted_zip_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", [("a.xml", b"<a/>")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.found == "encryption"


def test_a_tar_with_a_damaged_header_in_the_middle(tmp_path: Path) -> None:
    """tarfile itself would end there, and half of the data set would be missing without a word."""
    path = tar_of(tmp_path / "a.tar", [("a.xml", b"<a/>"), ("b.xml", b"<a/>"), ("c.xml", b"<a/>")])
    data = bytearray(path.read_bytes())
    data[data.index(b"b.xml")] = 0xFF
    path.write_bytes(data)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["a.xml"]
    with pytest.raises(SourceError, match="header at byte 1024 is damaged"):
        open_source(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_file_cut_short(tmp_path: Path, kind: str) -> None:
    data = MAKERS[kind](tmp_path / "whole", [("a.xml", os.urandom(3000)), ("b.xml", os.urandom(3000))])
    whole = data.read_bytes()
    path = tmp_path / "cut"
    for length in (1, 3, 100, 1500, 3600, 5000):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError):
            open_source(path)


def test_compressed_files_that_hold_no_tar(tmp_path: Path) -> None:
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        (tmp_path / "a.gz").write_bytes(compress(b"just text"))
        with pytest.raises(SourceError, match="cannot be read as an archive") as caught:
            open_source(tmp_path / "a.gz")
        assert caught.value.path == str(tmp_path / "a.gz")


def test_a_header_with_a_negative_size_ends(tmp_path: Path) -> None:
    """CVE-2025-8194: tarfile of Python before 3.11.14 goes backwards, for ever."""
    info = tarfile.TarInfo("a.xml")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 8 + struct.pack(">i", -512)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(header) + bytes(1024))
    with pytest.raises(SourceError, match="leads backwards"):
        open_source(tmp_path / "a.tar")


def test_ten_thousand_nested_long_names_end(tmp_path: Path) -> None:
    """Each GNU long name header makes tarfile call itself."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2
    block = info.tobuf(tarfile.GNU_FORMAT) + b"a\x00".ljust(512, b"\x00")
    (tmp_path / "a.tar").write_bytes(block * 10_000)
    with pytest.raises(SourceError):
        open_source(tmp_path / "a.tar")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["zip", "stored.zip", "tar", "tar.gz"]),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_only_annotools_errors_come_out(tmp_path: Path, kind: str, edits: list[tuple[int, int]]) -> None:
    members = [
        ("x/a.xml", b"<annotation/>"),
        ("x/a.jpg", bytes(range(256)) * 3),
        ("x/" + "n" * 150 + ".xml", b"<a/>"),
    ]
    whole = tmp_path / f"whole.{kind}"
    if not whole.exists():
        MAKERS[kind](whole, members)
    data = bytearray(whole.read_bytes())
    for position, value in edits:
        data[position % len(data)] = value
    (tmp_path / "edited").write_bytes(data)
    try:
        source = open_source(tmp_path / "edited")
        for pair in source.pairs():
            for name in filter(None, (pair.xml, pair.image)):
                source.read_bytes(name)
        source.issues()
    except AnnotoolsError as error:
        assert error.path is not None  # noqa: PT017  # most edits do no harm


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_fingerprint_tells_a_changed_member(tmp_path: Path, kind: str) -> None:
    source = open_source(MAKERS[kind](tmp_path / "set", SET))
    name, other = "VOC/Annotations/a.xml", "VOC/JPEGImages/a.jpg"
    before = source.fingerprint(name), source.fingerprint(other)
    assert before[0] != before[1]
    again = open_source(tmp_path / "set")
    assert (again.fingerprint(name), again.fingerprint(other)) == before
    changed = [(one, text.replace(b"<annotation/>", b"<annotation />")) for one, text in SET]
    source = open_source(MAKERS[kind](tmp_path / "set", changed))
    assert source.fingerprint(name) != before[0]
    # Only a zip knows a checksum of each member; a tar, any of whose bytes may have changed, has a time.
    assert (source.fingerprint(other) == before[1]) is (kind == "zip")
    (tmp_path / "set").unlink()
    with pytest.raises(SourceError, match="No such file") as caught:
        source.fingerprint(name)
    assert caught.value.path == str(tmp_path / "set")


class _nothing:  # noqa: N801  # stands for pytest.warns
    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None: ...


CODED = [("gb18030", "货架"), ("cp932", "ざくろ"), ("cp1252", "café"), ("utf-8", "棚")]


@pytest.mark.parametrize(("encoding", "stem"), CODED)
def test_names_in_the_code_page_of_windows(tmp_path: Path, encoding: str, stem: str) -> None:
    """Explorer writes them without saying which it is; `<filename>` tells."""
    path = tmp_path / "set.zip"
    text = f"<annotation><filename>{stem}.jpg</filename></annotation>".encode()
    names = {"q": f"{stem}.xml".encode(encoding), "z": f"{stem}.jpg".encode(encoding)}
    with zipfile.ZipFile(path, "w") as archive:
        for letter, data in (("q", text), ("z", b"image")):
            archive.writestr(zipfile.ZipInfo(letter * len(names[letter])), data)
    content = path.read_bytes()
    for letter, raw in names.items():
        content = content.replace(letter.encode() * len(raw), raw)
    path.write_bytes(content)
    assert [(pair.id, pair.image) for pair in open_source(path).pairs()] == [(stem, f"{stem}.jpg")]
