"""Sources behind URLs give what the same files give on disk; a fault of the network is none of the data."""

from __future__ import annotations

import pickle
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, make_options
from annotools.conversion.output.journal import fingerprint
from annotools.conversion.plan import make_plan
from annotools.errors import AnnotoolsError, ImageError, SourceError, UnavailableError
from annotools.sources import catalogue, storage
from annotools.sources.folder import Folder
from annotools.sources.source import Source, open_source

ODD_NAMES = ["two words", "a+b&c=d", "50%41", "x#y?z", "[*]", "手机", "semi;colon,", "q'uo\"te", "a:b@c"]


@pytest.fixture
def voc(tree: Any) -> Path:
    """Six images with lists, odd things beside them."""
    for number in range(6):
        tree.add(f"img{number}", [("shoes", 1 + number, 2, 30, 35)] * (number % 3))
    tree.lists(train=["img0", "img1", "img2"], val=["img3", "img4"], test=["img5"])
    (tree.root / "SegmentationClass").mkdir()
    (tree.root / "SegmentationClass" / "img0.png").write_bytes(b"a mask")
    (tree.root / "Annotations" / ".hidden.xml").write_bytes(b"hidden")
    (tree.root / "Annotations" / "img1.XML.orig").write_bytes(b"backup")
    root: Path = tree.root
    return root


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return target


def content(source: Source) -> dict[Any, Any]:
    """All that a source gives."""
    return {
        pair: [source.read_bytes(name) for name in (pair.xml, pair.image) if name] for pair in source.pairs()
    }


def counted(gate: Any, method: str) -> int:
    return sum(request[0] == method for request in gate.requests)


@pytest.mark.parametrize("page", [1000, 3])
def test_a_bucket_gives_what_the_folder_gives(bucket: Any, voc: Path, page: int) -> None:
    local = open_source(voc)
    url = bucket.put(voc, "voc")
    bucket.gate.page = page
    source = open_source(url)
    assert source.storage.names() == local.storage.names()
    assert source.splits == local.splits == ("train", "val", "test")
    assert content(source) == content(local)
    assert [source.size(name) for name in source.storage.names()] == [
        local.size(name) for name in local.storage.names()
    ]
    assert source.display("Annotations/img0.xml") == f"{url}/Annotations/img0.xml"
    assert source.root == url


def test_a_slash_at_the_end_and_the_whole_bucket(bucket: Any, voc: Path) -> None:
    url = bucket.put(voc, "voc")
    assert content(open_source(f"{url}/")) == content(open_source(url))
    assert len(open_source(bucket.url)) == len(open_source(url))
    bucket.fs.pipe_file(f"{bucket.url}/voc2/Annotations/other.xml", b"<annotation/>")
    assert len(open_source(url)) == 6  # voc2 is not in voc


def test_names_that_are_special_somewhere(bucket: Any, tree: Any) -> None:
    for name in ODD_NAMES:
        tree.add(name)
    source = open_source(bucket.put(tree.root, "a b%20c"))
    assert content(source) == content(open_source(tree.root))
    assert [pair.id for pair in source.pairs()] == sorted(ODD_NAMES)


def test_folders_of_consoles_are_no_files(bucket: Any, voc: Path) -> None:
    url = bucket.put(voc, "voc")
    for folder in ("voc/", "voc/Annotations/", "voc/empty.xml/"):
        bucket.fs.call_s3("put_object", Bucket=bucket.url.removeprefix("s3://"), Key=folder, Body=b"")
    assert content(open_source(url)) == content(open_source(voc))


def test_read_and_validate_take_urls(bucket: Any, voc: Path, make_picture: Any) -> None:
    (voc / "JPEGImages" / "img4.jpg").write_bytes(make_picture(61, 40))
    (voc / "Annotations" / "img5.xml").write_bytes(b"<annotation>")
    url = bucket.put(voc, "voc")

    def found(where: Any) -> list[tuple[Any, ...]]:
        issues = annotools.validate(where).issues
        return [
            (
                issue.rule,
                issue.message.replace(str(where), ""),
                (issue.path or "")[len(str(where)) :],
                issue.line,
            )
            for issue in issues
        ]

    assert found(url) == found(voc)
    assert {"size-mismatch", "unparsable"} & {rule for rule, *_ in found(url)}
    remote = list(annotools.read(url, split="train", headers=True))
    local = list(annotools.read(voc, split="train", headers=True))
    assert [(a.objects, a.image) for a in remote] == [(a.objects, a.image) for a in local]
    assert remote[0].image_path == f"{url}/JPEGImages/img0.jpg"


def test_a_file_is_one_request_and_a_size_none(bucket: Any, voc: Path) -> None:
    source = open_source(bucket.put(voc, "voc"))
    bucket.gate.requests.clear()
    for pair in source.pairs():
        source.size(pair.image or "")
        source.fingerprint(pair.xml or "")
    assert not bucket.gate.requests
    source.read_bytes("JPEGImages/img0.jpg")
    assert [method for method, *_ in bucket.gate.requests] == ["GET"]


def test_a_worker_asks_for_no_size_and_no_version(
    bucket: Any, voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the plan have what the listing told, also where the catalogue is out of reach."""
    monkeypatch.setattr(catalogue, "IN_MEMORY", 3)
    source = open_source(bucket.put(voc, "voc"))
    options = make_options(ConvertOptions(to="tfrecord", shards=1), ClassMap.from_names(["shoes"]))
    plan = make_plan(source, options, tmp_path)
    expected = [fingerprint(plan, index) for index in range(3)]
    alone = [plan.alone(index, plan.packed(shard)) for index, shard in enumerate(plan.shards)]
    copies = pickle.loads(pickle.dumps((plan, alone)))  # noqa: S301  # our own bytes
    bucket.gate.requests.clear()
    assert [fingerprint(copies[0], index) for index in range(3)] == expected
    assert [fingerprint(one, 0) for one in copies[1]] == expected
    pair = next(copies[1][0].entries(copies[1][0].shards[0])).pair
    sizes = [(voc / name).stat().st_size for name in (pair.xml or "", pair.image or "")]
    assert [pair.xml_size, pair.image_size] == sizes
    assert not bucket.gate.requests
    with copies[0].source.reading_ahead(pair.files("xml", "image")) as ahead:
        assert ahead.read_bytes(pair.xml or "") == (voc / (pair.xml or "")).read_bytes()
    assert {method for method, *_ in bucket.gate.requests} == {"GET"}


def test_of_a_head_only_the_head_is_sent(bucket: Any, voc: Path) -> None:
    (voc / "JPEGImages" / "img0.jpg").write_bytes(bytes(100_000))
    source = open_source(bucket.put(voc, "voc"))
    bucket.gate.requests.clear()
    assert len(source.read_head("JPEGImages/img0.jpg")) == storage.HEAD
    assert [request[2] for request in bucket.gate.requests] == [f"bytes=0-{storage.HEAD - 1}"]


def test_a_fingerprint_changes_with_the_content_alone(bucket: Any, voc: Path) -> None:
    url, name = bucket.put(voc, "voc"), "Annotations/img0.xml"
    before = open_source(url)
    assert open_source(url).fingerprint(name) == before.fingerprint(name)
    assert before.fingerprint(name) != before.fingerprint("Annotations/img1.xml")
    old = before.read_bytes(name)
    bucket.fs.pipe_file(f"{url}/{name}", old.replace(b"shoes", b"watch").replace(b"img0", b"IMG0"))
    assert open_source(url).size(name) == before.size(name)
    assert open_source(url).fingerprint(name) != before.fingerprint(name)


def test_an_empty_object(bucket: Any, voc: Path) -> None:
    url = bucket.put(voc, "voc")
    source = open_source(url)
    bucket.fs.pipe_file(f"{url}/JPEGImages/img0.jpg", b"")
    assert source.read_bytes("JPEGImages/img0.jpg") == b""  # listed with a size
    assert open_source(url).read_bytes("JPEGImages/img0.jpg") == b""
    assert open_source(url).read_head("JPEGImages/img0.jpg") == b""


def test_a_file_that_has_gone_is_a_fault_of_that_file(bucket: Any, voc: Path) -> None:
    url = bucket.put(voc, "voc")
    source = open_source(url)
    bucket.fs.rm_file(f"{url}/JPEGImages/img0.jpg")
    bucket.fs.rm_file(f"{url}/Annotations/img0.xml")
    with pytest.raises(ImageError, match=r"s3://.*/JPEGImages/img0\.jpg: cannot be read: does not exist"):
        source.read_bytes("JPEGImages/img0.jpg")
    with pytest.raises(SourceError, match=r"s3://.*/Annotations/img0\.xml: cannot be read") as caught:
        source.read_bytes("Annotations/img0.xml")
    assert not isinstance(caught.value, UnavailableError)
    with pytest.raises(SourceError, match="does not exist"):
        source.size("Annotations/never.xml")


def test_what_is_too_large_is_not_taken_in(bucket: Any, voc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(bucket.put(voc, "voc"))
    monkeypatch.setattr("annotools.sources.remote.LARGEST_XML", 50)
    monkeypatch.setattr("annotools.sources.storage.LARGEST_XML", 50)
    bucket.gate.requests.clear()
    with pytest.raises(SourceError, match="too large"):
        source.read_bytes("Annotations/img0.xml")
    assert bucket.gate.requests[0][2] == "bytes=0-50"


@pytest.mark.parametrize("status", [503, 500])
def test_requests_that_fail_are_made_again(bucket: Any, voc: Path, status: int) -> None:
    url = bucket.put(voc, "voc")
    bucket.gate.status = status
    bucket.gate.fail = lambda number, _method, _path: number % 6 == 1
    assert content(open_source(url)) == content(open_source(voc))
    assert bucket.gate.failed > 2


@pytest.mark.parametrize("what", ["list-type", "JPEGImages", ""])
def test_a_server_that_never_recovers(
    bucket: Any, voc: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    url = bucket.put(voc, "voc")
    bucket.gate.fail = lambda _number, method, path: method == "GET" and what in path
    bucket.gate.requests.clear()
    with pytest.raises(UnavailableError, match=rf"{url}.*: cannot be reached: SlowDown") as caught:
        list(annotools.validate(url))
    assert caught.value.exit_code == 2
    assert counted(bucket.gate, "GET") < 200


def test_wrong_bucket_no_credentials_no_server(
    bucket: Any, voc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bucket.put(voc, "voc")
    with pytest.raises(UnavailableError, match=r"s3://no-such-bucket/voc: .*NoSuchBucket"):
        open_source("s3://no-such-bucket/voc")
    with pytest.raises(SourceError, match=r"/vok: does not exist"):
        open_source(f"{bucket.url}/vok")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(UnavailableError, match="Unable to locate credentials"):
            open_source(url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="Could not connect"):
        open_source(url)


def test_another_process_connects_by_itself(bucket: Any, voc: Path, tmp_path: Path) -> None:
    source = open_source(bucket.put(voc, "voc"))
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    code = (
        "import pickle, sys\n"
        "source = pickle.load(open(sys.argv[1], 'rb'))\n"
        "sys.stdout.buffer.write(source.read_bytes('JPEGImages/img1.jpg'))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "source.pickle"], capture_output=True, check=True
    )
    assert run.stdout == (voc / "JPEGImages" / "img1.jpg").read_bytes()


def test_a_forked_process_connects_by_itself(bucket: Any, voc: Path) -> None:
    url = bucket.put(voc, "voc")
    code = (
        "import os, sys\n"
        "from annotools.sources.source import open_source\n"
        "source = open_source(sys.argv[1])\n"
        "if child := os.fork():\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "sys.stdout.buffer.write(source.read_bytes('JPEGImages/img1.jpg'))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, url], capture_output=True, check=True, timeout=60
    )
    assert run.stdout == (voc / "JPEGImages" / "img1.jpg").read_bytes()


def test_a_zip_is_read_where_it_lies(bucket: Any, voc: Path, tmp_path: Path) -> None:
    archive = zipped(voc, tmp_path / "voc.zip")
    url = f"{bucket.url}/data/voc.zip"
    bucket.fs.pipe_file(url, archive.read_bytes())
    local, source = open_source(archive), open_source(url)
    assert content(source) == content(local)
    assert content(open_source(f"zip://::{url}")) == content(local)
    assert source.splits == local.splits
    (first, *_) = source.pairs()
    assert source.display(first.xml or "") == f"{url}!/voc/Annotations/img0.xml"
    assert source.read_head(first.image or "") == local.read_head(first.image or "")
    before = source.fingerprint(first.image or "")
    assert open_source(url).fingerprint(first.image or "") == before
    (voc / "JPEGImages" / "img0.jpg").write_bytes(b"changed")
    bucket.fs.pipe_file(url, zipped(voc, tmp_path / "voc.zip").read_bytes())
    assert open_source(url).fingerprint(first.image or "") != before


def test_a_part_of_a_zip_through_fsspec(bucket: Any, voc: Path, tmp_path: Path) -> None:
    url = f"{bucket.url}/voc.zip"
    bucket.fs.pipe_file(url, zipped(voc, tmp_path / "voc.zip").read_bytes())
    source = open_source(f"zip://voc::{url}")
    assert content(source) == content(open_source(voc))
    assert source.display("Annotations/img0.xml") == f"zip://voc/Annotations/img0.xml::{url}"


def test_a_zip_at_a_url_is_not_trusted_either(bucket: Any, voc: Path, tmp_path: Path) -> None:
    archive = zipped(voc, tmp_path / "voc.zip")
    with zipfile.ZipFile(archive, "a") as more:
        link = zipfile.ZipInfo("voc/Annotations/link.xml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        more.writestr(link, "/etc/passwd")
        more.writestr("../outside.xml", b"<annotation/>")
    url = f"{bucket.url}/voc.zip"
    bucket.fs.pipe_file(url, archive.read_bytes())
    source = open_source(url)
    assert {issue.rule for issue in source.issues()} == {"archive-member-ignored"}
    assert len(source) == 6
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as listed:
        start = listed.getinfo("voc/JPEGImages/img0.jpg").header_offset
    data[start + 70] ^= 1
    bucket.fs.pipe_file(url, bytes(data))
    with pytest.raises(ImageError, match=r"voc\.zip!/voc/JPEGImages/img0\.jpg"):
        open_source(url).read_bytes("voc/JPEGImages/img0.jpg")
    bucket.fs.pipe_file(url, bytes(data[:-40]))
    with pytest.raises(SourceError, match="cannot be read as an archive"):
        open_source(url)


def test_a_server_that_goes_while_a_zip_is_read(
    bucket: Any, voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = f"{bucket.url}/voc.zip"
    bucket.fs.pipe_file(url, zipped(voc, tmp_path / "voc.zip").read_bytes())
    source = open_source(url)
    bucket.gate.fail = lambda _number, _method, _path: True
    with pytest.raises(UnavailableError, match="SlowDown"):
        source.read_bytes("voc/JPEGImages/img0.jpg")


@pytest.mark.parametrize("name", ["a.xml", "a.tar"])
def test_other_single_files_are_refused(bucket: Any, name: str) -> None:
    bucket.fs.pipe_file(f"{bucket.url}/{name}", b"<annotation/>")
    with pytest.raises(SourceError, match="a single file behind a URL"):
        open_source(f"{bucket.url}/{name}")


def test_file_and_zip_urls_are_local(voc: Path, tmp_path: Path) -> None:
    place = voc.rename(tmp_path / "two words")
    archive = zipped(place, tmp_path / "a.zip")
    by_url = open_source(f"file://{tmp_path}/two%20words")
    assert type(by_url.storage) is Folder
    assert content(by_url) == content(open_source(place))
    for url in (f"zip://{archive}", f"zip://::file://{archive}"):
        assert type(open_source(url).storage) is type(open_source(archive).storage)
    with pytest.raises(SourceError, match="does not exist"):
        open_source(f"file://{tmp_path}/two+words")


@pytest.fixture
def memory() -> Iterator[Any]:
    import fsspec

    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_memory_is_a_place_too(memory: Any, voc: Path, tmp_path: Path) -> None:
    for file in voc.rglob("*"):
        if file.is_file():
            memory.pipe_file(f"/sets/voc/{file.relative_to(voc).as_posix()}", file.read_bytes())
    for url in ("memory://sets/voc", "memory://sets/voc/", "memory://sets"):
        source = open_source(url)
        assert list(content(source).values()) == list(content(open_source(voc)).values())
    source = open_source("memory://sets/voc")
    before = source.fingerprint("Annotations/img0.xml")
    memory.pipe_file("/sets/voc/Annotations/img0.xml", source.read_bytes("Annotations/img0.xml"))
    assert open_source("memory://sets/voc").fingerprint("Annotations/img0.xml") != before
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    code = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')).read_bytes('Annotations/img0.xml')"
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "source.pickle"], capture_output=True, text=True, check=False
    )
    assert "memory:// exists in the process that wrote it only" in run.stderr


def test_urls_that_mean_nothing() -> None:
    with pytest.raises(SourceError, match="Protocol not known"):
        open_source("nonsense://a/b")
    with pytest.raises(SourceError, match="does not exist"):
        open_source("memory://nothing/here")


def run_without(module: str, url: str) -> str:
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from annotools.sources.source import open_source\n"
        "open_source(sys.argv[1])\n"
    )
    run = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    return run.stderr


def test_what_is_not_installed_is_named() -> None:
    assert "pip install 'annotools-voc[remote]'" in run_without("fsspec", "s3://bucket/voc")
    assert "pip install s3fs" in run_without("s3fs", "s3://bucket/voc")
    assert "pip install gcsfs" in run_without("gcsfs", "gs://bucket/voc")


def test_without_a_url_fsspec_is_not_imported(voc: Path) -> None:
    code = (
        "import sys, annotools\n"
        "list(annotools.read(sys.argv[1])); list(annotools.validate('file://' + sys.argv[1]))\n"
        "assert not "
        "{'fsspec', 's3fs', 'annotools.sources.remote', 'annotools.sources.prefetch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(voc)], check=True)


def test_errors_cross_processes() -> None:
    error = UnavailableError("cannot be reached", path="s3://bucket")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is UnavailableError
    assert isinstance(again, AnnotoolsError)
    assert str(again) == str(error)
