"""`verify`: is an output of `convert` whole, and is it what its manifest and its source say?

Nothing of the output is believed, the manifest included, and nothing in it is changed. Rules of the faults:

    manifest-shape      the manifest is not JSON, or not as schemas/manifest.schema.json has it
    manifest-sum        its numbers do not add up
    count               what the shards of a split hold is not what the manifest says
    shard-missing       a file that it lists is not there or cannot be read
    shard-unlisted      a file looks like a shard, or like offsets of one, and is not listed; or it is in a
                        folder all of which readers take (coco, yolo)
    shard-bytes, shard-sha256, record-count, shard-exchanged   a shard is not the one that it lists
    index               offsets in index/ are not those of the records
    length-crc, data-crc, record-cut          the framing of a record is damaged
    undecodable, key, text, flag              a record is no tf.Example, or not one of ours
    box, label, label-text, source-id         a record says what it cannot
    image-sha256, image-unreadable, image-size, image-format, image-undecodable   its image is another one
    id-repeated         an image is in the output twice
    label-map, tfds-metadata, data-yaml       a file beside the shards says something else than the manifest
    missing, extra, different, order          against the source: a record
    source-shards, source-books, not-compared against the source: shards, ledger, and what could not be read
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotools.conversion.manifest import Manifest
from annotools.conversion.output.place import Place
from annotools.conversion.output_formats import FORMATS
from annotools.ledger import Ledger
from annotools.options import takes
from annotools.parallel import Tick, in_order, progress_bar
from annotools.records import record
from annotools.verification import folder as folders
from annotools.verification import sums
from annotools.verification.duplicates import check_repeats
from annotools.verification.entries import EntryCheck
from annotools.verification.faults import Fault, Faults
from annotools.verification.options import VerifyOptions
from annotools.verification.report import ShardReport
from annotools.verification.salvage import Salvaged, rescue_folder, salvage_all
from annotools.verification.shard import ShardCheck, check_framing

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.sources.source import Source


@record
class VerifyResult:
    """What `verify` found.

    faults     all of them; of more than 1000 of one rule in one file the first 1000
    counts     faults by rule, all of them
    shards, records, objects, bytes   what was read
    salvaged   what was saved of damaged shards
    """

    faults: tuple[Fault, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    shards: int = 0
    records: int = 0
    objects: int = 0
    bytes: int = 0
    salvaged: tuple[Salvaged, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.counts


@takes(VerifyOptions)
def verify(
    output: str | os.PathLike[str],
    options: VerifyOptions,
) -> VerifyResult:
    """Check everything that an output of `convert` says about itself: see the top of this module.

    output     a folder, or a single pickle with its sidecar files beside it
    against    the source: every record is made once more and compared. The images of a data set that has
               changed since then are faults, by name.
    images     "decode" decodes every image (TFRecord formats; the pickles hold none)
    salvage    a new or empty folder, for the readable records of damaged TFRecord shards, made when there are
               any. Nothing is ever written into the output.
    annotations, image_folder   of the source, when they are not below it, as for `validate`
    workers    processes; the result does not depend on it
    progress   a bar on stderr when that is a terminal

    Faults are in the result, whatever the files hold. OutputError where there is no finished output or the
    rescue folder cannot be used, SourceError for `against`, OptionError; WorkerError for a killed process.
    """
    place = folders.find_output(output)
    rescue = None if options.salvage is None else rescue_folder(Path(options.salvage), place)
    faults = Faults()
    manifest = folders.read_manifest(place, faults)
    classes = None
    with progress_bar(options.progress, unit="B", title="verify") as tick:
        if manifest is None:
            reports = _check_unlisted(place, options, tick)
        else:
            sums.check_sums(manifest, faults, place.manifest)
            classes = folders.check_label_map(place, manifest, faults)
            if classes is not None:
                folders.check_sidecars(place, manifest, classes, faults)
            check = _check_of(place, manifest, options)
            reports = _reports(check.check, manifest.shards, options.workers, tick)
            sums.explain_exchanged(reports, manifest)
            sums.check_counts(manifest, reports, faults, place.manifest)
        folders.check_strays(place, manifest, faults)
        for report in reports:
            faults.extend(report.faults)
        if options.against is not None and manifest is not None and classes is not None:
            faults.extend(_compare(place, manifest, classes, options))
    if manifest is not None:
        # last: with numpy come threads, and a process that has threads cannot be forked
        names = _check_of(place, manifest, options).names_in
        check_repeats(manifest, reports, names, faults)
    saved = () if rescue is None else salvage_all(place, reports, rescue)
    return VerifyResult(
        tuple(faults.listed),
        dict(sorted(faults.counts.items())),
        len(reports),
        sum(report.records for report in reports),
        sum(report.objects for report in reports),
        sum(report.bytes for report in reports),
        saved,
    )


def _check_of(place: Place, manifest: Manifest, options: VerifyOptions) -> ShardCheck | EntryCheck:
    """The check of the files of an output."""
    if FORMATS[manifest.to].dialect is None:
        return EntryCheck.of(place, manifest)
    return ShardCheck.of(place, manifest, options.images)


def _reports(
    work: Callable[..., ShardReport], jobs: Sequence[Any], workers: int, tick: Tick
) -> list[ShardReport]:
    reports = []
    for report in in_order(work, jobs, workers):
        reports.append(report)
        tick(1, report.bytes)
    return reports


def _check_unlisted(place: Place, options: VerifyOptions, tick: Tick) -> list[ShardReport]:
    """Without a manifest that can be used, the framing of whatever looks like a shard."""
    if place.single_file is not None:
        return []
    files = folders.shard_like(place, None)
    work = partial(check_framing, place)
    return _reports(work, files, options.workers, tick)


def _open(options: VerifyOptions) -> Source:
    from annotools.sources.source import Source, open_source

    if isinstance(options.against, Source):
        return options.against
    assert options.against is not None
    folders = {"annotations": options.annotations, "images": options.image_folder}
    return open_source(os.fspath(options.against), **folders)


def _compare(place: Place, manifest: Manifest, classes: ClassMap, asked: VerifyOptions) -> Faults:
    from annotools.conversion.options import options_of
    from annotools.conversion.plan import make_plan
    from annotools.verification import comparison

    source = _open(asked)
    options = options_of(manifest.to, manifest.options, classes)
    with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
        plan = make_plan(source, options, Path(folder), merged=place.single_file is not None)
        units, faults = comparison.units(plan, manifest, place.single_file)
        total = comparison.Comparison(faults)
        work = partial(comparison.compare_unit, plan, place)
        for part in in_order(work, units, asked.workers):
            total.faults.extend(part.faults)
            total.ledger.add(part.ledger)
            total.issues.update(part.issues)
            total.repairs.update(part.repairs)
            total.not_written.update(part.not_written)
        left_out = Ledger()
        left_out.add(plan.left_out)
        comparison.compare_statistics(total, left_out, manifest, place.manifest)
    return total.faults
