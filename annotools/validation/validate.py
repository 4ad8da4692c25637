"""Run the rules over a source: file by file, on several processors, with findings as values.

Nothing in the data stops a run. What comes out depends on the data and the options only: the issues are in
the order of the files however many workers found them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from annotools.issues import Issue
from annotools.options import takes
from annotools.parallel import in_order, progress_bar
from annotools.sources.source import Pair, Source, open_source
from annotools.validation.census import Census, Memberships
from annotools.validation.checker import Job, check_chunk
from annotools.validation.options import CheckOptions, ValidateOptions
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


@dataclass(slots=True)
class Summary:
    """Counts of a finished validation. `known` issues are in the baseline and counted nowhere else."""

    files: int = 0
    images: int = 0
    objects: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    known: int = 0
    coordinate_origin: str = "unknown"

    def add(self, other: Summary) -> None:
        self.files += other.files
        self.images += other.images
        self.objects += other.objects
        self.severities += other.severities
        self.rules += other.rules
        self.known += other.known
        if self.coordinate_origin != other.coordinate_origin:
            self.coordinate_origin = "unknown"

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "images": self.images,
            "objects": self.objects,
            "errors": self.severities["error"],
            "warnings": self.severities["warning"],
            "infos": self.severities["info"],
            "rules": dict(sorted(self.rules.items())),
            "known": self.known,
            "coordinate_origin": self.coordinate_origin,
        }


class ValidationResult:
    """The issues of a source, found while they are asked for.

    Iterating runs the check and yields each issue as soon as it is found; iterating again gives the same
    issues without checking again. `issues`, `summary` and `failed` finish the check first.
    """

    def __init__(self, issues: Iterator[Issue], summary: Summary, root: str) -> None:
        self.root = root
        self._pending = issues
        self._found: list[Issue] = []
        self._summary = summary

    def __iter__(self) -> Iterator[Issue]:
        position = 0
        while True:
            if position == len(self._found):
                issue = next(self._pending, None)
                if issue is None:
                    return
                self._found.append(issue)
            yield self._found[position]
            position += 1

    @property
    def issues(self) -> list[Issue]:
        """All issues, in the order of the files; those of the data set as a whole come last."""
        self._found.extend(self._pending)
        return list(self._found)

    @property
    def summary(self) -> Summary:
        self._found.extend(self._pending)
        return self._summary

    def failed(self, *, strict: bool = False) -> bool:
        """Whether there is an error; with `strict` a warning is enough."""
        severities = self.summary.severities
        return bool(severities["error"] or (strict and severities["warning"]))


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
    return ValidationResult(_kept(found, baseline, root, summary), summary, root)


def make_job(source: str | os.PathLike[str] | Source, options: CheckOptions) -> Job:
    """What the options ask for, with the source opened and the class file read. Raises as `validate`."""
    selection = make_selection(options.select, options.extend_select, options.ignore, options.severity)
    if not isinstance(source, Source):
        source = open_source(source, annotations=options.annotations, images=options.image_folder)
    classes = options.classes
    if isinstance(classes, str | os.PathLike):
        from annotools.classes.class_map import ClassMap  # half of the modules here would be loaded for it

        classes = ClassMap.from_file(classes)
    return Job(source, selection, classes, options.images, options.box_origin == "one-based")


def merged(results: Sequence[ValidationResult]) -> ValidationResult:
    """Several results as one, the sources one after the other."""
    summary = Summary()

    def issues() -> Iterator[Issue]:
        for result in results:
            yield from result
            summary.add(result.summary)

    return ValidationResult(issues(), summary, ", ".join(result.root for result in results))


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
        if job.images != "none":
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
