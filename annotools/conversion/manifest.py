"""`manifest.json`: what an output folder holds and how it came about. Written last, so that a folder
without it is known to be unfinished. It has no clock and no absolute path: same input, same bytes.

schemas/manifest.schema.json is the contract; tests hold the types here against it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from annotools.conversion.json_records import SPARE, Misfit, from_json, to_json
from annotools.conversion.options import KeptOptions, Options
from annotools.conversion.output_formats import FORMATS
from annotools.conversion.statistics import ShardResult
from annotools.errors import OutputError, ParseError
from annotools.ledger import Count, Ledger
from annotools.records import record

PROGRAM: Final = "annotools"
VERSION: Final = 1
NAME: Final = "manifest.json"

_FILE_NAME: Final = re.compile(r"^(?!\.\.?/)[^/\\]+(/[^/\\.][^/\\]*)*$")  # no way out of the folder
_SHA256: Final = re.compile("^[0-9a-f]{64}$")


@record
class ShardEntry:
    """One file."""

    file: Annotated[str, _FILE_NAME]
    records: Count
    bytes: Count
    sha256: Annotated[str, _SHA256]


@record
class SplitEntry:
    """One split: sums over its shards. classes: objects by class; max_boxes: the most of one image."""

    records: Count
    objects: Count
    max_boxes: Count
    classes: Counter[str]
    shards: Annotated[tuple[ShardEntry, ...], ">= 1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The whole. classes: label-map id by name; issues by rule and repairs by fix are counted.

    not_written   objects that say more than the format has a place for, by field: difficult, poses, ...
    """

    format: Annotated[str, (PROGRAM,)]
    version: Annotated[int, (VERSION,)]
    to: Annotated[str, tuple(FORMATS)]
    options: KeptOptions
    classes: Annotated[Mapping[str, Annotated[int, ">= 1"]], ">= 1"]
    splits: Mapping[str, SplitEntry]
    ledger: Ledger
    issues: Counter[str]
    repairs: Counter[str]
    not_written: Counter[str] = field(default_factory=Counter, metadata=SPARE)

    @property
    def shards(self) -> list[ShardEntry]:
        """All files, in order."""
        return [shard for split in self.splits.values() for shard in split.shards]

    @property
    def files(self) -> list[str]:
        """Their names."""
        return [shard.file for shard in self.shards]


def build(options: Options, results: Sequence[ShardResult], ledger: Ledger) -> Manifest:
    """The manifest of finished shards."""
    by_split: dict[str, list[ShardResult]] = {}
    issues: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    not_written: Counter[str] = Counter()
    for result in results:
        by_split.setdefault(result.split, []).append(result)
        issues.update(result.issue_counts)
        repairs.update(repair.fix for repair in result.repairs)
        not_written.update(result.not_written)
    return Manifest(
        format=PROGRAM,
        version=VERSION,
        to=options.to,
        options=options.kept,
        classes=dict(options.classes.ids),
        splits={name: _split(shards) for name, shards in by_split.items()},
        ledger=ledger,
        issues=issues,
        repairs=repairs,
        not_written=not_written,
    )


def _split(results: Sequence[ShardResult]) -> SplitEntry:
    classes: Counter[str] = Counter()
    for result in results:
        classes.update(result.classes)
    return SplitEntry(
        records=sum(result.records for result in results),
        objects=sum(result.ledger.objects.written for result in results),
        max_boxes=max(result.max_boxes for result in results),
        classes=classes,
        shards=tuple(ShardEntry(r.file, r.records, r.bytes, r.sha256) for r in results),
    )


def to_bytes(manifest: Manifest | Mapping[str, Any]) -> bytes:
    """The file."""
    return (json.dumps(to_json(manifest), indent=2, ensure_ascii=False) + "\n").encode()


def read(path: Path) -> Manifest:
    """The manifest of a folder, or the file itself. ParseError unless it is one of ours."""
    file = path / NAME if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise OutputError(
            f"no manifest: the conversion did not finish, or this is no output folder ({error.strerror})",
            path=str(file),
        ) from None
    return parse(data, str(file))


def parse(data: bytes, path: str) -> Manifest:
    """The manifest that `data` holds; `path` is for messages. ParseError unless it is one of ours."""
    try:
        content = json.loads(data)
    except ValueError as error:
        raise ParseError(f"not JSON: {error}", path=path) from None
    manifest, misfits = from_content(content)
    if manifest is None:
        first = misfits[0]
        raise ParseError(
            "not a manifest of this version",
            path=path,
            field=first.place,
            found=first.found,
            expected=first.expected,
        )
    return manifest


def from_content(content: Any) -> tuple[Manifest | None, list[Misfit]]:
    """The manifest in JSON data, or None and everything that is not as in one."""
    manifest, misfits = from_json(Manifest, content)
    return manifest, misfits
