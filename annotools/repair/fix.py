"""`annotools fix`: a repaired copy of a data set. The originals are only read.

An XML file in which nothing is repaired is copied byte for byte; in the others only the repaired values
change. Images and lists are copied as they are (an image may get another extension). The output appears
under its name when it is complete.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotools.errors import AnnotoolsError, OptionError, OutputError
from annotools.files.names import Names
from annotools.files.whole import whole
from annotools.formats import voc
from annotools.issues import Issue
from annotools.options import takes
from annotools.records import Image
from annotools.repair.fixes import Fixes, Repair, make_fixes
from annotools.repair.options import FixOptions
from annotools.repair.repairs import real_name, repair
from annotools.repair.xml_patch import patch
from annotools.sources.file_kinds import is_image
from annotools.sources.source import Pair, Source, open_source
from annotools.validation.rules.image import annotated_size


@dataclass(slots=True)
class FixResult:
    """What was repaired. `problems` are files that could not be read and were copied as they are."""

    files: int = 0
    changed: int = 0
    repairs: list[Repair] = field(default_factory=list)
    problems: list[Issue] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(one.fix for one in self.repairs).items()))

    def as_dict(self) -> dict[str, Any]:
        return {
            "repairs": [one.as_dict() for one in self.repairs],
            "problems": [issue.as_dict() for issue in self.problems],
            "summary": {"files": self.files, "changed": self.changed, "repairs": self.counts},
        }


@takes(FixOptions)
def fix(
    source: str | os.PathLike[str] | Source, output: str | os.PathLike[str], options: FixOptions
) -> FixResult:
    """Write a repaired copy of `source` into the folder `output`, with the same names.

    fixes        names of FIXES, also as one string with commas
    class_names  for map-classes: old name -> new name
    images       "copy", "link" (hard links where possible) or "none"
    box_origin   as in `validate`
    dry_run      find the repairs and write nothing

    Raises OptionError, SourceError, and OutputError for an output that exists or cannot be written.
    """
    wanted = make_fixes(options.fixes, options.class_names)
    if not wanted.names:
        raise OptionError("nothing to repair was named", field="--fix", expected="one or more fixes")
    if not isinstance(source, Source):
        source = open_source(source, annotations=options.annotations, images=options.image_folder)
    copy = _Copy(source, wanted, options.box_origin == "one-based", options.images)
    target = Path(output)
    if options.dry_run:
        for _ in copy.files():
            pass
        return copy.result
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError("exists already", path=str(target), expected="a new folder")
    _write(copy, target)
    return copy.result


@dataclass(slots=True)
class _File:
    """One file of the output: new bytes, or (data None) a copy of the source's file `original`."""

    name: str
    original: str
    data: bytes | None = None


def _write(copy: _Copy, target: Path) -> None:
    try:
        with whole(target) as folder:
            folder.mkdir(parents=True)
            names = Names(folder)
            for file in copy.files():
                names.add(file.name)
                path = folder / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                if file.data is not None:
                    path.write_bytes(file.data)
                elif not (copy.images == "link" and copy.link(file.original, path)):
                    path.write_bytes(copy.source.read_bytes(file.original))
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=str(target)) from error


class _Copy:
    """The repaired copy of a source, file by file."""

    def __init__(self, source: Source, fixes: Fixes, one_based: bool, images: str) -> None:
        self.source = source
        self.fixes = fixes
        self.one_based = one_based
        self.images = images
        self.result = FixResult()
        self._renamed: dict[str, str] = {}
        self._names = frozenset(source.storage.names())

    def files(self) -> Iterator[_File]:
        for pair in self.source.unique_pairs():
            image = self._header(pair)
            name = self._image_name(pair, image)
            if pair.xml is not None:
                self.result.files += 1
                yield self._annotation(pair, image, name)
            if pair.image is not None and self.images != "none":
                yield _File(name or pair.image, pair.image)
        for name in sorted(self._names):
            if not is_image(name) and not name.lower().endswith(".xml"):
                yield _File(name, name, self._list(name))

    def link(self, name: str, path: Path) -> bool:
        """Make `path` a hard link to a file of the source; False where that is not possible."""
        try:
            os.link(os.path.join(self.source.root, name), path)
        except OSError:
            return False
        return True

    def _header(self, pair: Pair) -> Image | None:
        if pair.image is None:
            return None
        path = self.source.display(pair.image)
        try:
            return self.source.read_header(pair.image, head=self.source.read_head(pair.image))
        except AnnotoolsError as error:
            self.result.problems.append(Issue.from_error("image-unreadable", error, path))
            return None

    def _image_name(self, pair: Pair, image: Image | None) -> str | None:
        """The name of the image in the output."""
        if pair.image is None or image is None or "extension-from-content" not in self.fixes:
            return pair.image
        new = real_name(pair.image, image)
        if new == pair.image or new in self._names:
            return pair.image
        self._renamed[pair.image.rpartition("/")[2]] = new.rpartition("/")[2]
        self.result.repairs.append(
            Repair("extension-from-content", f"the image is now {new!r}", self.source.display(pair.image))
        )
        return new

    def _annotation(self, pair: Pair, image: Image | None, image_name: str | None) -> _File:
        source = self.source
        assert pair.xml is not None
        path = source.display(pair.xml)
        data = source.read_bytes(pair.xml)
        annotation, issues = voc.inspect(data, path)
        if annotation is None:
            self.result.problems += issues
            return _File(pair.xml, pair.xml, data)
        width, height = annotated_size(annotation, image)
        fixes = self.fixes
        if image_name == pair.image:  # the image keeps its name, and so must `<filename>`
            fixes = Fixes(fixes.names - {"extension-from-content"}, fixes.class_names)
        repaired = repair(
            annotation, fixes, width=width, height=height, image=image, one_based=self.one_based
        )
        try:
            new, stripped = patch(data, annotation, repaired, strip="strip-class-names" in fixes)
        except AnnotoolsError as error:
            self.result.problems.append(Issue.from_error("encoding", error, path))
            return _File(pair.xml, pair.xml, data)
        # The new extension is counted once, at the image.
        repairs = [one for one in repaired.repairs if one.fix != "extension-from-content"]
        self.result.repairs += sorted(
            [*repairs, *stripped], key=lambda one: (one.line or 0, one.object_index or 0)
        )
        self.result.changed += new != data
        return _File(pair.xml, pair.xml, new)

    def _list(self, name: str) -> bytes:
        """An ImageSets list; names with an extension that the fix has changed change with it."""
        data = self.source.read_bytes(name)
        for old, new in self._renamed.items():
            whole_name = rb"(?m)(^|/)" + re.escape(os.fsencode(old)) + rb"(?=\s|$)"
            data = re.sub(whole_name, rb"\g<1>" + os.fsencode(new).replace(b"\\", rb"\\"), data)
        return data
