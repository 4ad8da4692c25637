"""One annotation file and its image against the rules; what a worker process does, again and again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from annotools.errors import AnnotoolsError, ImageError, UnavailableError
from annotools.formats import voc
from annotools.images import header as image_headers
from annotools.issues import Issue
from annotools.records import Annotation, Image
from annotools.sources.storage import HEAD
from annotools.validation.census import NO_IMAGE, Census
from annotools.validation.rules.catalogue import RULES
from annotools.validation.rules.duplicates import fingerprint, perceptual_hash
from annotools.validation.rules.image import annotated_size
from annotools.validation.rules.names import image_missing_issue
from annotools.validation.rules.rule import Sample
from annotools.validation.settings import Selection

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.sources.source import Pair, Source

IMAGE_MODES = ("none", "header", "decode")

_NO_USABLE_BOX = frozenset({"box-missing", "box-not-finite", "missing-field", "field-invalid"})


@dataclass(frozen=True, slots=True)
class Job:
    """What is checked and how; the same for all files, and picklable."""

    source: Source
    selection: Selection
    classes: ClassMap | None = None
    images: str = "header"
    one_based: bool = False

    def pairs(self, split: str | None) -> Iterator[Pair]:
        """Each pair once, also when several splits list it: those come one after the other."""
        last = None
        for pair in self.source.pairs(split):
            if pair.id != last:
                last = pair.id
                yield pair

    def selected(self, issues: Iterable[Issue]) -> Iterator[Issue]:
        """The issues of rules that are enabled, with the severities the user asked for."""
        enabled, severity = self.selection.enabled, self.selection.severity
        for issue in issues:
            if issue.rule in enabled:
                level = severity.get(issue.rule)
                yield issue if level is None else dataclasses.replace(issue, severity=level)


class Checker:
    """Checks one pair after another and counts them in a census."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source = job.source
        self.census = Census(one_based=job.one_based)
        enabled = job.selection.enabled
        # One function may serve several rules; it runs once.
        self.checks = tuple(dict.fromkeys(rule.check for rule in RULES if rule.id in enabled and rule.check))
        self._hashes = "near-duplicate-image" in enabled and job.images != "none"

    @contextlib.contextmanager
    def reading_ahead(self, pairs: Iterable[Pair]) -> Iterator[None]:
        """In here the files of `pairs` are fetched before `check` asks for them, if they are at a URL."""
        mode = self.job.images
        names = (
            name
            for pair in pairs
            for name in (pair.image if mode != "none" else None, pair.xml)
            if name is not None
        )
        limit = None if self._hashes or mode == "decode" else HEAD
        try:
            with self.job.source.reading_ahead(names, image_limit=limit) as self.source:
                yield
        finally:
            self.source = self.job.source

    def check(self, pair: Pair) -> list[Issue]:
        """The issues of one pair in the order of its lines."""
        job, source = self.job, self.source
        issues: list[Issue] = []
        head = image = None
        image_path = None
        if pair.image is not None and job.images != "none":
            image_path = source.display(pair.image)
            head, image = self._read_image(pair.image, image_path, issues)
        elif job.images != "none":
            self.census.fingerprints.append(NO_IMAGE)
            if self._hashes:
                self.census.hashes.append(NO_IMAGE)
        if pair.xml is not None:
            xml_path = source.display(pair.xml)
            try:
                data = source.read_bytes(pair.xml)
            except UnavailableError:
                raise
            except AnnotoolsError as error:
                issues.append(Issue.from_error("unparsable", error, xml_path))
                return list(job.selected(issues))
            annotation, found = voc.inspect(data, xml_path)
            if annotation is None:
                self.census.files += 1
            else:
                if image_path is not None:
                    # Ours alone so far, and dataclasses.replace takes as long as all the rules together.
                    object.__setattr__(annotation, "image_path", image_path)
                    object.__setattr__(annotation, "image", image)
                sample = Sample(
                    annotation, data, pair, source, head, image,
                    one_based=job.one_based, classes=job.classes,
                )  # fmt: skip
                _set_frame(sample)
                self.census.count(annotation, sample.width, sample.height)
                more: list[Issue] = []
                if pair.image is None and job.images != "none":
                    more.append(image_missing_issue(annotation))
                for check in self.checks:
                    more += check(sample)
                found = [*found, *without_repeats(more, found)] if found else more
            issues += found
        if not issues:
            return issues
        kept = list(job.selected(issues))
        kept.sort(key=lambda issue: (issue.line or 0, issue.object_index or 0))
        return kept

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
                mark = fingerprint(head, source.size(name))
                image = _header(source, name, head, path)
        except UnavailableError:
            raise
        except AnnotoolsError as error:
            issues.append(Issue.from_error("image-unreadable", error, path))
            mark = NO_IMAGE  # that two broken files are equal is no news
        self.census.fingerprints.append(mark)
        if self._hashes:
            self.census.hashes.append(perceptual)
        return head, image


def check_chunk(job: Job, pairs: Sequence[Pair]) -> tuple[list[Issue], Census]:
    """What the rules find in some pairs, in their order, and the census of these pairs."""
    checker = Checker(job)
    with checker.reading_ahead(pairs):
        issues = [issue for pair in pairs for issue in checker.check(pair)]
    return issues, checker.census


def _header(source: Source, name: str, head: bytes, path: str) -> Image:
    try:
        return image_headers.read_header(head, path)
    except ImageError:
        if len(head) < HEAD:
            raise
        return source.read_header(name)  # a header of more than 64 KiB: large ICC profiles and previews


def check_annotation(
    annotation: Annotation | bytes | str | os.PathLike[str],
    selection: Selection,
    *,
    width: int | None = None,
    height: int | None = None,
    classes: ClassMap | None = None,
) -> list[Issue]:
    """The issues of a record, of the bytes of a file, or of the file at a path; no image is looked at."""
    from annotools.sources.source import Pair

    found: list[Issue] = []
    record: Annotation | None
    data = b""
    if isinstance(annotation, Annotation):
        record = annotation
    else:
        path = None if isinstance(annotation, bytes) else os.fspath(annotation)
        data = annotation if isinstance(annotation, bytes) else voc.read_bytes(annotation)
        record, found = voc.inspect(data, path)
    job = Job(None, selection, classes, "none")  # type: ignore[arg-type]  # no rule asks it without an image
    if record is None:
        return list(job.selected(found))
    sample = Sample(record, data, Pair("", None, None), job.source, classes=classes)
    _set_frame(sample)
    sample.width, sample.height = width or sample.width, height or sample.height
    more = [issue for check in Checker(job).checks for issue in check(sample)]
    return list(job.selected([*found, *without_repeats(more, found)]))


def decode_issues(data: bytes, image: Image, path: str | None) -> list[Issue]:
    """image-truncated or image-unreadable for an image whose header is sound; the pixels are decoded."""
    if image_headers.is_truncated(data, image):
        message = f"image: the {image.format} data stops before its end after {len(data)} bytes"
        return [Issue("image-truncated", "error", message, path)]
    import PIL.Image

    try:
        with PIL.Image.open(BytesIO(data)) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, PIL.Image.DecompressionBombError) as error:
        return [Issue("image-unreadable", "error", f"image: cannot be decoded: {error}", path)]
    return []


def without_repeats(issues: Iterable[Issue], found: Iterable[Issue]) -> list[Issue]:
    """`issues` without box-missing where `found`, the reader's issues, tell already why there is no box."""
    told = {issue.object_index for issue in found if issue.rule in _NO_USABLE_BOX}
    return [issue for issue in issues if issue.rule != "box-missing" or issue.object_index not in told]


def _set_frame(sample: Sample) -> None:
    """The width and height against which boxes are judged: the image's, else what `<size>` claims."""
    if sample.image is not None:
        sample.width, sample.height = annotated_size(sample.annotation, sample.image)
    elif sample.annotation.size is not None:
        # 0 is size-zero; judged against it, every box would be outside.
        sample.width = sample.annotation.size.width or None
        sample.height = sample.annotation.size.height or None
