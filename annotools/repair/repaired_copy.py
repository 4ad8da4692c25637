"""What belongs into a repaired copy of a source, file by file."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotools.errors import AnnotoolsError
from annotools.formats import voc
from annotools.issues import Issue
from annotools.records import Image
from annotools.repair.fixes import Fixes, Repair
from annotools.repair.repairs import real_name, repair
from annotools.repair.result import FixResult
from annotools.repair.scaling import scale_boxes
from annotools.repair.splitting import split_objects
from annotools.repair.unified import unified
from annotools.repair.xml_patch import patch
from annotools.sources.file_kinds import is_image
from annotools.sources.source import Pair, Source
from annotools.validation.rules.classes import with_plain_names
from annotools.validation.rules.image import annotated_size, sizes
from annotools.validation.rules.rule import Sample


@dataclass(slots=True)
class _File:
    """One file of the output: new bytes, or (data None) a copy of the source's file `original`."""

    name: str
    original: str
    data: bytes | None = None


class _Copy:
    """The repaired copy of a source, file by file."""

    def __init__(self, source: Source, fixes: Fixes, one_based: bool, images: str) -> None:
        self.source = source
        self.fixes = fixes
        self.one_based = one_based
        self.images = images
        self.result = FixResult()
        self.wants_diffs = False
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
        original = data = source.read_bytes(pair.xml)
        splits: list[Repair] = []
        if "split-object" in self.fixes:
            data, splits = split_objects(data, path)
        annotation, issues = voc.inspect(data, path)
        if annotation is None:
            self.result.problems += issues
            return _File(pair.xml, pair.xml, data)
        annotation = with_plain_names(annotation)
        scaled, scaling = annotation, None
        if image is not None and "scale-boxes" in self.fixes:
            scaled, scaling = scale_boxes(annotation, image, one_based=self.one_based)
        if image is not None and "size-from-image" in self.fixes:
            self.result.problems += [one for one in sizes(Sample(scaled, image=image)) if one.fix is not None]
        width, height = annotated_size(scaled, image)
        fixes = self.fixes
        if image_name == pair.image:  # the image keeps its name, and so must `<filename>`
            fixes = Fixes(fixes.names - {"extension-from-content"}, fixes.class_names)
        repaired = repair(scaled, fixes, width=width, height=height, image=image, one_based=self.one_based)
        if scaling is not None:
            repaired = dataclasses.replace(repaired, repairs=(scaling, *repaired.repairs))
        try:
            new, stripped = patch(data, annotation, repaired, strip="strip-class-names" in fixes)
        except AnnotoolsError as error:
            self.result.problems.append(Issue.from_error("encoding", error, path))
            return _File(pair.xml, pair.xml, data)
        # The new extension is counted once, at the image.
        repairs = [one for one in repaired.repairs if one.fix != "extension-from-content"]
        self.result.repairs += sorted(
            [*splits, *repairs, *stripped], key=lambda one: (one.line or 0, one.object_index or 0)
        )
        self.result.changed += new != original
        if self.wants_diffs and new != original:
            self.result.diffs.append(unified(path, original, new))
        return _File(pair.xml, pair.xml, new)

    def _list(self, name: str) -> bytes:
        """An ImageSets list; names with an extension that the fix has changed change with it."""
        data = self.source.read_bytes(name)
        for old, new in self._renamed.items():
            whole_name = rb"(?m)(^|/)" + re.escape(os.fsencode(old)) + rb"(?=\s|$)"
            data = re.sub(whole_name, rb"\g<1>" + os.fsencode(new).replace(b"\\", rb"\\"), data)
        return data
