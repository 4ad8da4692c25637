"""Where each record of a set of shards starts: what makes a global shuffle possible without a buffer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from annotools.errors import RecordError, SourceError
from annotools.files.reading import open_file, read_file
from annotools.files.urls import is_url
from annotools.formats.example.framing import masked_crc
from annotools.formats.example.offsets import index_file, index_path

Offsets = NDArray[np.int64]

_HEADER = 12  # bytes before the data of a record: its length and the checksum of the length
_FRAME = 16  # bytes of a record that are not data


@dataclass(frozen=True, slots=True, eq=False)
class RecordIndex:
    """N records in F files.

    offsets   (N,) int64, the byte where the record starts in its file
    starts    (F + 1,) int64, the number of the first record of each file, and N
    """

    files: tuple[str, ...]
    offsets: Offsets
    starts: Offsets

    @classmethod
    def of(cls, files: Sequence[str]) -> RecordIndex:
        """The index of `files`, also of URLs: what is beside them where it fits, else from their framing.

        8 bytes of memory a record. RecordError for a damaged or compressed file, SourceError for one that
        cannot be opened.
        """
        offsets = [offsets_of(file) for file in files]
        starts = np.cumsum([0, *(len(one) for one in offsets)], dtype=np.int64)
        return cls(tuple(files), np.concatenate([np.zeros(0, np.int64), *offsets]), starts)

    def __len__(self) -> int:
        return int(self.starts[-1])


def offsets_of(file: str) -> Offsets:
    """(n,) int64, the offsets of the records of one file."""
    try:
        with open_file(file) as shard:
            stored = _stored(file, shard)
        return scan_offsets(file) if stored is None else stored
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", path=file) from error


def _stored(file: str, shard: RawIOBase) -> Offsets | None:
    """What is in `index/`, or None when there is nothing or it belongs to other contents of the file."""
    try:
        index = read_file(index_file(file) if is_url(file) else str(index_path(Path(file))))
        offsets = np.frombuffer(index, "<u8").astype(np.int64)
    except (OSError, ValueError):
        return None
    end = 0
    if len(offsets):
        if offsets[0] != 0 or np.any(np.diff(offsets) < _FRAME):
            return None
        shard.seek(int(offsets[-1]))
        end = int(offsets[-1]) + int.from_bytes(shard.read(8) or b"", "little") + _FRAME
    return offsets if end == shard.seek(0, os.SEEK_END) else None


def scan_offsets(file: str) -> Offsets:
    """(n,) int64 from the lengths in the file; the data is skipped, not read."""
    found = []
    with open_file(file) as shard:
        size = shard.seek(0, os.SEEK_END)
        offset = 0
        while offset < size:
            shard.seek(offset)
            header = shard.read(_HEADER) or b""
            length = int.from_bytes(header[:8], "little")
            stored = int.from_bytes(header[8:], "little")
            if len(header) < _HEADER or stored != masked_crc(google_crc32c.value(header[:8])):
                raise _damaged(file, offset, header)
            if offset + length + _FRAME > size:
                raise RecordError(
                    "the file ends inside a record",
                    path=file,
                    offset=offset,
                    found=f"{size - offset} bytes",
                    expected=f"{length + _FRAME} bytes",
                )
            found.append(offset)
            offset += length + _FRAME
    return np.array(found, np.int64)


def _damaged(file: str, offset: int, header: bytes) -> RecordError:
    details: dict[str, Any] = {"path": file, "offset": offset}
    if offset == 0 and header[:2] == b"\x1f\x8b":
        return RecordError(
            "a compressed file cannot be read in random order", expected="TFRecord without GZIP", **details
        )
    return RecordError("no record starts here", found=header, expected="a length and its checksum", **details)
