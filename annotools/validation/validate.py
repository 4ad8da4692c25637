"""Run the rules over a source: file by file, on several processors, with findings as values.

Nothing in the data stops a run. What comes out depends on the data and the options only: the issues are in
the order of the files however many workers found them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.options import takes
from annotools.parallel import in_order, progress_bar
from annotools.sources.source import Pair, Source, open_source
from annotools.validation.census import Census, Memberships
from annotools.validation.checker import Job, check_chunk
from annotools.validation.options import CheckOptions, ValidateOptions
from annotools.validation.path_ignores import PathIgnores
from annotools.validation.result import Summary, ValidationResult
from annotools.validation.rules.catalogue import DATA_SET_CHECKS
from annotools.validation.rules.rule import DataSet
from annotools.validation.settings import make_selection

if TYPE_CHECKING:
    from annotools.validation.baseline import Baseline

BOX_ORIGINS = ("as-written", "one-based")
CHUNK = 200
"""Pairs that are checked at a time."""
WORTH_A_WORKER = 2000
"""Pairs below which starting processes costs more than it saves."""


@takes(ValidateOptions)
def validate(source: str | os.PathLike[str] | Source, options: ValidateOptions) -> ValidationResult:
    """Check every annotation of a source and its image, and the data set as a whole.

    source       VOC tree, folder, archive or .xml file; or an open Source
    split        check this split only
    annotations, image_folder   folders below the source, where they cannot be guessed
    classes      a ClassMap or class file: every other class is class-unknown
    images       "none": only the XML is read; "header": the first bytes of each image; "decode": each image
                 is read and decoded (image-truncated, image-unreadable beyond the header)
    box_origin   "as-written": numbers are edges in pixels; "one-based": xmin and ymin count from 1
    select, extend_select, ignore, severity   see settings.make_selection
    per_path_ignores   {pattern: rules} for paths, whole or below the source; these rules are ignored there
    baseline     file of known issues that are not reported
    workers      processes; default: one for each processor when the source is large enough to be worth it

    Raises SourceError when there is no such source, OptionError for an option that makes no sense, and
    ClassMapError for a class file that cannot be read. Faulty data never raises.
    """
    job = make_job(source, options)
    baseline = options.baseline
    if isinstance(baseline, str | os.PathLike):
        from annotools.validation.baseline import Baseline

        baseline = Baseline.load(baseline)
    summary = Summary()
    found = _Run(job, options.split, options.workers, options.progress, summary).issues()
    root = job.source.root
    ignores = PathIgnores.of(options.per_path_ignores)
    wanted = (issue for issue in found if not ignores.ignores(issue, root)) if ignores.rules else found
    return ValidationResult(_kept(wanted, baseline, root, summary), summary, root)


def make_job(source: str | os.PathLike[str] | Source, options: CheckOptions) -> Job:
    """What the options ask for, with the source opened and the class file read. Raises as `validate`."""
    selection = make_selection(options.select, options.extend_select, options.ignore, options.severity)
    if not isinstance(source, Source):
        source = open_source(source, annotations=options.annotations, images=options.image_folder)
    classes = None
    if options.classes is not None:
        from annotools.classes.class_map import ClassMap  # half of the modules here would be loaded for it

        classes = ClassMap.of(options.classes)
    return Job(source, selection, classes, options.images, options.box_origin == "one-based")


def _kept(issues: Iterable[Issue], baseline: Baseline | None, root: str, summary: Summary) -> Iterator[Issue]:
    remaining = None if baseline is None else baseline.matcher(root)
    for issue in issues:
        if remaining is not None and remaining.knows(issue):
            summary.known += 1
            continue
        summary.severities[issue.severity] += 1
        summary.rules[issue.rule] += 1
        yield issue


@dataclass(slots=True)
class _Run:
    """One pass over a source."""

    job: Job
    split: str | None
    workers: int | None
    progress: bool
    summary: Summary

    def issues(self) -> Iterator[Issue]:
        job, source = self.job, self.job.source
        yield from job.selection.selected(source.issues())
        census = Census(one_based=job.one_based)
        memberships = Memberships(source.splits)
        with progress_bar(self.progress, unit=" files", total=len(source), title="validate") as tick:
            chunks = _chunks(self._pairs(memberships))
            for found, part in in_order(partial(check_chunk, job), chunks, self._workers()):
                yield from found
                census.add(part)
                tick(len(part.fingerprints) or part.files, 0)
        summary = self.summary
        summary.files, summary.objects = census.files, census.objects
        summary.images = sum(map(bool, census.fingerprints))
        summary.coordinate_origin = census.origin.verdict
        yield from job.selection.selected(self._data_set_issues(census, memberships))

    def _workers(self) -> int:
        if self.workers is not None:
            return self.workers
        return 1 if len(self.job.source) < WORTH_A_WORKER else os.cpu_count() or 1

    def _data_set_issues(self, census: Census, memberships: Memberships) -> Iterator[Issue]:
        job = self.job
        data_set = DataSet(job.source, census, memberships, lambda: job.source.unique_pairs(self.split))
        for check in DATA_SET_CHECKS:
            if not job.selection.enabled.isdisjoint(check.rules):
                yield from check.function(data_set)

    def _pairs(self, memberships: Memberships) -> Iterator[Pair]:
        """The pairs, while their splits are noted."""
        last = None
        for pair in self.job.source.pairs(self.split):
            bit = memberships.bit(pair.split)
            if pair.id == last:
                memberships.masks[-1] |= bit
                continue
            last = pair.id
            memberships.masks.append(bit)
            yield pair


def _chunks(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    """Lists of up to CHUNK pairs."""
    while chunk := list(islice(pairs, CHUNK)):
        yield chunk
