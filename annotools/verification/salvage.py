"""A TFRecord file that may be damaged, read to its end; and what can be read of it, written anew.

`framing.scan` stops at the first damage, as a reader must. Here the next record is looked for:
behind a record whose data is damaged it starts where its length says; after a damaged length it is the next
place where the checksums of a length and of the data behind it hold. Chance does
not make these 64 bits right.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import google_crc32c

from annotools.errors import OutputError, SourceError
from annotools.formats.example.framing import Writer, masked_crc

if TYPE_CHECKING:
    import numpy as np

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")
_FRAMING: Final = _HEADER.size + _FOOTER.size
_BLOCK: Final = 1 << 20
_FIRST_STEP: Final = 1 << 12
_PATIENCE: Final = 4
"""Bytes that may be checked in vain for each byte of a file. A file can be made of lengths that are right and
point far away to checksums that are wrong; trying them all would take time in the square of its size."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, from byte `offset` to `end`: a record, or damage.

    data      of the record; None where nothing can be read
    rule      length-crc, data-crc or record-cut for damage; None for a sound record. With data, length-crc
              is a record of which only the length or its checksum is damaged.
    found, expected   what the checksum or the size is
    """

    offset: int
    end: int
    data: bytes | None
    rule: str | None = None
    message: str = ""
    found: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was saved of one file, and the byte ranges of the damaged file that are lost."""

    file: str
    records: int
    lost: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        ranges = ", ".join(f"{start}-{end}" for start, end in self.lost)
        total = sum(end - start for start, end in self.lost)
        lost = f"{total} bytes lost: {ranges}" if self.lost else "nothing lost"
        return f"{self.file}: {self.records} record{'s' * (self.records != 1)} saved, {lost}"

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "records": self.records, "lost": [list(span) for span in self.lost]}


def salvage(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Salvaged:
    """Write the records of `path` that can be read to the new file `target`.

    SourceError or OutputError where one of the two files cannot be read or written.
    """
    name = os.fspath(path)
    lost: list[tuple[int, int]] = []
    try:
        with open(path, "rb") as file, Writer(target, digest=False) as writer:
            for piece in pieces(file, os.fstat(file.fileno()).st_size):
                if piece.data is not None:
                    writer.write(piece.data)
                elif lost and lost[-1][1] == piece.offset:
                    lost[-1] = (lost[-1][0], piece.end)
                else:
                    lost.append((piece.offset, piece.end))
    except OutputError:
        Path(target).unlink(missing_ok=True)
        raise
    except OSError as error:
        Path(target).unlink(missing_ok=True)
        raise SourceError(f"cannot be read: {error.strerror or error}", path=name) from error
    return Salvaged(os.path.basename(name), writer.records, tuple(lost))


def pieces(file: IO[bytes], size: int, digest: Digest | None = None) -> Iterator[Piece]:
    """The file from its first byte to its last, as records and damage; no byte is left out or comes twice.

    file     open for reading, at its start
    size     bytes of it
    digest   takes in what is read, as long as nothing is damaged

    One record is in memory at a time. Time is linear in `size`, whatever the file holds. OSError.
    """
    reader = _Reader(file, size, digest)
    position = 0
    while position < size:
        piece = reader.piece(position)
        yield piece
        position = piece.end


class Digest:
    """The SHA-256 of a file that is read from start to end; `skipped` where that did not come about."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.skipped = False

    def update(self, data: bytes) -> None:
        if not self.skipped:
            self._hash.update(data)

    def skip(self) -> None:
        self.skipped = True

    def of(self, file: IO[bytes]) -> str:
        """Hex digest of the file that was read; `file` is read again where it has to be."""
        if self.skipped:
            file.seek(0)
            self._hash = hashlib.sha256()
            while data := file.read(_BLOCK):
                self._hash.update(data)
        return self._hash.hexdigest()


class _Reader:
    def __init__(self, file: IO[bytes], size: int, digest: Digest | None) -> None:
        self.file = file
        self.size = size
        self.digest = digest
        self.patience = _PATIENCE * size + _BLOCK
        self.at = 0  # where the file stands

    def read(self, position: int, count: int) -> bytes:
        if position != self.at:
            self.file.seek(position)
            if self.digest is not None:
                self.digest.skip()
        data = self.file.read(count)
        if self.digest is not None:
            self.digest.update(data)
        self.at = position + len(data)
        return data

    def piece(self, offset: int) -> Piece:
        """The record or the damage at `offset`."""
        header = self.read(offset, _HEADER.size)
        left = self.size - offset
        if len(header) < _HEADER.size or left < _FRAMING:
            return self.cut(offset, left, f"{_FRAMING} or more")
        length, stored = _HEADER.unpack(header)
        computed = masked_crc(google_crc32c.value(header[:8]))
        if stored != computed:
            return self.damaged_length(offset, length, stored, computed)
        end = offset + length + _FRAMING
        if end > self.size:
            return self.cut(offset, left, f"{length + _FRAMING}")
        data = self.read(offset + _HEADER.size, length)
        footer = self.read(end - _FOOTER.size, _FOOTER.size)
        if len(data) < length or len(footer) < _FOOTER.size:  # it has become shorter in the meantime
            return self.cut(offset, left, f"{length + _FRAMING}")
        computed, (stored,) = masked_crc(google_crc32c.value(data)), _FOOTER.unpack(footer)
        if stored == computed:
            return Piece(offset, end, data)
        # The length can be believed, but where bytes are missing or too many, no record follows it.
        if end != self.size and not self.begins_record(end):
            self.patience -= length
            end = self.next_record(offset + 1)
        return Piece(
            offset, end, None, "data-crc", "the checksum of the data is wrong", _hex(stored), _hex(computed)
        )

    def cut(self, offset: int, left: int, expected: str) -> Piece:
        end = self.next_record(offset + 1)
        message = "the record is cut" if end < self.size else "the file ends inside a record"
        return Piece(offset, end, None, "record-cut", message, f"{left} bytes", f"{expected} bytes")

    def damaged_length(self, offset: int, length: int, stored: int, computed: int) -> Piece:
        message, found, expected = "the checksum of the length is wrong", _hex(stored), _hex(computed)
        for candidate in _lengths(length, stored):
            if data := self.record(offset, candidate):
                end = offset + candidate + _FRAMING
                return Piece(offset, end, data[0], "length-crc", message, found, expected)
        end = self.next_record(offset + 1)
        return Piece(offset, end, None, "length-crc", message, found, expected)

    def record(self, offset: int, length: int) -> tuple[bytes] | None:
        """The data of a record of this length, if its checksum holds."""
        if offset + length + _FRAMING > self.size or length > self.patience:
            return None
        body = self.read(offset + _HEADER.size, length + _FOOTER.size)
        data, footer = body[:length], body[length:]
        if len(footer) == _FOOTER.size and _FOOTER.unpack(footer)[0] == masked_crc(google_crc32c.value(data)):
            return (data,)
        self.patience -= length
        return None

    def begins_record(self, offset: int) -> bool:
        header = self.read(offset, _HEADER.size)
        if len(header) < _HEADER.size:
            return False
        _, stored = _HEADER.unpack(header)
        return bool(stored == masked_crc(google_crc32c.value(header[:8])))

    def next_record(self, start: int) -> int:
        """Where the next record begins that can be read; the end of the file if there is none."""
        if self.digest is not None:
            self.digest.skip()
        step = _FIRST_STEP
        while start <= self.size - _FRAMING:
            block = self.read(start, step + _HEADER.size - 1)
            for position in _headers(block, self.size):
                (length,) = struct.unpack_from("<Q", block, position)
                if self.record(start + position, length):
                    return start + position
                if self.patience < 0:
                    return self.size
            start += step
            step = min(2 * step, _BLOCK)  # damage may be followed closely by a record, many times
        return self.size


def _hex(crc: int) -> str:
    return f"{crc:#010x}"


def _lengths(length: int, stored: int) -> Iterator[int]:
    """What the length may have been: itself, if its checksum is damaged, or one bit away from it."""
    yield length
    for bit in range(64):
        other = length ^ 1 << bit
        if masked_crc(google_crc32c.value(other.to_bytes(8, "little"))) == stored:
            yield other


def _headers(block: bytes, size: int) -> list[int]:
    """The positions in `block` of lengths up to `size` whose checksum holds.

    A length of a file below 4 GiB has four zero bytes, which are rare in images: only there is a checksum
    computed, and all at once.
    """
    import numpy as np

    if len(block) < _HEADER.size:
        return []
    data = np.frombuffer(block, np.uint8)
    count = len(data) - _HEADER.size + 1
    possible = np.ones(count, bool)
    for place in range((size.bit_length() + 7) // 8, 8):
        possible &= data[place : place + count] == 0
    positions = np.flatnonzero(possible)
    if not len(positions):
        return []
    tables = _crc_tables()
    crc = np.full(len(positions), google_crc32c.value(bytes(8)), np.uint32)
    for place in range(8):
        crc ^= tables[place][data[positions + place]]
    stored = np.zeros(len(positions), np.uint32)
    for place in range(4):
        stored |= data[positions + 8 + place].astype(np.uint32) << np.uint32(8 * place)
    unmasked = stored - np.uint32(0xA282EAD8)
    unmasked = (unmasked >> np.uint32(17)) | (unmasked << np.uint32(15))
    found: list[int] = positions[unmasked == crc].tolist()
    return found


@functools.cache
def _crc_tables() -> list[np.ndarray[tuple[int], np.dtype[np.uint32]]]:
    """For each of 8 bytes what its value adds to their CRC: CRCs are linear."""
    import numpy as np

    zero = google_crc32c.value(bytes(8))
    return [
        np.array(
            [google_crc32c.value(bytes(i) + bytes([v]) + bytes(7 - i)) ^ zero for v in range(256)], np.uint32
        )
        for i in range(8)
    ]
