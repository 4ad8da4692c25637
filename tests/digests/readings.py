"""What is read: files of every dialect, class files, pickles and TFRecords of other programs, whole sets."""

from __future__ import annotations

from pathlib import Path

from net import ALWAYS, Net, as_json, attempt, group, run_command


def record_readings(net: Net, data: Path, sets: dict[str, Path], cases: Path | None) -> None:
    if net.wants("parse"):
        record_parsing(net, data)
    if net.wants("classes"):
        record_classes(net, data, sets)
    if net.wants("read"):
        record_files(net, data, sets, cases)


def record_files(net: Net, data: Path, sets: dict[str, Path], cases: Path | None) -> None:
    """Sets with the headers of their images; what other programs wrote."""
    import annotools
    from annotools.formats import ssd_pickle, tfrecord

    for name, source in sets.items():
        found = attempt(annotools.read, source, headers=True)
        net.add(f"read/{name}", as_json(found))
    for path in sorted((data / "pickles").glob("*.pkl")):
        net.add_said(f"read/pickle/{path.name}", attempt(ssd_pickle.read, path))
    for path in sorted(cases.rglob("*")) if cases is not None else []:
        relative = f"read/shared/{path.relative_to(cases or Path()).as_posix()}"
        if path.suffix == ".tfrecord":
            net.add_said(relative, attempt(tfrecord.read, path))
        elif path.suffix == ".pkl":
            net.add_said(relative, attempt(ssd_pickle.read, path))
        elif path.suffix in (".txt", ".yaml") and "ImageSets" not in path.parts:
            found = attempt(read_classes, path)
            net.add_said(relative, found)


def read_classes(path: Path) -> dict[str, int]:
    import annotools

    return dict(annotools.ClassMap.from_file(path).ids)


def record_parsing(net: Net, data: Path) -> None:
    """Each dialect: the record, its XML written again, the issues of its schema."""
    import annotools
    from annotools.formats import voc

    for path in sorted((data / "voc").rglob("*.xml")):
        relative = path.relative_to(data / "voc").as_posix()
        content = path.read_bytes()
        where = ALWAYS if relative.startswith("valid/") else group("lxml")
        record = attempt(annotools.parse, content, path=str(path))
        again = b"" if isinstance(record, dict) else annotools.to_xml(record)
        issues = list(voc.inspect(content, str(path))[1])
        net.add_said(f"parse/{relative}", [record, again, issues], where=where)


def record_classes(net: Net, data: Path, sets: dict[str, Path]) -> None:
    for path in sorted((data / "classes").glob("*/*")):
        if path.suffix not in (".error", ".ids", ".md"):
            name = f"classes/{path.parent.name}/{path.name}"
            found = attempt(read_classes, path)
            net.add_said(name, found)
    for name, source in sets.items():
        with net.folder("labels.pbtxt") as labels:
            net.add_said(f"classes/{name}", run_command("classes", source))
            run_command("classes", source, "-o", labels)
            net.add(f"classes/{name}/label-map", labels.read_bytes())
