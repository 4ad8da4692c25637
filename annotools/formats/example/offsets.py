"""The offsets of the records of a shard, in a file of their own: little-endian uint64 each."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from pathlib import Path


def index_file(shard: str) -> str:
    """Where the record offsets of a shard lie: `index/<shard file>.u64`, little-endian uint64 each.

    In a folder of its own, so that no pattern for shards matches it.
    """
    folder, slash, name = shard.rpartition("/")
    return f"{folder}{slash}index/{name}.u64"


def index_path(shard_path: Path) -> Path:
    """The same for a path."""
    return shard_path.parent / index_file(shard_path.name)


def write_offsets(path: Path, offsets: Sequence[int]) -> None:
    """Write the offsets of the records of a shard beside it."""
    index = index_path(path)
    index.parent.mkdir(exist_ok=True)
    index.write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))


def read_offsets(path: Path, size: int) -> array[int] | None:
    """The offsets beside a shard of `size` bytes; None where they cannot be read or are far too many."""
    beside = index_path(path)
    try:
        length = beside.stat().st_size
        if length % 8 or length > size:  # a record has 16 bytes or more
            return None
        data = beside.read_bytes()
        return array("Q", struct.unpack(f"<{len(data) // 8}Q", data))
    except (OSError, struct.error):
        return None
