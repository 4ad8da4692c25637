"""The unit of work: from the plan and a shard of it to one file. Retry, resume and distribution build on it.

`write_shard` depends on nothing but its arguments and the source, and gives the same bytes every time. A
format is imported when it is written: the others would only delay the start.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from annotools.conversion.plan import Plan, Shard
from annotools.conversion.reconcile import Outcome, reconcile
from annotools.formats.example.framing import index_path
from annotools.issues import Issue
from annotools.ledger import Ledger
from annotools.parallel import Tick
from annotools.records import Example
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
    match plan.options.to:
        case "tfrecord":
            from annotools.formats import tfrecord

            return tfrecord.shard_name(shard.split, shard.index, shard.count)
        case "tfds":
            from annotools.formats import tfds

            return tfds.shard_name(shard.split, shard.index, shard.count)
        case _:
            return f"{shard.split}.pkl"


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
    if folder is None:
        for _ in _outcomes(plan, shard, result, tick):
            pass
        return result
    path = folder / result.file
    match plan.options.to:
        case "pickle":
            from annotools.formats import pkl

            annotations = (o.annotation for o in _outcomes(plan, shard, result, tick) if o.annotation)
            pkl.write(annotations, path, classes=plan.options.classes)
        case "ssd-pickle":
            from annotools.formats import ssd_pickle

            ssd_pickle.write(_examples(plan, shard, result, tick), path, classes=plan.options.classes)
        case "tfrecord":
            from annotools.formats.example import tf_example

            _write_records(_examples(plan, shard, result, tick), path, result, tf_example.encode)
        case _:
            from annotools.formats import tfds

            classes = plan.options.classes
            _write_records(
                _examples(plan, shard, result, tick), path, result, lambda e: tfds.encode(e, classes)
            )
    if not result.sha256:
        with open(path, "rb") as written:
            result.sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        result.bytes = path.stat().st_size
    return result


def _write_records(
    examples: Iterator[Example],
    path: Path,
    result: ShardResult,
    encode: Callable[[Example], tuple[bytes, bytes]],
) -> None:
    from annotools.formats.example.framing import Writer

    offsets = []
    with Writer(path) as writer:
        for example in examples:
            head, tail = encode(example)
            offsets.append(writer.write(head, example.encoded, tail))
    result.sha256, result.bytes = writer.sha256(), writer.size
    index = index_path(path)
    index.parent.mkdir(exist_ok=True)
    index.write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    result.has_index = True


def _examples(plan: Plan, shard: Shard, result: ShardResult, tick: Tick) -> Iterator[Example]:
    for outcome in _outcomes(plan, shard, result, tick):
        if outcome.example is not None:
            yield outcome.example


def _outcomes(plan: Plan, shard: Shard, result: ShardResult, tick: Tick) -> Iterator[Outcome]:
    limit = None if plan.options.stores_pixels else HEAD
    with plan.source.reading_ahead(_names(plan, shard), image_limit=limit) as source:
        for entry in plan.entries(shard):
            outcome = reconcile(entry, source, plan.options)
            result.account(outcome)
            yield outcome
            tick(1, 0 if outcome.example is None else len(outcome.example.encoded))


def _names(plan: Plan, shard: Shard) -> Iterator[str]:
    """What `reconcile` will read, in its order."""
    for entry in plan.entries(shard):
        yield from (name for name in (entry.pair.xml, entry.pair.image) if name is not None)
