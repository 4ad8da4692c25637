"""Pascal VOC XML: one file to one Annotation and back, in the dialects of all the tools that write it.

The records are strict about what they hold and the reader is lenient about how it is written: child order,
namespaces, blanks around values, floats, missing or empty tags and any declared encoding are accepted. What
cannot be understood is an Issue with a line (`inspect`) or a ParseError (`parse`). Comments and processing
instructions are not kept. lxml, which takes longer to import than many a small data set to read, is imported
for the first file that is not plain.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from annotools.errors import OutputError, ParseError, SourceError
from annotools.formats.xml import fast_reader
from annotools.formats.xml.document import MAX_BYTES, DocumentError, Fault, read_bytes, to_utf8
from annotools.issues import RULES_BY_ID, Issue
from annotools.options import check_type
from annotools.records import Annotation

__all__ = [
    "MAX_BYTES",
    "inspect",
    "object_names",
    "parse",
    "read",
    "read_bytes",
    "schema_issues",
    "to_xml",
    "write",
]


_BYTES = "bytes | bytearray | memoryview"


def parse(data: bytes | bytearray | memoryview, path: str | None = None) -> Annotation:
    """The record of one file. Raises ParseError (path, line, field, found, expected) for the first error.

    `path` is for messages and the record; OptionError where `data` is not the bytes of a file.
    """
    check_type("data", data, _BYTES)
    check_type("path", path, "str | None")
    annotation, faults = _read(bytes(data), path)
    for fault in faults:
        if fault.severity == "error":
            fault.error.path = path
            raise fault.error
    assert annotation is not None
    return annotation


def inspect(data: bytes, path: str | None = None) -> tuple[Annotation | None, list[Issue]]:
    """(the record, everything that is wrong with the file); never raises for bad data.

    The record holds every `<object>` of the file, so that `object_index` of an issue is its index in
    `annotation.objects`: a field that cannot be used is None there, a missing name is "". The record is
    None when nothing can be read.

    Rules: unparsable, encoding, wrong-root, missing-field, field-invalid, box-missing and box-not-finite are
    errors (field-invalid is a warning for `<segmented>` and `<depth>`, which nothing is computed from, and
    an info for a flag that is a grade, such as KITTI's `<occluded>2</occluded>`);
    unknown-tag (info) says that something has no place in the record, such as an attribute of `<name>`.
    """
    annotation, faults = _read(data, path)
    issues = [_issue(fault, path) for fault in faults]
    return annotation, issues


def _read(data: bytes, path: str | None) -> tuple[Annotation | None, list[Fault]]:
    try:
        document, lines_cut = to_utf8(data)
        plain = fast_reader.parse(document, path, lines_cut)
        if plain is not None:
            return plain, []
        return _read_document(document, path, lines_cut)
    except DocumentError as error:
        return None, [_fault(error)]


def _read_document(document: bytes, path: str | None, lines_cut: int) -> tuple[Annotation, list[Fault]]:
    """The long way, through lxml: the same record as fast_reader for plain files, and all others."""
    from annotools.formats.xml.reader import Reader
    from annotools.formats.xml.tree import has_attributes, parse_xml

    reader = Reader(path, lines_cut, has_attributes=has_attributes(document))
    return reader.annotation(parse_xml(document, lines_cut)), reader.faults


def _fault(error: DocumentError) -> Fault:
    return Fault(error.rule, RULES_BY_ID[error.rule].severity, error, None)


def _issue(fault: Fault, path: str | None) -> Issue:
    error = fault.error
    message = str(ParseError(error.message, field=error.field, found=error.found, expected=error.expected))
    return Issue(fault.rule, fault.severity, message, path, error.line, fault.object_index, fault.fix)


def object_names(data: bytes, path: str | None = None) -> list[str]:
    """The class name of each object, in file order; "" where it is missing, [] for an unreadable file.

    The same names as `inspect` gives, a tenth of the time for plain files. A file that is damaged in a way
    that leaves its objects intact may still give their names: what is wrong with it is for `inspect` to say.
    """
    names = fast_reader.object_names(data)
    if names is not None:
        return names
    annotation, _ = inspect(data, path)
    return [] if annotation is None else [item.name for item in annotation.objects]


def read(path: str | os.PathLike[str]) -> Iterator[Annotation]:
    """The annotations of one .xml file, or of every .xml file below a folder, sorted by path; lazy.

    Raises ParseError at the first file that cannot be read, SourceError when `path` does not exist.
    """
    place = os.fspath(path)
    if os.path.isdir(place):
        try:
            files = sorted(_xml_files(place), key=lambda file: file.split(os.sep))
        except OSError as error:
            reason = f"the folder cannot be listed: {error.strerror}"
            raise SourceError(reason, path=error.filename or place) from error
    elif os.path.exists(place):
        files = [place]
    else:
        raise SourceError("there is no such file or folder", path=place)
    return (parse(read_bytes(file), file) for file in files)


def _xml_files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:  # what is a file and what a folder comes with the listing, without a stat each
            if entry.is_dir(follow_symlinks=False):
                yield from _xml_files(entry.path)
            elif os.path.splitext(entry.name)[1].lower() == ".xml" and entry.is_file():
                yield entry.path


def write(annotations: Iterable[Annotation], folder: str | os.PathLike[str]) -> int:
    """One file `<stem of filename>.xml` in `folder` for each annotation; returns how many.

    Raises OutputError when an annotation has no usable filename, when two would share a file, and when the
    file exists already: nothing is overwritten.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = 0
    for annotation in annotations:
        # Tools on Windows write whole paths here; the last part alone cannot leave the folder.
        name = re.split(r"[\\/]", annotation.filename or "")[-1]
        stem = name.rpartition(".")[0] or name
        if not stem.strip("."):
            raise OutputError(
                "the annotation needs a file name",
                path=annotation.xml_path,
                field="filename",
                found=annotation.filename,
                expected="a name such as 000001.jpg",
            )
        file = target / f"{stem}.xml"
        data = to_xml(annotation)
        try:
            with file.open("xb") as stream:
                stream.write(data)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write the file: {error}", path=str(file)) from error
        written += 1
    return written


def to_xml(annotation: Annotation) -> bytes:
    """The file, as UTF-8. `parse(to_xml(a)) == a` for every record that `parse` can give.

    Text is written as it is; blanks at its ends are layout to every reader and do not come back. Raises
    OutputError for what XML cannot hold: control characters, positions that are not finite, names that are
    no XML names, extras that are not one well-formed element of a tag unknown to VOC.
    """
    from annotools.formats.xml import writer

    return writer.to_xml(annotation)


def schema_issues(data: bytes, path: str | None = None) -> list[Issue]:
    """What schemas/voc.xsd has to say: Issues of the rule `schema`, or why the file cannot be read."""
    from annotools.formats.xml.tree import parse_xml
    from annotools.formats.xml.xsd import mismatches

    try:
        document, lines_cut = to_utf8(data)
        root = parse_xml(document, lines_cut)
    except DocumentError as error:
        return [_issue(_fault(error), path)]
    return [Issue.of("schema", message, path, line + lines_cut) for message, line in mismatches(root)]
