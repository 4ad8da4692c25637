"""The unit of work: from the plan and a shard of it to one file. Retry, resume and distribution build on it.

`write_shard` depends on nothing but its arguments and the source, and gives the same bytes every time. A
format is imported when it is written: the others would only delay the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from annotools.conversion.outcome import Outcome
from annotools.conversion.plan import Plan, Shard
from annotools.conversion.reconcile import reconcile
from annotools.conversion.statistics import ShardResult, Statistics, WrittenFile
from annotools.formats.example.offsets import write_offsets
from annotools.parallel import Tick
from annotools.records import Annotation, Example, record
from annotools.sources.storage import HEAD


def shard_file(plan: Plan, shard: Shard) -> str:
    """The file name of a shard in the output folder."""
    return plan.options.format.shard_name(shard.split, shard.index, shard.count)


def write_shard(
    plan: Plan,
    index: int,
    folder: Path | None,
    *,
    file: str | None = None,
    tick: Tick = lambda _images, _bytes: None,
) -> ShardResult:
    """Write shard `index` of the plan into `folder`, or do everything but the writing when it is None.

    file   the name to write under, if not the shard's own
    tick   called with 1 and the bytes of the image after each image

    Faulty images and objects end up in the result, under the rule that found them.
    """
    shard = plan.shards[index]
    name = file or shard_file(plan, shard)
    writer = ShardWriter(plan, shard, tick)
    if folder is None:
        written = WrittenFile()
        for _ in writer.outcomes():
            pass
    else:
        written = writer.write(folder, name)
    return ShardResult.of((shard.split, shard.index, shard.count), name, written, writer.statistics)


@record
class ShardWriter:
    """One shard on its way to a file. Each image is counted in `statistics` when it has been read."""

    plan: Plan
    shard: Shard
    tick: Tick
    statistics: Statistics = field(default_factory=Statistics)

    def write(self, folder: Path, name: str) -> WrittenFile:
        """Write the file `name` in `folder`; what else the format writes there belongs to it.

        Beside TFRecord shards these are the offsets of their records.
        """
        form, classes, path = self.plan.options.format, self.plan.options.classes, folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if form.dialect is not None:
            return self._write_records(path)
        form.functions.write(getattr(self, f"{form.holds}s")(), path, classes=classes)
        found = [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
        beside = tuple(sorted(one for one in found if one != name))
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return WrittenFile(path.stat().st_size, digest, beside=beside)

    def _write_records(self, path: Path) -> WrittenFile:
        from annotools.formats.example.framing_writer import Writer

        encode, classes = self.plan.options.format.functions.encode, self.plan.options.classes
        offsets = []
        with Writer(path) as writer:
            for example in self.examples():
                head, tail = encode(example, classes)
                offsets.append(writer.write(head, example.encoded, tail))
        write_offsets(path, offsets)
        return WrittenFile(writer.size, writer.sha256(), has_index=True)

    def examples(self) -> Iterator[Example]:
        for outcome in self.outcomes():
            if outcome.example is not None:
                yield outcome.example

    def annotations(self) -> Iterator[Annotation]:
        for outcome in self.outcomes():
            if outcome.annotation is not None:
                yield outcome.annotation

    def outcomes(self) -> Iterator[Outcome]:
        """What becomes of each image of the shard, in order."""
        plan, tick = self.plan, self.tick
        limit = None if plan.options.stores_pixels else HEAD
        with plan.source.reading_ahead(self._files(), image_limit=limit) as source:
            for entry in plan.entries(self.shard):
                outcome = reconcile(entry, source, plan.options)
                self.statistics.add(outcome, plan.options.format.drops)
                yield outcome
                tick(1, 0 if outcome.example is None else len(outcome.example.encoded))

    def _files(self) -> Iterator[tuple[str, int | None]]:
        """What `reconcile` will read, in its order."""
        for entry in self.plan.entries(self.shard):
            yield from entry.pair.files("xml", "image")
