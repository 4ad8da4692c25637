"""ReadVoc: a source as a collection of Annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotools.beam.over_source import ISSUES, OverSource, StrPath, entries_of, with_issues
from annotools.beam.writer import errors_in_full
from annotools.errors import AnnotoolsError, FaultyFileError, MissingExtraError
from annotools.formats import voc
from annotools.issues import Issue
from annotools.options import annotation_folder, image_folder, on_error, option, options, takes
from annotools.records import Annotation
from annotools.sources.source import Pair, Source

try:
    import apache_beam as beam
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing


@options
class ReadVocOptions:
    """The keywords of ReadVoc, which says what they mean."""

    split: str | None = option(default=None)
    annotations: str | None = annotation_folder()
    images: str | None = image_folder()
    headers: bool = option(default=False)
    on_error: str = on_error()


class ReadVoc(OverSource):
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
        return self.blocks(pcoll, pairs) | "Read" >> with_issues(
            read.with_output_types(Annotation), asked.on_error
        )


class _ReadAnnotations(beam.DoFn):
    def __init__(self, source: Source, headers: bool, skip: bool) -> None:
        self.source, self.headers, self.skip = source, headers, skip

    def process(self, block: bytes) -> Iterator[Any]:
        entries = entries_of(block)
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
