"""Conversions of all kinds of sources: layouts, archives, case folders, dialects, many files, URLs."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import generated
import layouts
from conversions import FIXES, convert, said_of
from net import Net, attempt, files_below, folder_options, group


def record_inputs(net: Net, data: Path, cases: Path | None) -> None:
    """`data`: a copy of tests/data; `cases`: a folder of numbered folders of small data sets."""
    if net.wants("layout"):
        record_layouts(net)
        record_hard_names(net)
    if net.wants("convert/archive"):
        record_archives(net)
    if net.wants("convert/dialects"):
        record_dialects(net, data)
    if net.wants("convert/crowd"):
        record_crowd(net)
    if net.wants("convert/url"):
        record_urls(net)
    for kind in ("invalid", "clean"):
        for case in sorted((data / "voc" / kind).glob("*/*/")):
            record_case(net, f"convert/case/{kind}/{case.parent.name}/{case.name}", case)
    for case in sorted(cases.glob("*/*/")) if cases is not None else []:
        record_case(net, f"convert/shared/{case.parent.name}/{case.name}", case)


def record_case(net: Net, name: str, case: Path) -> None:
    """One item: all formats, refused and with what is faulty left out."""
    import annotools

    if not net.wants(name):
        return
    source = case / "data.zip" if (case / "data.zip").exists() else case
    found: dict[str, Any] = {}
    for to in ("tfrecord", "pickle"):
        for on_error in ("fail", "skip"):
            with net.folder() as out:
                options: dict[str, Any] = {"to": to, "on_error": on_error, "exif": "keep"}
                result = attempt(annotools.convert, source, out, **options)
                said = result if isinstance(result, dict) else said_of(result)
                files = [[path.name, path.read_bytes()] for path in files_below(out)]
                found[f"{to} {on_error}"] = [said, files]
    net.add_said(name, found)


def record_dialects(net: Net, data: Path) -> None:
    """The files of each tool as one data set with one picture for all: fixed, and with fixes on the way."""
    import annotools

    source = Path("dialects")
    for path in sorted((data / "voc" / "valid").glob("*.xml")):
        generated.add(source, path.stem, xml=path.read_bytes())
    for case, fixes in (("skip", ""), ("fix", f"{FIXES},box-from-shape")):
        for to in ("tfrecord", "pickle"):
            name = f"convert/dialects/{case}-{to}"
            convert(net, name, source, to=to, on_error="skip", fix=fixes, read=to == "tfrecord")
    with net.folder() as out:
        result = annotools.fix(source, out, fixes=f"{FIXES},box-from-shape")
        net.add_said("convert/dialects/fixed", list(result.repairs))
        net.add_folder("convert/dialects/fixed", out)


def record_crowd(net: Net) -> None:
    """More images than are listed and planned in memory; in an archive, as files would take their time."""
    with net.folder("crowd.zip") as path:
        with zipfile.ZipFile(path, "w") as packed:
            stems = [f"{number % 7}/image number {number * 7919 % 10007:06d}" for number in range(10007)]
            for stem in stems:
                name = stem.rpartition("/")[2]
                packed.writestr(f"Annotations/{stem}.xml", generated.voc_xml(f"{name}.jpg"))
                packed.writestr(f"JPEGImages/{stem}.jpg", b"")
            packed.writestr("ImageSets/Main/train.txt", "".join(f"{stem}\n" for stem in stems[::2]))
            packed.writestr("ImageSets/Main/val.txt", "".join(f"{stem}\n" for stem in stems[1::4]))
        convert(net, "convert/crowd/listed", path, to="pickle")
        convert(net, "convert/crowd/ratio", path, to="pickle", split="train=0.9,val=0.1", group_by=r"\d\d")


def record_urls(net: Net) -> None:
    """A source and an output behind fsspec."""
    import annotools

    try:
        import fsspec
    except ImportError:
        return
    where = group("fsspec")
    memory = fsspec.filesystem("memory")
    source = generated.make_listed(Path("uploaded"))
    for path in files_below(source):
        memory.pipe_file(f"/sets/{path.relative_to(source).as_posix()}", path.read_bytes())
    memory.pipe_file("/set.zip", pack(source, Path("set.zip")).read_bytes())
    for kind, url in (("folder", "memory://sets"), ("zip", "memory://set.zip")):
        result = attempt(annotools.convert, url, f"{url}-out", to="tfrecord", shards=2)
        said = result if isinstance(result, dict) else said_of(result)
        top = f"{url.removeprefix('memory:/')}-out"
        names = [name for name in sorted(memory.find(top)) if "/.annotools/" not in name]
        files = [[name[len(top) :], memory.cat_file(name)] for name in names]
        net.add_said(f"convert/url/{kind}", [said, files], where=where)
    memory.rm("/", recursive=True)


def record_hard_names(net: Net) -> None:
    """Names that only some systems can hold."""
    if not net.wants("layout/names") or sys.platform != "linux":
        return
    with net.folder("names") as root:
        for stem in (b"\xff\xfe", b"x" * 251, b"two\nlines", b"tab\t", b"a\\b", b'quo"te', b"<&>", b"nul"):
            for folder, end, content in (
                (b"Annotations", b".xml", generated.voc_xml("")),
                (b"JPEGImages", b".jpg", generated.picture(comment=repr(stem))),
            ):
                path = Path((b"names/" + folder + b"/" + stem + end).decode("utf-8", "surrogateescape"))
                generated.put(path, content)
        for to in ("tfrecord", "pickle"):
            convert(net, f"layout/names-of-bytes/{to}", root, to=to, read=True, where="linux")


def record_archives(net: Net) -> None:
    source = generated.make_listed(Path("listed"))
    for kind in ("zip", "tar", "tar.gz"):
        path = pack(source, Path(f"listed.{kind}"))
        for to in ("tfrecord", "pickle"):
            convert(net, f"convert/archive/{kind}/{to}", path, to=to, shards=2)
        convert(net, f"convert/archive/{kind}/workers", path, to="tfrecord", shards=3, workers=2)


def pack(folder: Path, archive: Path) -> Path:
    """A zip or tar of the files of a folder, in the order of their names backwards."""
    files = files_below(folder)[::-1]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in files:
                packed.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
        return archive
    mode = "w:gz" if archive.name.endswith(".gz") else "w"
    with tarfile.open(archive, mode) as tape:  # type: ignore[call-overload]
        for path in files:
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            info.size = path.stat().st_size
            tape.addfile(info, io.BytesIO(path.read_bytes()))
    return archive


def record_layouts(net: Net) -> None:
    """Each layout: what is read, and converted with what does not fit left out."""
    import annotools

    for layout, names in layouts.LAYOUTS.items():
        name = f"layout/{layout}"
        if net.wants(name):
            with net.folder(layout) as root:
                generated.make_layout(root, names)
                record_layout(net, name, root)
                if layout in ("devkit", "roboflow", "junk", "lists"):
                    with net.folder(f"{layout}.zip") as packed:
                        record_layout(net, f"layout/{layout}-zip", pack(root, packed))
    with net.folder("folders") as root:
        generated.make_layout(root, layouts.FOLDERS)
        for images in ("photos", str(Path("folders") / "photos")):
            given: dict[str, Any] = folder_options(annotools.convert, "boxes", images)
            name = f"layout/folders-{'by-path' if '/' in images else 'by-name'}"
            convert(net, name, root, to="tfrecord", on_error="skip", **given)


def record_layout(net: Net, name: str, root: Path) -> None:
    import annotools

    net.add_said(f"{name}/annotations", attempt(annotools.read, root))
    # where there are splits, the error of one that is not there names them in order
    convert(net, f"{name}/nowhere", root, to="tfrecord", split="nowhere", dry_run=True)
    convert(net, name, root, to="tfrecord", on_error="skip")
