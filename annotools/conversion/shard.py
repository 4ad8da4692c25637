"""The unit of work: from the plan and a shard of it to one file. Retry, resume and distribution build on it.

`write_shard` depends on nothing but its arguments and the source, and gives the same bytes every time. A
format is imported when it is written: the others would only delay the start.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotools.conversion.plan import Plan, Shard
from annotools.conversion.reconcile import Outcome, reconcile
from annotools.formats.example.framing import index_path
from annotools.issues import Issue
from annotools.ledger import Ledger
from annotools.parallel import Tick
from annotools.records import Annotation, Example
from annotools.repair.repairs import Repair
from annotools.sources.storage import HEAD

EXAMPLES_KEPT = 50
"""Warnings and infos of one rule that a shard keeps whole; all are counted. Errors are all kept."""


@dataclass(slots=True)
class ShardResult:
    """What `write_shard` did. `file` is the name of the file, without folder.

    has_index   whether record offsets were written beside it
    max_boxes   the most boxes that an image of the shard has
    reused      whether it was found finished
    """

    split: str
    index: int
    count: int
    file: str
    records: int = 0
    bytes: int = 0
    sha256: str = ""
    has_index: bool = False
    max_boxes: int = 0
    image_bytes: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    issues: list[Issue] = field(default_factory=list)
    issue_counts: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    repairs: list[Repair] = field(default_factory=list)
    reused: bool = False

    @property
    def failed(self) -> bool:
        return any(issue.severity == "error" for issue in self.issues)

    def account(self, outcome: Outcome) -> None:
        """Enter one image into the books."""
        images, objects = self.ledger.images, self.ledger.objects
        images.found += 1
        self.repairs += outcome.repairs
        objects.found += outcome.found
        objects.lost.update(outcome.lost)
        if outcome.example is None:
            images.lost[outcome.reason or "unknown"] += 1
        else:
            images.written += 1
            objects.written += len(outcome.example.boxes)
            self.records += 1
            self.max_boxes = max(self.max_boxes, len(outcome.example.boxes))
            self.image_bytes += len(outcome.example.encoded)
            self.classes.update(outcome.example.names)
        for issue in outcome.issues:
            self.issue_counts[issue.rule] += 1
            if issue.severity == "error" or self.issue_counts[issue.rule] <= EXAMPLES_KEPT:
                self.issues.append(issue)


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
    result = ShardResult(shard.split, shard.index, shard.count, file or shard_file(plan, shard))
    writer = ShardWriter(plan, shard, result, tick)
    if folder is None:
        for _ in writer.outcomes():
            pass
    else:
        writer.write(folder / result.file)
    return result


@dataclass(frozen=True, slots=True)
class ShardWriter:
    """One shard on its way to a file. Each image is entered into `result` when it has been read."""

    plan: Plan
    shard: Shard
    result: ShardResult
    tick: Tick

    def write(self, path: Path) -> None:
        """Write the file, and for TFRecord shards the offsets of its records beside it."""
        form, classes = self.plan.options.format, self.plan.options.classes
        path.parent.mkdir(exist_ok=True)
        if form.dialect is not None:
            self._write_records(path)
            return
        form.functions.write(getattr(self, f"{form.holds}s")(), path, classes=classes)
        with open(path, "rb") as written:
            self.result.sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        self.result.bytes = path.stat().st_size

    def _write_records(self, path: Path) -> None:
        from annotools.formats.example.framing import Writer

        encode, classes = self.plan.options.format.functions.encode, self.plan.options.classes
        offsets = []
        with Writer(path) as writer:
            for example in self.examples():
                head, tail = encode(example, classes)
                offsets.append(writer.write(head, example.encoded, tail))
        self.result.sha256, self.result.bytes = writer.sha256(), writer.size
        write_index(path, offsets)
        self.result.has_index = True

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
        with plan.source.reading_ahead(self._names(), image_limit=limit) as source:
            for entry in plan.entries(self.shard):
                outcome = reconcile(entry, source, plan.options)
                self.result.account(outcome)
                yield outcome
                tick(1, 0 if outcome.example is None else len(outcome.example.encoded))

    def _names(self) -> Iterator[str]:
        """What `reconcile` will read, in its order."""
        for entry in self.plan.entries(self.shard):
            yield from (name for name in (entry.pair.xml, entry.pair.image) if name is not None)


def write_index(path: Path, offsets: Sequence[int]) -> None:
    """Write the offsets of the records of a shard beside it."""
    index = index_path(path)
    index.parent.mkdir(exist_ok=True)
    index.write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
