"""`convert`: plan, finish the shards, put everything in place, manifest last.

When the data has errors, or the call makes no sense, OUTPUT is left as it was. When something stops the work
(Ctrl-C, a full disk, a killed process), finished shards are kept and the same call goes on from there.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.class_discovery import class_names, discover_classes
from annotools.conversion.json_records import to_json
from annotools.conversion.options import ConvertOptions, Options, make_options
from annotools.conversion.output.journal import header_of
from annotools.conversion.output.publish import Target, make_target
from annotools.conversion.plan import Plan, make_plan
from annotools.conversion.resume import Job, finish_shard
from annotools.conversion.splits import RatioSplit, best_seed, compile_group_by, parse_split
from annotools.conversion.statistics import ShardResult
from annotools.errors import OptionError, OutputError, UnavailableError, WorkerError
from annotools.issues import DataError, Issue
from annotools.ledger import Ledger
from annotools.options import takes
from annotools.parallel import in_order, progress_bar
from annotools.repair.repairs import Repair, make_fixes
from annotools.sources.source import Source, open_source


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What a conversion did.

    ledger     images and objects: found = written + lost by code
    manifest   what manifest.json holds
    issues     every error; of warnings and infos the first of each rule and shard; sorted by file and line
    counts     issues by rule, all of them
    repairs    what `fix` changed, one by one
    reused     shards that an earlier run had finished and that were still right
    """

    ledger: Ledger
    manifest: dict[str, Any]
    issues: tuple[Issue, ...]
    counts: dict[str, int]
    repairs: tuple[Repair, ...] = ()
    reused: int = 0


@takes(ConvertOptions)
def convert(
    source: str | os.PathLike[str] | Source,
    output: str | os.PathLike[str],
    options: ConvertOptions,
) -> ConvertResult:
    """Convert VOC annotations and their images to `to`: pickle, ssd-pickle, tfrecord or tfds.

    source       a VOC tree, a folder, an archive (.zip, .tar, .tar.gz), the URL of a folder or a .zip
                 (s3://, gs://, ...; extra `remote`), or an open Source
    output       a folder, here or in an object store (s3://, gs://, ...); for the pickles also a file name
                 ending in .pkl, .pickle or .p, which then holds all splits in one
    classes      a class file or ClassMap; None: the sorted names found in the whole source
    split        None: every split of the source; `"train,val"`: these; `"train=0.8,val=0.2"`: new ones
    group_by     regular expression on the image id; images of one group stay in one split
    seed         of the ratio split; "auto" takes the seed whose split is nearest to stratified by class
    shards       files for each split; None: a power of two, as many as shard_size needs
    shard_size   bytes of images in a file, at most, about: `"256MiB"`
    workers      processes; the bytes written do not depend on it
    runner       "local": processes of this machine; "beam": Apache Beam (extra `beam`), which decides itself
                 how many workers there are; the bytes written do not depend on that either
    beam_options   flags for Beam, as on a command line: `["--runner=FlinkRunner", ...]`
    on_error     "fail" collects every error, then raises DataError and leaves no output;
                 "skip" leaves out the faulty object, or the image if the fault is of the image
    box_origin   "as-written" takes the numbers as pixel edges; "one-based" subtracts 1 from xmin and ymin
    exif         "upright" writes pixels and boxes as a viewer shows them; "keep" as they are stored;
                 "error" refuses images with an orientation
    source_id    "filename", or "numeric": the image's place by id, from 1
    fix          repairs to make on the way, by name: annotools.repair.repairs.FIXES
    map_classes  new names by old name
    annotations, images   the two folders, when they are not below `source`
    dry_run      read and check everything, write nothing
    overwrite    replace an earlier output of annotools; other files in the folder stay
    progress     a bar on stderr when that is a terminal

    An output that the same call began or finished earlier is continued: what is there, undamaged, and made
    from files that have not changed since (size and time) is kept. Another call into the same folder is
    refused.

    Raises DataError, SourceError, OutputError, OptionError, ClassMapError; LedgerError if anything went
    missing without a code, which would be a bug; WorkerError when a process was killed twice.
    """
    opened = _opened(source, options)
    chosen = _chosen(opened, options)
    target = make_target(output, chosen.to)
    finish = _runner(options)
    if options.dry_run:
        with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
            plan = _plan(opened, chosen, Path(folder), target)
            return _result(plan, finish(Job(plan, None, target.single_file)))
    return _convert(opened, chosen, target, finish, overwrite=options.overwrite)


Finish = Callable[[Job], list[ShardResult]]


def _convert(
    source: Source, options: Options, target: Target, finish: Finish, *, overwrite: bool
) -> ConvertResult:
    journal = target.journal
    with journal.output.lock(journal.state):
        former = target.former(overwrite=overwrite)
        try:
            target.begin(header_of(_absolute(source.root), options), former, overwrite=overwrite)
            with journal.output.scratch() as folder:
                plan = _plan(source, options, folder, target)
                results = finish(Job(plan, journal, target.single_file, reuse=not overwrite))
                result = _result(plan, results)
                companions = folder / "companions"
                companions.mkdir()
                _write_companions(plan, results, result.manifest, companions, target)
                target.publish([one.file for one in results], companions)
        except (OutputError, UnavailableError, WorkerError, OSError, KeyboardInterrupt) as error:
            journal.output.tidy()
            if kept := journal.staged_shards():
                error.add_note(f"{kept} finished shards are kept: the same command goes on from there")
            else:
                target.abandon(former)
            if isinstance(error, OSError):
                raise _as_output_error(error, target) from error
            raise
        except BaseException:
            target.abandon(former)
            raise
    return result


def _opened(source: str | os.PathLike[str] | Source, options: ConvertOptions) -> Source:
    if isinstance(source, Source):
        return source
    return open_source(source, annotations=options.annotations, images=options.images)


def _chosen(source: Source, asked: ConvertOptions) -> Options:
    """What decides about the bytes, with the classes and the seed that only the source can tell."""
    fixes = make_fixes(asked.fix, asked.map_classes)
    if isinstance(asked.classes, ClassMap):
        classes = asked.classes
    elif asked.classes is not None:
        classes = ClassMap.from_file(asked.classes)
    else:
        classes = discover_classes(source, fixes)
    if asked.seed == "auto":
        asked = dataclasses.replace(asked, seed=_best_seed(source, asked))
    return make_options(asked, classes)


def _best_seed(source: Source, asked: ConvertOptions) -> int:
    ratios = parse_split(asked.split).ratios
    if not ratios:
        raise OptionError("--seed auto is for a split by ratio", field="--seed", found=asked.seed)
    images = ((pair.id, names) for pair, names in class_names(source, source.pairs()))
    return best_seed(RatioSplit(ratios, 0, compile_group_by(asked.group_by)), images)


def _runner(options: ConvertOptions) -> Finish:
    """What finishes the shards: processes of this machine, or Apache Beam."""
    if options.runner == "beam":
        from annotools.conversion.beam_runner import finish_with_beam

        return partial(finish_with_beam, flags=options.beam_options)
    if options.beam_options:
        raise OptionError(
            "flags for Beam need --runner beam", field="--runner", found=options.runner, expected="beam"
        )
    return partial(_finish, workers=options.workers, progress=options.progress)


def _as_output_error(error: OSError, target: Target) -> OutputError:
    path = target.path if error.filename is None else str(error.filename)
    wrapped = OutputError(f"cannot be written: {error.strerror or error}", path=path)
    for note in getattr(error, "__notes__", ()):
        wrapped.add_note(note)
    return wrapped


def _absolute(root: str) -> str:
    return root if "://" in root else os.path.abspath(root)


def _plan(source: Source, options: Options, folder: Path, target: Target) -> Plan:
    return make_plan(source, options, folder, merged=target.single_file is not None)


def _finish(job: Job, *, workers: int, progress: bool) -> list[ShardResult]:
    """The results of all shards of a plan, in its order."""
    with progress_bar(progress, unit="img", total=job.plan.total) as tick:
        return list(in_order(partial(finish_shard, job), range(len(job.plan.shards)), workers, tick=tick))


def _result(plan: Plan, results: list[ShardResult]) -> ConvertResult:
    """The books of all shards in one; DataError if one error is enough."""
    result = _balance(plan, results)
    if plan.options.on_error == "fail" and any(issue.severity == "error" for issue in result.issues):
        raise DataError(_what_failed(result), issues=result.issues)
    return result


def _balance(plan: Plan, results: list[ShardResult]) -> ConvertResult:
    ledger = Ledger()
    ledger.add(plan.left_out)
    counts: Counter[str] = Counter()
    issues = list(plan.source.issues())
    counts.update(issue.rule for issue in issues)
    for result in results:
        ledger.add(result.ledger)
        counts.update(result.issue_counts)
        issues += result.issues
    issues.sort(key=lambda issue: (issue.path or "", issue.line or 0))  # shards have them in another order
    ledger.check()
    return ConvertResult(
        ledger,
        to_json(manifests.build(plan.options, results, ledger)),
        tuple(issues),
        dict(sorted(counts.items())),
        tuple(repair for result in results for repair in result.repairs),
        sum(result.reused for result in results),
    )


def _what_failed(result: ConvertResult) -> str:
    errors = [issue for issue in result.issues if issue.severity == "error"]
    files = len({issue.path for issue in errors})
    return (
        f"{len(errors)} error{'s' * (len(errors) != 1)} in {files} file{'s' * (files != 1)}; nothing was "
        "written (--on-error skip leaves out what is faulty)"
    )


def _write_companions(
    plan: Plan, results: list[ShardResult], manifest: dict[str, Any], folder: Path, target: Target
) -> None:
    classes = plan.options.classes
    classes.save(folder / target.label_map)
    splits: dict[str, list[tuple[str, int, int]]] = {}
    for result in results:
        splits.setdefault(result.split, []).append((result.file, result.records, result.bytes))
    plan.options.format.write_sidecars(folder, splits, classes)
    (folder / target.manifest).write_bytes(manifests.to_bytes(manifest))
