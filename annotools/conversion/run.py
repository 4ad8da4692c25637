"""`convert`: plan, finish the shards, put everything in place, manifest last.

When the data has errors, or the call makes no sense, OUTPUT is left as it was. When something stops the work
(Ctrl-C, a full disk, a killed process), finished shards are kept and the same call goes on from there.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.conversion.class_discovery import class_names, discover_classes
from annotools.conversion.copies import ratio_split
from annotools.conversion.options import ConvertOptions, Options, make_options
from annotools.conversion.output.journal import header_of
from annotools.conversion.output.publish import Publisher
from annotools.conversion.plan import Plan, make_plan
from annotools.conversion.result import ConvertResult, result_of
from annotools.conversion.resume import Job, finish_shard
from annotools.conversion.sidecars import write_sidecars
from annotools.conversion.splits import best_seed, parse_split, split_text
from annotools.conversion.statistics import ShardResult
from annotools.errors import OptionError, OutputError, UnavailableError, WorkerError
from annotools.options import takes
from annotools.parallel import in_order, progress_bar
from annotools.repair.fixes import make_fixes
from annotools.sources.source import Source, open_source


@takes(ConvertOptions)
def convert(
    source: str | os.PathLike[str] | Source,
    output: str | os.PathLike[str],
    options: ConvertOptions,
) -> ConvertResult:
    """Convert VOC annotations and their images to `to`: pickle, ssd-pickle, tfrecord, tfds, coco or yolo.

    source       a VOC tree, a folder, an archive (.zip, .tar, .tar.gz), the URL of a folder or a .zip
                 (s3://, gs://, ...; extra `remote`), or an open Source
    output       a folder, here or in an object store (s3://, gs://, ...); for the pickles also a file name
                 ending in .pkl, .pickle or .p, which then holds all splits in one
    classes      a class file, ClassMap, the names in order, or ids by name; None: the sorted names found in
                 the whole source
    split        None: every split of the source; `"train,val"`: these; `"train=0.8,val=0.2"`: new ones;
                 a list of names and a dict of ratios mean the same
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
    from files that have not changed since (size and time, the text of XML) is kept. Another call into the
    same folder is refused.

    Raises DataError, SourceError, OutputError, OptionError, ClassMapError; LedgerError if anything went
    missing without a code, which would be a bug; WorkerError when a process was killed twice.
    """
    opened = _opened(source, options)
    chosen = _chosen(opened, options)
    publisher = Publisher.at(output, chosen.to)
    finish = _runner(options)
    if options.dry_run:
        import tempfile  # takes longer to import than many a set to read

        with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
            plan = _plan(opened, chosen, Path(folder), publisher)
            return result_of(plan, finish(Job(plan, None, publisher.place.single_file)))[0]
    return _convert(opened, chosen, publisher, finish, overwrite=options.overwrite)


Finish = Callable[[Job], list[ShardResult]]


def _convert(
    source: Source, options: Options, publisher: Publisher, finish: Finish, *, overwrite: bool
) -> ConvertResult:
    journal = publisher.journal
    with journal.output.lock(journal.state):
        former = publisher.former(overwrite=overwrite)
        try:
            publisher.begin(header_of(_absolute(source.root), options), former, overwrite=overwrite)
            with journal.output.scratch() as folder:
                plan = _plan(source, options, folder, publisher)
                job = Job(plan, journal, publisher.place.single_file, reuse=not overwrite)
                journal.output.check_names(job.file(shard) for shard in plan.shards)
                results = finish(job)
                result, manifest = result_of(plan, results)
                sidecars = folder / "sidecars"
                sidecars.mkdir()
                write_sidecars(sidecars, publisher.place, manifest, options.classes)
                publisher.publish({one.file: one.beside for one in results}, sidecars)
        except (OutputError, UnavailableError, WorkerError, OSError, KeyboardInterrupt) as error:
            journal.output.tidy()
            if kept := journal.staged_shards():
                error.add_note(f"{kept} finished shards are kept: the same command goes on from there")
            else:
                publisher.abandon(former)
            if isinstance(error, OSError):
                raise _as_output_error(error, publisher) from error
            raise
        except BaseException:
            publisher.abandon(former)
            raise
    return result


def _opened(source: str | os.PathLike[str] | Source, options: ConvertOptions) -> Source:
    if isinstance(source, Source):
        return source
    return open_source(source, annotations=options.annotations, images=options.images)


def _chosen(source: Source, asked: ConvertOptions) -> Options:
    """What decides about the bytes, with the classes and the seed that only the source can tell."""
    asked = dataclasses.replace(asked, split=split_text(asked.split))
    fixes = make_fixes(asked.fix, asked.map_classes)
    if asked.classes is not None:
        classes = ClassMap.of(asked.classes)
    else:
        classes = discover_classes(source, fixes)
    if asked.seed == "auto":
        asked = dataclasses.replace(asked, seed=_best_seed(source, asked))
    return make_options(asked, classes)


def _best_seed(source: Source, asked: ConvertOptions) -> int:
    ratios = parse_split(split_text(asked.split)).ratios
    if not ratios:
        raise OptionError("--seed auto is for a split by ratio", field="--seed", found=asked.seed)
    images = ((pair.id, names) for pair, names in class_names(source, source.pairs()))
    return best_seed(ratio_split(source, ratios, 0, asked.group_by), images)


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


def _as_output_error(error: OSError, publisher: Publisher) -> OutputError:
    path = publisher.place.path if error.filename is None else str(error.filename)
    wrapped = OutputError(f"cannot be written: {error.strerror or error}", path=path)
    for note in getattr(error, "__notes__", ()):
        wrapped.add_note(note)
    return wrapped


def _absolute(root: str) -> str:
    return root if "://" in root else os.path.abspath(root)


def _plan(source: Source, options: Options, folder: Path, publisher: Publisher) -> Plan:
    return make_plan(source, options, folder, merged=publisher.place.single_file is not None)


def _finish(job: Job, *, workers: int, progress: bool) -> list[ShardResult]:
    """The results of all shards of a plan, in its order."""
    with progress_bar(progress, unit="img", total=job.plan.total) as tick:
        return list(in_order(partial(finish_shard, job), range(len(job.plan.shards)), workers, tick=tick))
