"""One annotation file and its image against the rules; what a worker process does, again and again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from annotools.errors import FaultyFileError, ImageError
from annotools.formats import voc
from annotools.images import header as image_headers
from annotools.issues import Issue
from annotools.records import Annotation, Image, record
from annotools.sources.file_kinds import is_readable
from annotools.sources.storage import HEAD
from annotools.validation.census import Census
from annotools.validation.rules.catalogue import CHECKS
from annotools.validation.rules.classes import with_plain_names
from annotools.validation.rules.duplicates import NO_IMAGE, fingerprint, perceptual_hash
from annotools.validation.rules.image import annotated_size
from annotools.validation.rules.names import image_missing
from annotools.validation.rules.rule import Sample, objects_with_errors
from annotools.validation.settings import Selection

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.sources.source import Pair, Source


@record
class Job:
    """What is checked and how; the same for all files, and picklable."""

    source: Source
    selection: Selection
    classes: ClassMap | None = None
    images: str = "header"
    one_based: bool = False


class Checker:
    """Checks one pair after another and counts them in a census."""

    def __init__(self, job: Job, source: Source) -> None:
        self.job = job
        self.source = source
        self.census = Census(one_based=job.one_based)
        enabled = job.selection.enabled
        checks = [check for check in CHECKS if not enabled.isdisjoint(check.rules)]
        self._with_image = [check.function for check in checks]
        self._without_image = [check.function for check in checks if not check.needs_image]
        self._hashes = "near-duplicate-image" in enabled and job.images != "none"

    def check(self, pair: Pair) -> list[Issue]:
        """The issues of one pair in the order of its lines."""
        issues: list[Issue] = []
        head = image = None
        image_path = None
        if self.job.images != "none":
            if pair.image is not None and (pair.xml is not None or is_readable(pair.image)):
                image_path = self.source.display(pair.image)
                head, image = self._read_image(pair.image, image_path, issues)
            else:
                self._count_image(NO_IMAGE, NO_IMAGE)
        if pair.xml is not None:
            xml_path = self.source.display(pair.xml)
            try:
                data = self.source.read_bytes(pair.xml)
            except FaultyFileError as error:
                issues.append(Issue.from_error("unparsable", error, xml_path))
                return list(self.job.selection.selected(issues))
            annotation, found = voc.inspect(data, xml_path)
            issues += found
            if annotation is None:
                self.census.files += 1
            else:
                annotation = with_plain_names(annotation)
                if image_path is not None:
                    annotation = annotation.found_at(image_path, image, pair.split)
                unread = objects_with_errors(found) if found else frozenset()
                if any(issue.fix == "split-object" for issue in found):
                    self.census.objects += _boxes_beyond_one(data)
                sample = Sample(
                    annotation, data, pair, self.source, head, image,
                    one_based=self.job.one_based, classes=self.job.classes, unread=unread,
                )  # fmt: skip
                issues += self._judge(sample)
        if not issues:
            return issues
        kept = list(self.job.selection.selected(issues))
        kept.sort(key=lambda issue: (issue.line or 0, issue.object_index or 0))
        return kept

    def _judge(self, sample: Sample) -> list[Issue]:
        annotation, image = sample.annotation, sample.image
        sample.width, sample.height = annotated_size(annotation, image)
        self.census.count(annotation, sample.width, sample.height)
        issues: list[Issue] = []
        if sample.pair is not None and sample.pair.image is None:
            missing = image_missing(sample)
            if missing.rule == "image-missing":
                self.census.without_image.note((annotation.xml_path, None, None))
            if self.job.images != "none" or missing.rule == "image-ambiguous":
                issues.append(missing)
        for check in self._with_image if image is not None else self._without_image:
            issues += check(sample)
        return issues

    def _read_image(self, name: str, path: str, issues: list[Issue]) -> tuple[bytes | None, Image | None]:
        source = self.source
        mark, perceptual = NO_IMAGE, NO_IMAGE
        head = image = None
        try:
            if self.job.images == "decode" or self._hashes:
                data = source.read_bytes(name)
                head = data[:HEAD]
                mark = fingerprint(head, len(data))
                image = image_headers.read_header(data, path)
                if self.job.images == "decode":
                    issues += decode_issues(data, image, path)
                if self._hashes:
                    perceptual = perceptual_hash(data)
            else:
                head = source.read_head(name)
                mark = fingerprint(head, len(head) if len(head) < HEAD else source.size(name))
                image = source.read_header(name, head=head)
        except FaultyFileError as error:
            issues.append(Issue.from_error("image-unreadable", error, path))
            mark = NO_IMAGE  # that two broken files are equal is no news
        self._count_image(mark, perceptual)
        return head, image

    def _count_image(self, mark: int, perceptual: int) -> None:
        self.census.fingerprints.append(mark)
        if self._hashes:
            self.census.hashes.append(perceptual)


def _boxes_beyond_one(data: bytes) -> int:
    from annotools.formats.xml.editor import XmlFile

    return sum(max(0, len(node.all("bndbox")) - 1) for node in XmlFile(data).objects())


@contextlib.contextmanager
def checking(job: Job, pairs: Iterable[Pair]) -> Iterator[Checker]:
    """A checker for `pairs`. Their files are fetched before it asks for them, if they are at a URL."""
    kinds = ("xml",) if job.images == "none" else ("image", "xml")
    files = (file for pair in pairs for file in pair.files(*kinds))
    whole = job.images == "decode" or "near-duplicate-image" in job.selection.enabled
    with job.source.reading_ahead(files, image_limit=None if whole else HEAD) as source:
        yield Checker(job, source)


def check_chunk(job: Job, pairs: Sequence[Pair]) -> tuple[list[Issue], Census]:
    """The issues of `pairs` in their order, and their statistics: the work of one process at a time."""
    with checking(job, pairs) as checker:
        issues = [issue for pair in pairs for issue in checker.check(pair)]
    return issues, checker.census


def check_annotation(
    annotation: Annotation | bytes | str | os.PathLike[str],
    selection: Selection,
    *,
    width: int | None = None,
    height: int | None = None,
    classes: ClassMap | None = None,
) -> list[Issue]:
    """The issues of a record, of the bytes of a file, or of the file at a path; no image is looked at."""
    found: list[Issue] = []
    record: Annotation | None
    data = b""
    if isinstance(annotation, Annotation):
        record = annotation
    else:
        path = None if isinstance(annotation, bytes) else os.fspath(annotation)
        data = annotation if isinstance(annotation, bytes) else voc.read_bytes(annotation)
        record, found = voc.inspect(data, path)
    if record is not None:
        sample = Sample(record, data, classes=classes, unread=objects_with_errors(found))
        claimed = annotated_size(record, None)
        sample.width, sample.height = width or claimed[0], height or claimed[1]
        for check in CHECKS:
            if not check.needs_image and not selection.enabled.isdisjoint(check.rules):
                found = [*found, *check(sample)]
    return list(selection.selected(found))


def decode_issues(data: bytes, image: Image, path: str | None) -> list[Issue]:
    """image-truncated or image-unreadable for an image whose header is sound; the pixels are decoded."""
    if image_headers.is_truncated(data, image):
        message = f"image: the {image.format} data stops before its end after {len(data)} bytes"
        return [Issue.of("image-truncated", message, path)]
    from annotools.images.decode import decode

    try:
        decode(data)
    except ImageError as error:
        return [Issue.of("image-unreadable", f"image: {error.message}", path)]
    return []
