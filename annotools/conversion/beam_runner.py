"""The shards of a plan as an Apache Beam pipeline: `annotools convert --runner beam -- FLAGS OF BEAM`.

The pipeline is as short as can be: the numbers of the shards, spread over the workers, and `finish_shard` for
each. Nothing comes back through Beam, because not every runner can bring something back: the shards and their
journal entries lie in OUTPUT. Every worker must reach it, and SOURCE, under the name that it has here. The
rows of the plan are in OUTPUT too when that is a folder; with a URL they travel with the shard's number.

Each shard may be done twice, or by two workers at once: runners do that after a failure, and some for speed.
Both write the same bytes, each file whole or not at all.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from annotools import errors
from annotools.conversion.output.local import Local
from annotools.conversion.resume import Job, finish_shard
from annotools.conversion.statistics import ShardResult
from annotools.errors import AnnotoolsError, MissingExtraError, OptionError, WorkerError

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing

_MARK: Final = re.compile(r"\[annotools error ([A-Za-z0-9+/=]+)\]")
_INTERRUPTED: Final = re.compile(r"^KeyboardInterrupt\b", re.MULTILINE)
_LONGEST: Final = 1000
_ONE_AT_A_TIME: Final = "--dask_partition_size=1"


class ShardError(Exception):
    """An AnnotoolsError of a worker, all of it in the text: of exceptions many runners bring back no more."""

    @classmethod
    def of(cls, error: AnnotoolsError) -> ShardError:
        found = error.found
        details = {
            "type": type(error).__name__,
            "message": error.message,
            "path": error.path,
            "line": error.line,
            "field": error.field,
            "found": found if found is None or isinstance(found, int | float) else str(found)[:_LONGEST],
            "expected": error.expected,
        }
        packed = base64.b64encode(json.dumps(details).encode()).decode()
        return cls(f"{error} [annotools error {packed}]")


class FinishShard(beam.DoFn):
    """(number of a shard, its rows or None) -> nothing; the shard is then in the staging folder of OUTPUT.

    The rows are those of the plan, packed and compressed; None: the plan file can be read from here.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: tuple[int, bytes | None]) -> None:
        index, rows = element
        try:
            if rows is None:
                finish_shard(self.job, index)
            else:
                plan = self.job.plan.alone(index, zlib.decompress(rows))
                finish_shard(replace(self.job, plan=plan), 0)
        except AnnotoolsError as error:
            raise ShardError.of(error) from error


def _elements(job: Job) -> Iterator[tuple[int, bytes | None]]:
    assert job.journal is not None
    at_hand = isinstance(job.journal.output, Local)  # the plan file is then in a scratch folder of OUTPUT
    for index, shard in enumerate(job.plan.shards):
        yield index, None if at_hand else zlib.compress(job.plan.packed(shard))


def finish_with_beam(job: Job, flags: Sequence[str]) -> list[ShardResult]:
    """The results of all shards of a plan, in its order, after a pipeline has finished them.

    flags   as on Beam's own command lines: `["--runner=FlinkRunner", "--flink_master=host:8081"]`

    Raises OptionError for flags that Beam refuses, what a shard raised (its `found` as text), and
    WorkerError when the pipeline failed or ended without a shard.
    """
    if job.journal is None:
        raise OptionError(
            "a dry run is made on this machine", field="--runner", found="beam", expected="local"
        )
    before = dict(_fingerprints(job))
    pipeline = _make_pipeline(flags)
    _ = (
        pipeline
        | "Shards" >> beam.Create(list(_elements(job)))
        | "Spread" >> beam.Reshuffle()
        | "Finish" >> beam.ParDo(FinishShard(job))
    )
    _run(pipeline)
    return list(_results(job, before))


def _make_pipeline(flags: Sequence[str]) -> beam.Pipeline:
    flags = list(flags)
    # Beam's Dask runner would give the first 128 shards to one worker.
    if any("DaskRunner" in flag for flag in flags) and not any(
        flag.startswith(("--dask_npartitions", "--dask_partition_size")) for flag in flags
    ):
        flags.append(_ONE_AT_A_TIME)
    try:
        options = PipelineOptions(flags)
        pipeline = beam.Pipeline(options=options)  # with the runner, its options become known
        options.get_all_options()  # each kind of options is parsed when it is asked for
        return pipeline
    except (ValueError, ImportError, AttributeError, SystemExit) as error:
        reason = "see above" if isinstance(error, SystemExit) else str(error)
        raise OptionError(
            f"Beam does not take these flags: {reason}", field="--runner beam --", found=" ".join(flags)
        ) from error


def _run(pipeline: beam.Pipeline) -> None:
    result: Any = None
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except KeyboardInterrupt:
        if result is not None:
            result.cancel()
        raise
    except Exception as error:
        if _INTERRUPTED.search(str(error)):  # Ctrl-C while the runner was doing the work in this process
            raise KeyboardInterrupt from error
        raise _as_annotools_error(error) from error
    finally:
        client = getattr(result, "client", None)  # the Dask runner leaves its connection open
        if client is not None:
            client.close()
    if state != beam.runners.runner.PipelineState.DONE:
        raise WorkerError("the pipeline did not finish", field="state", found=state, expected="DONE")


def _as_annotools_error(error: Exception) -> AnnotoolsError:
    """What a worker raised, found again in the text of whatever the runner made of it."""
    match = _MARK.search(str(error))
    if match is None:
        return WorkerError(f"the pipeline failed: {type(error).__name__}: {error}")
    details = json.loads(base64.b64decode(match[1]))
    kind = getattr(errors, details.pop("type"))
    rebuilt: AnnotoolsError = kind.__new__(kind)
    AnnotoolsError.__init__(rebuilt, details.pop("message"), **details)
    return rebuilt


def _files(job: Job) -> list[str]:
    return [job.file(shard) for shard in job.plan.shards]


def _fingerprints(job: Job) -> Iterator[tuple[str, str]]:
    """Of the shards that an earlier run has finished, the inputs from which it made them."""
    journal = job.journal
    assert journal is not None
    known = journal.finished_files(published=job.reuse)
    for file in _files(job):
        if file in known and (entry := journal.trusted_entry(file)) is not None:
            yield file, entry.fingerprint


def _results(job: Job, before: dict[str, str]) -> Iterator[ShardResult]:
    journal = job.journal
    assert journal is not None
    for file in _files(job):
        entry = journal.trusted_entry(file)
        if entry is None:
            raise WorkerError("the pipeline ended without this shard", path=journal.output.display(file))
        yield replace(entry.result, reused=before.get(file) == entry.fingerprint)
