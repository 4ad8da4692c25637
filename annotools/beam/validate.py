"""Validate: the issues of a source as a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotools.beam.over_source import OverSource, StrPath, entries_of
from annotools.beam.writer import errors_in_full
from annotools.errors import MissingExtraError
from annotools.issues import Issue
from annotools.options import takes
from annotools.sources.source import Source
from annotools.validation.checker import Job, checking
from annotools.validation.options import CheckOptions
from annotools.validation.validate import make_job

try:
    import apache_beam as beam
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing


class Validate(OverSource):
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
        of_listing = tuple(job.selection.selected(self.source.issues()))
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
        pairs = [entry.pair for entry in entries_of(block)]
        with errors_in_full(), checking(self.job, pairs) as checker:
            for pair in pairs:
                yield from checker.check(pair)
