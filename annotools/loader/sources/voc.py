"""A VOC tree, a folder or an archive as it is, read with the eyes of the conversion.

Every annotation and image goes through `reconcile`, so that the same faults are found, the same objects are
dropped and images lie the same way round as after `annotools convert`, in the same order: batches are equal.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from annotools.conversion.class_discovery import discover_classes
from annotools.conversion.options import ConvertOptions, Options, make_options
from annotools.conversion.outcome import Outcome
from annotools.conversion.plan import Entry, make_plan
from annotools.conversion.reconcile import reconcile
from annotools.conversion.statistics import Statistics
from annotools.issues import DataError
from annotools.loader.options import SourceOptions
from annotools.loader.sources.image_table import ImageTable, Scratch, table_of
from annotools.loader.sources.split_choice import choose_split
from annotools.records import Example
from annotools.sources.folder import Folder
from annotools.sources.source import Source


def open_voc(source: Source, asked: SourceOptions) -> ImageTable:
    """The examples of one split; DataError with every issue if something is wrong and `on_error` "fail"."""
    chosen = ConvertOptions(
        to="tfrecord", split=asked.split, box_origin=asked.box_origin, on_error=asked.on_error, shards=1
    )
    options = make_options(chosen, asked.class_map or discover_classes(source))
    scratch = Scratch()
    with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
        plan = make_plan(source, options, Path(folder))
        name = choose_split(asked.split, [shard.split for shard in plan.shards], source.root)
        shard = next(shard for shard in plan.shards if shard.split == name)
        result = Statistics()
        rows = _rows(plan.entries(shard), source, options, result, scratch)
        table = table_of(source.root, options.classes, rows)
    if result.failed and asked.on_error == "fail":
        errors = [issue for issue in result.issues if issue.severity == "error"]
        raise DataError(
            f"{len(errors)} error{'s' * (len(errors) != 1)}, on_error='skip' leaves out what is faulty: "
            f"{errors[0]}",
            path=source.root,
            issues=result.issues,
        )
    result.ledger.check()
    table.is_local = scratch.is_used
    return table


def _rows(
    entries: Iterator[Entry], source: Source, options: Options, result: Statistics, scratch: Scratch
) -> Iterator[tuple[Example, str]]:
    for entry in entries:
        outcome = reconcile(entry, source, options)
        result.add(outcome)
        if outcome.example is not None:
            yield outcome.example, _file_of(entry, outcome, source, scratch)


def _file_of(entry: Entry, outcome: Outcome, source: Source, scratch: Scratch) -> str:
    assert outcome.example is not None
    assert outcome.annotation is not None
    assert entry.pair.image is not None
    image = outcome.annotation.image
    if isinstance(source.storage, Folder) and image is not None and image.orientation == 1:
        return os.path.abspath(os.path.join(source.storage.root, entry.pair.image))
    return scratch.put(outcome.example.encoded)
