"""ReadExamples: a source as a collection of Examples, reconciled as `annotools convert` does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotools.beam.over_source import ISSUES, OverSource, StrPath, entries_of, with_issues
from annotools.beam.writer import errors_in_full
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, Options, exif, make_options, source_id
from annotools.conversion.reconcile import reconcile
from annotools.errors import MissingExtraError
from annotools.issues import DataError
from annotools.options import annotation_folder, box_origin, image_folder, on_error, option, options, takes
from annotools.records import Example
from annotools.sources.source import Source

try:
    import apache_beam as beam
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing


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


class ReadExamples(OverSource):
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
        return blocks | "Read" >> with_issues(read, self.options.on_error)


class _ReadExamples(beam.DoFn):
    def __init__(self, source: Source, options: Options) -> None:
        self.source, self.options = source, options

    def process(self, block: bytes) -> Iterator[Any]:
        entries = entries_of(block)
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
