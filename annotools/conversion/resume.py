"""One shard from the plan to its place in the staging folder, or the proof that it is there already.

This is what a worker does, whichever it is: this process, another one, or a machine of a cluster. It needs
nobody to tell anybody what it did: shard and journal entry lie in OUTPUT.
"""

from __future__ import annotations

import dataclasses

from annotools.conversion.output import journal as journals
from annotools.conversion.output.journal import Journal
from annotools.conversion.plan import Plan, Shard
from annotools.conversion.shard import shard_file, write_shard
from annotools.conversion.statistics import ShardResult
from annotools.formats.example.offsets import index_file
from annotools.parallel import Tick
from annotools.records import record


def _no_tick(_images: int, _bytes: int) -> None:
    pass


@record
class Job:
    """What all shards of a conversion have in common; picklable.

    journal       None for a dry run: everything is read and checked, nothing written
    single_file   the name of the output where it is one file and not a folder
    reuse         whether shards that an earlier run has put in place count
    """

    plan: Plan
    journal: Journal | None
    single_file: str | None = None
    reuse: bool = True

    def file(self, shard: Shard) -> str:
        """The name of the file of a shard."""
        return self.single_file or shard_file(self.plan, shard)


def finish_shard(job: Job, index: int, tick: Tick = _no_tick) -> ShardResult:
    """Write shard `index` unless its inputs and its bytes are those of the journal."""
    plan, journal = job.plan, job.journal
    shard = plan.shards[index]
    file = job.file(shard)
    if journal is None:
        return write_shard(plan, index, None, file=file, tick=tick)
    fingerprint = journals.fingerprint(plan, index)
    found = journal.read_entry(file, published=job.reuse)
    if found is not None and found.fingerprint == fingerprint:
        tick(shard.entries, 0)
        return dataclasses.replace(found.result, reused=True)
    output = journal.output
    with output.scratch() as scratch:
        result = write_shard(plan, index, scratch, file=file, tick=tick)
        output.remove(journal.entry_of_staged(file))
        offsets = [index_file(file)] if result.has_index else []
        for name in result.beside:
            output.put(scratch / name, journal.staged(name), durable=False)
        output.settle([journal.staged(name) for name in result.beside])
        for name in (*offsets, file):
            output.put(scratch / name, journal.staged(name))
    journal.write_entry(file, journals.Entry(fingerprint, result))
    return result
