"""`convert`: plan, write the shards, put everything in place, manifest last; or leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotools.classes import ClassMap
from annotools.convert import manifest as manifests
from annotools.convert.options import Options, parse_size
from annotools.convert.plan import Plan, Shard, make_plan
from annotools.convert.shard import ShardResult, write_shard
from annotools.convert.survey import class_names, discover_classes
from annotools.errors import DataError, OptionError, OutputError
from annotools.issues import Issue, Ledger
from annotools.sources import Source, open_source
from annotools.splits import RatioSplit, best_seed, compile_group_by, parse_split
from annotools.validation.repair import Repair, make_fixes

UNFINISHED = ".annotools-unfinished"
"""The folder, inside OUTPUT, in which files are written before they get their names."""

_PICKLE_SUFFIXES = (".pkl", ".pickle", ".p")


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What a conversion did.

    ledger     images and objects: found = written + lost by code
    manifest   what manifest.json holds
    issues     every error; of warnings and infos the first of each rule
    counts     issues by rule, all of them
    repairs    what `fix` changed, one by one
    """

    ledger: Ledger
    manifest: dict[str, Any]
    issues: tuple[Issue, ...]
    counts: dict[str, int]
    repairs: tuple[Repair, ...] = ()


def convert(
    source: str | os.PathLike[str] | Source,
    output: str | os.PathLike[str],
    *,
    to: str,
    classes: str | os.PathLike[str] | ClassMap | None = None,
    split: str | None = None,
    group_by: str | None = None,
    seed: int | str = 0,
    shards: int | None = None,
    shard_size: str | int = "256MiB",
    workers: int = 1,
    on_error: str = "fail",
    box_origin: str = "as-written",
    exif: str = "upright",
    source_id: str = "filename",
    fix: Iterable[str] | str = (),
    map_classes: Mapping[str, str] | None = None,
    annotations: str | None = None,
    images: str | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> ConvertResult:
    """Convert VOC annotations and their images to `to`: pickle, ssd-pickle, tfrecord or tfds.

    source       a VOC tree, a folder, an archive (.zip, .tar, .tar.gz) or an open Source
    output       a folder; for the pickles also a file name ending in .pkl, .pickle or .p, which then
                 holds all splits in one
    classes      a class file or ClassMap; None: the sorted names found in the whole source
    split        None: every split of the source; `"train,val"`: these; `"train=0.8,val=0.2"`: new ones
    group_by     regular expression on the image id; images of one group stay in one split
    seed         of the ratio split; "auto" takes the seed whose split is nearest to stratified by class
    shards       files for each split; None: as many as shard_size needs
    shard_size   bytes of images in a file, about: `"256MiB"`
    workers      processes; the bytes written do not depend on it
    on_error     "fail" collects every error, then raises DataError and leaves no output;
                 "skip" leaves out the faulty object, or the image if the fault is of the image
    box_origin   "as-written" takes the numbers as pixel edges; "one-based" subtracts 1 from xmin and ymin
    exif         "upright" writes pixels and boxes as a viewer shows them; "keep" as they are stored;
                 "error" refuses images with an orientation
    source_id    "filename", or "numeric": the image's place by id, from 1
    fix          repairs to make on the way, by name: annotools.validation.repair.FIXES
    map_classes  new names by old name
    annotations, images   the two folders, when they are not below `source`
    dry_run      read and check everything, write nothing
    overwrite    replace an earlier output of annotools; other files in the folder stay
    progress     a bar on stderr when that is a terminal

    Raises DataError, SourceError, OutputError, OptionError, ClassMapError; LedgerError if anything went
    missing without a code, which would be a bug.
    """
    opened = (
        source if isinstance(source, Source) else open_source(source, annotations=annotations, images=images)
    )
    if workers < 1:
        raise OptionError("at least one worker is needed", field="--workers", found=workers, expected=">= 1")
    fixes = make_fixes(fix, map_classes)
    if isinstance(classes, ClassMap):
        class_map = classes
    elif classes is not None:
        class_map = ClassMap.from_file(classes)
    else:
        class_map = discover_classes(opened, fixes)
    options = Options(
        to=to,
        classes=class_map,
        box_origin=box_origin,
        exif=exif,
        source_id=source_id,
        on_error=on_error,
        split=split,
        group_by=group_by,
        seed=_seed(seed, opened, split, group_by),
        fixes=fixes,
    )
    target = _Target(Path(output), to)
    with target.staging(dry_run=dry_run, overwrite=overwrite) as folder:
        plan = make_plan(
            opened,
            options,
            folder / "plan",
            shards=shards,
            shard_size=parse_size(shard_size),
            merged=target.single_file is not None,
        )
        results = _write_all(
            plan, None if dry_run else folder, target.single_file, workers=workers, progress=progress
        )
        result = _balance(plan, results)
        if on_error == "fail" and any(issue.severity == "error" for issue in result.issues):
            raise DataError(_what_failed(result), issues=result.issues)
        if not dry_run:
            _write_companions(plan, results, result.manifest, folder, target)
            target.publish(folder)
    return result


def _seed(seed: int | str, source: Source, split: str | None, group_by: str | None) -> int:
    if seed != "auto":
        try:
            return int(seed)
        except ValueError:
            raise OptionError(
                "not a seed", field="--seed", found=seed, expected="a whole number, or auto"
            ) from None
    ratios = parse_split(split).ratios
    if not ratios:
        raise OptionError("--seed auto is for a split by ratio", field="--seed", found=seed)
    images = ((pair.id, names) for pair, names in class_names(source, source.pairs()))
    return best_seed(RatioSplit(ratios, 0, compile_group_by(group_by)), images)


def _write_all(
    plan: Plan, folder: Path | None, single_file: str | None, *, workers: int, progress: bool
) -> list[ShardResult]:
    jobs = [(plan, shard, folder, single_file) for shard in plan.shards]
    with _progress_bar(plan.total, shown=progress) as advance:
        if min(workers, len(jobs)) == 1:
            return [write_shard(plan, shard, folder, file=f, tick=advance) for _, shard, folder, f in jobs]
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor, as_completed

        # spawn: a forked child of a process with TensorFlow or threads in it may hang
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
            futures = {pool.submit(_write_job, *job): job[1] for job in jobs}
            try:
                for future in as_completed(futures):
                    future.result()
                    advance(futures[future].entries)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            return [future.result() for future in futures]


@contextlib.contextmanager
def _progress_bar(total: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """A function that takes the number of images done; it draws on stderr, if that is a terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda _images: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="img", file=sys.stderr) as bar:
        yield bar.update


def _write_job(plan: Plan, shard: Shard, folder: Path | None, file: str | None) -> ShardResult:
    return write_shard(plan, shard, folder, file=file)


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
    ledger.check()
    return ConvertResult(
        ledger,
        manifests.build(plan.options, results, ledger),
        tuple(issues),
        dict(sorted(counts.items())),
        tuple(repair for result in results for repair in result.repairs),
    )


def _what_failed(result: ConvertResult) -> str:
    errors = [issue for issue in result.issues if issue.severity == "error"]
    files = len({issue.path for issue in errors})
    return (
        f"{len(errors)} error{'s' * (len(errors) != 1)} in {files} file{'s' * (files != 1)}; nothing was "
        "written (--on-error skip leaves out what is faulty)"
    )


def _write_companions(
    plan: Plan, results: list[ShardResult], manifest: dict[str, Any], folder: Path, target: _Target
) -> None:
    classes = plan.options.classes
    if plan.options.to == "ssd-pickle":
        from annotools.formats import ssd_pickle

        for result in results:
            # names in the order of the one-hot columns; ids, which may have gaps, are in the label map
            beside = folder / ssd_pickle.classes_path(Path(result.file)).name
            beside.write_text(classes.to_txt(), encoding="utf-8", newline="\n")
    classes.save(folder / target.label_map)
    if plan.options.to == "tfds":
        from annotools.formats import tfds

        shards: dict[str, list[tuple[int, int]]] = {}
        for result in results:
            shards.setdefault(result.split, []).append((result.records, result.bytes))
        tfds.write_metadata(folder, classes=classes, splits=shards)
    manifests.dump(manifest, folder / target.manifest)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the output goes: a folder, or for the pickles one file with two companions beside it."""

    path: Path
    to: str

    @property
    def single_file(self) -> str | None:
        if self.to in ("pickle", "ssd-pickle") and self.path.suffix.lower() in _PICKLE_SUFFIXES:
            return self.path.name
        return None

    @property
    def folder(self) -> Path:
        return self.path.parent if self.single_file else self.path

    @property
    def manifest(self) -> str:
        return f"{self.path.stem}.{manifests.NAME}" if self.single_file else manifests.NAME

    @property
    def label_map(self) -> str:
        return f"{self.path.stem}.label_map.pbtxt" if self.single_file else "label_map.pbtxt"

    @contextlib.contextmanager
    def staging(self, *, dry_run: bool, overwrite: bool) -> Iterator[Path]:
        """A folder to write into, gone afterwards whatever happens, with any folder made on the way to it."""
        if dry_run:
            import tempfile

            with tempfile.TemporaryDirectory(prefix="annotools-") as name:
                (Path(name) / "plan").mkdir()
                yield Path(name)
            return
        self._refuse_or_allow(overwrite)
        made = self.folder
        while not made.parent.exists():
            made = made.parent
        fresh = not made.exists()
        staging = self.folder / f"{UNFINISHED}{'-' + self.path.stem if self.single_file else ''}"
        finished = False
        try:
            shutil.rmtree(staging, ignore_errors=True)  # of an earlier run that was killed
            (staging / "plan").mkdir(parents=True)
            yield staging
            finished = True
        except OSError as error:
            raise OutputError(
                f"cannot be written: {error.strerror or error}", path=str(error.filename or self.path)
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            if fresh and not finished:
                shutil.rmtree(made, ignore_errors=True)

    def _refuse_or_allow(self, overwrite: bool) -> None:
        if self.single_file:
            if self.path.exists() and not overwrite:
                raise OutputError("exists already (--overwrite replaces it)", path=str(self.path))
            return
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise OutputError("exists already and is not a folder", path=str(self.path))
        others = [name for name in os.listdir(self.path) if name != UNFINISHED]
        if others and not overwrite:
            raise OutputError(
                "exists already and is not empty (--overwrite replaces it)", path=str(self.path)
            )
        if others and manifests.NAME not in others:
            raise OutputError(
                "holds files but no manifest of annotools: nothing is replaced",
                path=str(self.path),
            )

    def publish(self, staging: Path) -> None:
        """Give every file its name, the manifest last. A former output goes first, from its manifest on."""
        old = self.folder / self.manifest
        if old.exists() and not self.single_file:
            former = manifests.read(old)
            old.unlink()
            for split in former["splits"].values():
                for shard in split["shards"]:
                    name = Path(shard["file"]).name
                    (self.folder / name).unlink(missing_ok=True)
                    (self.folder / "index" / f"{name}.u64").unlink(missing_ok=True)
        old.unlink(missing_ok=True)
        shutil.rmtree(staging / "plan")
        files = [file.relative_to(staging) for file in staging.rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: (file.name == self.manifest, file)):
            destination = self.folder / file
            destination.parent.mkdir(exist_ok=True)
            os.replace(staging / file, destination)
