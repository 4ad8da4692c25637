"""What transforms that read a source have in common: its files come to the workers in blocks."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from typing import Any, Final

from annotools.conversion.plan import Entry
from annotools.errors import MissingExtraError
from annotools.sources.source import Pair, Source, open_source

try:
    import apache_beam as beam
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing

ISSUES: Final = "issues"
"""The tag of the collection of issues that `on_error="skip"` adds."""

_BLOCK: Final = 500
_BLOCKS: Final = 64

StrPath = str | os.PathLike[str]


class OverSource(beam.PTransform[Any, Any]):
    """Reads the files of a source in blocks that are spread over the workers."""

    def __init__(self, source: StrPath | Source, split: str | None, **folders: str | None) -> None:
        super().__init__()
        self.source = source if isinstance(source, Source) else open_source(source, **folders)
        self.split = split

    def blocks(self, pcoll: Any, pairs: Iterable[Pair]) -> Any:
        """Blocks for `entries_of`: small enough that every worker gets some, large enough to compress."""
        rows = [
            (number, p.id, p.xml, p.image, p.split, p.xml_size, p.image_size)
            for number, p in enumerate(pairs, start=1)
        ]
        size = min(_BLOCK, -(-len(rows) // _BLOCKS) or 1)
        blocks = [
            zlib.compress(json.dumps(rows[start : start + size]).encode("ascii"))
            for start in range(0, len(rows), size)
        ]
        return pcoll | "List" >> beam.Create(blocks) | "Spread" >> beam.Reshuffle()

    def display_data(self) -> dict[str, Any]:
        return {"source": self.source.root, "split": self.split or "all"}


def entries_of(block: bytes) -> list[Entry]:
    return [Entry(number, Pair(*pair)) for number, *pair in json.loads(zlib.decompress(block))]


def with_issues(read: Any, on_error: str) -> Any:
    return read if on_error == "fail" else read.with_outputs(ISSUES, main="main")
