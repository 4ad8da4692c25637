"""A TFRecord file that may be damaged, read to its end.

`framing.scan` stops at the first damage, as a reader must. Here the next record is looked for: behind a
record whose data is damaged it starts where the length says; after a damaged length it is the next place
where the checksums of a length and of the data behind it hold. Chance does not make these 64 bits right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Final, NamedTuple

import google_crc32c

from annotools.formats.example.framing import FOOTER, HEADER, masked_crc

_FRAMING: Final = HEADER.size + FOOTER.size
_BLOCK: Final = 1 << 20
_FIRST_STEP: Final = 1 << 12
_PATIENCE: Final = 4
"""Bytes that may be checked in vain for each byte of a file. A file can be made of lengths that are right and
point far away to checksums that are wrong; trying them all would take time in the square of its size."""

_not_zero: Final = re.compile(rb"[^\0]").search


class Piece(NamedTuple):
    """A part of a file, from byte `offset` to `end`: a record, or damage.

    data      of the record; None for damage
    rule      of damage: length-crc, data-crc or record-cut
    found, expected   what the checksum or the size is
    """

    offset: int
    end: int
    data: bytes | None
    rule: str = ""
    message: str = ""
    found: str = ""
    expected: str = ""


def pieces(
    file: BufferedIOBase, size: int, update: Callable[[bytes], object] = lambda _data: None
) -> Iterator[Piece]:
    """The file from its first byte to its last, as records and damage; no byte is left out or comes twice.

    file     open for reading, at its start
    size     bytes of it
    update   called with what is read: with every byte of the file, in order, unless something is damaged

    One record is in memory at a time. Time is linear in `size`, whatever the file holds. OSError.
    """
    reader = _Reader(file, size, update)
    position = 0
    while position < size:
        piece = reader.piece(position)
        yield piece
        position = piece.end
        if piece.data is None:
            file.seek(position)


class _Reader:
    def __init__(self, file: BufferedIOBase, size: int, update: Callable[[bytes], object]) -> None:
        self.file = file
        self.size = size
        self.update = update
        self.patience = _PATIENCE * size + _BLOCK

    def read_at(self, position: int, count: int) -> bytes:
        """The bytes there, which are not passed to `update`: they have been, or will be, or are damaged."""
        self.file.seek(position)
        return self.file.read(count)

    def piece(self, offset: int) -> Piece:
        """The record or the damage at `offset`, where the file stands."""
        header = self.file.read(HEADER.size)
        self.update(header)
        left = self.size - offset
        if len(header) < HEADER.size or left < _FRAMING:
            return self.cut(offset, left, f"{_FRAMING} or more")
        length, stored = HEADER.unpack(header)
        computed = masked_crc(google_crc32c.value(header[:8]))
        if stored != computed:
            return self.damage(offset, "length-crc", "the checksum of the length is wrong", stored, computed)
        end = offset + length + _FRAMING
        if end > self.size:
            return self.cut(offset, left, f"{length + _FRAMING}")
        data = self.file.read(length)
        footer = self.file.read(FOOTER.size)
        self.update(data)
        self.update(footer)
        if len(data) < length or len(footer) < FOOTER.size:  # it has become shorter in the meantime
            return self.cut(offset, left, f"{length + _FRAMING}")
        computed, (stored,) = masked_crc(google_crc32c.value(data)), FOOTER.unpack(footer)
        if stored == computed:
            return Piece(offset, end, data)
        # The length can be believed, but where bytes are missing or too many, no record follows it.
        followed = end == self.size or _length_in(self.read_at(end, HEADER.size)) is not None
        if not followed:
            self.patience -= length
        message = "the checksum of the data is wrong"
        return self.damage(offset, "data-crc", message, stored, computed, end if followed else None)

    def damage(
        self, offset: int, rule: str, message: str, stored: int, computed: int, end: int | None = None
    ) -> Piece:
        end = self.next_record(offset + 1) if end is None else end
        return Piece(offset, end, None, rule, message, f"{stored:#010x}", f"{computed:#010x}")

    def cut(self, offset: int, left: int, expected: str) -> Piece:
        end = self.next_record(offset + 1)
        message = "the record is cut" if end < self.size else "the file ends inside a record"
        return Piece(offset, end, None, "record-cut", message, f"{left} bytes", f"{expected} bytes")

    def next_record(self, start: int) -> int:
        """Where the next record begins that can be read; the end of the file if there is none."""
        step = _FIRST_STEP
        while start <= self.size - _FRAMING:
            block = self.read_at(start, step + HEADER.size - 1)
            for position, length in _lengths(block, self.size):
                if self.is_record(start + position, length):
                    return start + position
                if self.patience < 0:
                    return self.size
            start += step
            step = min(2 * step, _BLOCK)  # damage may be followed closely by a record, many times
        return self.size

    def is_record(self, offset: int, length: int) -> bool:
        """Whether the checksum of data of this length holds."""
        if offset + length + _FRAMING > self.size or length > self.patience:
            return False
        data = self.read_at(offset + HEADER.size, length)
        footer = self.file.read(FOOTER.size)
        if footer == FOOTER.pack(masked_crc(google_crc32c.value(data))):
            return True
        self.patience -= length
        return False


def _lengths(block: bytes, size: int) -> Iterator[tuple[int, int]]:
    """(position, length) of each length up to `size` in `block` whose checksum holds.

    The upper bytes of such a length are zero. Zeros are rare in images, and where a file was never written,
    which is nothing but zeros, there is no length either.
    """
    lower = (size.bit_length() + 7) // 8
    upper = bytes(8 - lower)
    place = block.find(upper, lower)
    while place >= 0:
        position = place - lower
        header = block[position : position + HEADER.size]
        length = _length_in(header)
        if length is not None:
            yield position, length
        place += 1
        if not any(header):
            after = _not_zero(block, position)
            place = max(place, (after.start() if after else len(block)) - HEADER.size + 1 + lower)
        place = block.find(upper, place)


def _length_in(header: bytes) -> int | None:
    """The length of a record that begins with `header`; None if its checksum is wrong, or the header cut."""
    if len(header) < HEADER.size:
        return None
    length, stored = HEADER.unpack(header)
    return length if stored == masked_crc(google_crc32c.value(header[:8])) else None
