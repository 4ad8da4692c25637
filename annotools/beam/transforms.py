"""PTransforms for Apache Beam pipelines of your own (needs the extra `beam`).

    from annotools.beam import ReadExamples, ReadVoc, Validate, WriteTFRecord

    with beam.Pipeline() as pipeline:
        examples = pipeline | ReadExamples("VOC2007", classes="classes.txt", split="train")
        large = examples | beam.Filter(lambda example: example.width >= 300)
        large | WriteTFRecord("out", classes="classes.txt", shards=8)

A source is listed while the pipeline is built, so that a wrong path fails at once; its list of files is then
a part of the pipeline. Files are read by the workers, which must reach the source under the same name, and
collections come in no order. For a plain conversion use `annotools convert --runner beam`.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from annotools.beam.writer import WriteTFRecord, errors_in_full
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, Options, exif, make_options, source_id
from annotools.conversion.plan import Entry
from annotools.conversion.reconcile import reconcile
from annotools.errors import AnnotoolsError, FaultyFileError, MissingExtraError
from annotools.formats import voc
from annotools.issues import DataError, Issue
from annotools.options import (
    annotation_folder,
    box_origin,
    image_folder,
    on_error,
    option,
    options,
    takes,
)
from annotools.records import Annotation, Example
from annotools.sources.source import Pair, Source, open_source
from annotools.validation.checker import Job, checking
from annotools.validation.options import CheckOptions
from annotools.validation.validate import make_job

try:
    import apache_beam as beam
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing

__all__ = ["ISSUES", "ReadExamples", "ReadVoc", "Validate", "WriteTFRecord"]

ISSUES: Final = "issues"
"""The tag of the collection of issues that `on_error="skip"` adds."""

_BLOCK: Final = 500
_BLOCKS: Final = 64

StrPath = str | os.PathLike[str]


class _OverSource(beam.PTransform[Any, Any]):
    """Reads the files of a source in blocks that are spread over the workers."""

    def __init__(self, source: StrPath | Source, split: str | None, **folders: str | None) -> None:
        super().__init__()
        self.source = source if isinstance(source, Source) else open_source(source, **folders)
        self.split = split

    def blocks(self, pcoll: Any, pairs: Iterable[Pair]) -> Any:
        """Blocks for `_entries`: small enough that every worker gets some, large enough to compress."""
        rows = [
            (number, p.id, p.xml, p.image, p.split, p.xml_size, p.image_size)
            for number, p in enumerate(pairs, start=1)
        ]
        size = min(_BLOCK, -(-len(rows) // _BLOCKS) or 1)
        blocks = [
            zlib.compress(json.dumps(rows[start : start + size]).encode("ascii"))
            for start in range(0, len(rows), size)
        ]
        return pcoll | "List" >> beam.Create(blocks) | "Spread" >> beam.Reshuffle()

    def display_data(self) -> dict[str, Any]:
        return {"source": self.source.root, "split": self.split or "all"}


def _entries(block: bytes) -> list[Entry]:
    return [Entry(number, Pair(*pair)) for number, *pair in json.loads(zlib.decompress(block))]


def _with_issues(read: Any, on_error: str) -> Any:
    return read if on_error == "fail" else read.with_outputs(ISSUES, main="main")


@options
class ReadVocOptions:
    """The keywords of ReadVoc, which says what they mean."""

    split: str | None = option(default=None)
    annotations: str | None = annotation_folder()
    images: str | None = image_folder()
    headers: bool = option(default=False)
    on_error: str = on_error()


class ReadVoc(_OverSource):
    """Begin -> PCollection[Annotation], what `annotools.read` gives, in no order.

    source    a VOC tree, folder, archive or .xml file, or an open Source
    split     one split of the source; None: everything
    annotations, images   the two folders, when they are not below `source`
    headers   also read the header of each image into `Annotation.image`
    on_error  "fail": a file that cannot be read without a loss raises ParseError in its worker, an image
              with a bad header ImageError.
              "skip": it is left out, and the result is (annotations, issues), the second a
              PCollection[Issue] of all errors of such files

    Raises SourceError while the pipeline is built.
    """

    @takes(ReadVocOptions)
    def __init__(self, source: StrPath | Source, options: ReadVocOptions) -> None:
        super().__init__(source, options.split, annotations=options.annotations, images=options.images)
        self.options = options

    def expand(self, pcoll: Any) -> Any:
        asked = self.options
        pairs = (pair for pair in self.source.pairs(self.split) if pair.xml is not None)
        read = beam.ParDo(_ReadAnnotations(self.source, asked.headers, asked.on_error == "skip"))
        return self.blocks(pcoll, pairs) | "Read" >> _with_issues(
            read.with_output_types(Annotation), asked.on_error
        )


class _ReadAnnotations(beam.DoFn):
    def __init__(self, source: Source, headers: bool, skip: bool) -> None:
        self.source, self.headers, self.skip = source, headers, skip

    def process(self, block: bytes) -> Iterator[Any]:
        entries = _entries(block)
        kinds = ("xml", "image") if self.headers else ("xml",)
        files = [file for entry in entries for file in entry.pair.files(*kinds)]
        with errors_in_full(), self.source.reading_ahead(files) as source:
            for entry in entries:
                try:
                    yield self.read(source, entry.pair)
                except FaultyFileError as error:
                    if not self.skip:
                        raise
                    for issue in self.issues_of(source, entry.pair, error):
                        yield beam.pvalue.TaggedOutput(ISSUES, issue)

    def read(self, source: Source, pair: Pair) -> Annotation:
        assert pair.xml is not None
        annotation = voc.parse(source.read_bytes(pair.xml), source.display(pair.xml))
        if pair.image is None:
            return annotation.found_at(None, None, pair.split)
        image = source.read_header(pair.image) if self.headers else None
        return annotation.found_at(source.display(pair.image), image, pair.split)

    def issues_of(self, source: Source, pair: Pair, error: AnnotoolsError) -> list[Issue]:
        """All errors of a file whose first one is `error`."""
        assert pair.xml is not None
        path = source.display(pair.xml)
        try:
            found = voc.inspect(source.read_bytes(pair.xml), path)[1]
        except AnnotoolsError:
            found = []
        errors = [issue for issue in found if issue.severity == "error"]
        if errors or error.path == path:
            return errors or [Issue.from_error("unparsable", error, path)]
        return [Issue.from_error("image-unreadable", error, path)]


@options
class ReadExamplesOptions:
    """The keywords of ReadExamples, which says what they mean."""

    classes: ClassMap | StrPath = option()
    split: str | None = option(default=None)
    annotations: str | None = annotation_folder()
    images: str | None = image_folder()
    box_origin: str = box_origin()
    exif: str = exif()
    source_id: str = source_id()
    on_error: str = on_error()


class ReadExamples(_OverSource):
    """Begin -> PCollection[Example]: images with their objects, reconciled as `annotools convert` does it.

    classes   a ClassMap or class file; an object of any other class is an error
    split     one split of the source; None: everything
    box_origin, exif, source_id   as for `annotools.convert`
    on_error  "fail": an image or object with an error raises DataError in its worker.
              "skip": the faulty object is left out, or the image if the fault is of the image, and the
              result is (examples, issues), the second a PCollection[Issue] with warnings and infos too

    Raises SourceError, OptionError and ClassMapError while the pipeline is built.
    """

    @takes(ReadExamplesOptions)
    def __init__(self, source: StrPath | Source, options: ReadExamplesOptions) -> None:
        super().__init__(source, options.split, annotations=options.annotations, images=options.images)
        classes = options.classes
        asked = ConvertOptions(
            to="tfrecord",
            box_origin=options.box_origin,
            exif=options.exif,
            source_id=options.source_id,
            on_error=options.on_error,
        )
        self.options = make_options(
            asked, classes if isinstance(classes, ClassMap) else ClassMap.from_file(classes)
        )

    def expand(self, pcoll: Any) -> Any:
        read = beam.ParDo(_ReadExamples(self.source, self.options)).with_output_types(Example)
        blocks = self.blocks(pcoll, self.source.pairs(self.split))
        return blocks | "Read" >> _with_issues(read, self.options.on_error)


class _ReadExamples(beam.DoFn):
    def __init__(self, source: Source, options: Options) -> None:
        self.source, self.options = source, options

    def process(self, block: bytes) -> Iterator[Any]:
        entries = _entries(block)
        files = [file for entry in entries for file in entry.pair.files("xml", "image")]
        with errors_in_full(), self.source.reading_ahead(files) as source:
            for entry in entries:
                outcome = reconcile(entry, source, self.options)
                if self.options.on_error == "skip":
                    for issue in outcome.issues:
                        yield beam.pvalue.TaggedOutput(ISSUES, issue)
                elif errors := [issue for issue in outcome.issues if issue.severity == "error"]:
                    raise DataError("; ".join(map(str, errors)), issues=errors)
                if outcome.example is not None:
                    yield outcome.example


class Validate(_OverSource):
    """Begin -> PCollection[Issue]: the findings of `annotools.validate` about single files and the listing.

    Rules that look at the whole data set (duplicate and near-duplicate images, leaks between splits, class
    balance, the origin of coordinates) need all files in one place: they are left to `annotools.validate`.

    Arguments as for `annotools.validate`. Raises SourceError, OptionError and ClassMapError while the
    pipeline is built; faulty data never raises.
    """

    @takes(CheckOptions)
    def __init__(self, source: StrPath | Source, options: CheckOptions) -> None:
        super().__init__(source, options.split, annotations=options.annotations, images=options.image_folder)
        self.job = make_job(self.source, options)

    def expand(self, pcoll: Any) -> Any:
        job = self.job
        of_listing = tuple(job.selection.selected(self.source.issues())) if job.images != "none" else ()
        check = beam.ParDo(_Check(job)).with_output_types(Issue)
        found = self.blocks(pcoll, self.source.unique_pairs(self.split)) | "Check" >> check
        # in a tuple: Beam would take elements with an `as_dict` for its own rows
        listed = (
            pcoll | "OfListing" >> beam.Create([of_listing]) | beam.FlatMap(iter).with_output_types(Issue)
        )
        return (found, listed) | beam.Flatten()


class _Check(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, block: bytes) -> Iterator[Issue]:
        pairs = [entry.pair for entry in _entries(block)]
        with errors_in_full(), checking(self.job, pairs) as checker:
            for pair in pairs:
                yield from checker.check(pair)
