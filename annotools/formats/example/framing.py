"""The framing of TFRecord files: a checksum before and after each record.

A record is its length (uint64), the masked CRC32C of those 8 bytes (uint32), the data, and the masked CRC32C
of the data (uint32), all little-endian:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/io/record_writer.h
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final

import google_crc32c

from annotools.errors import RecordError, SourceError
from annotools.files.reading import open_file

HEADER: Final = struct.Struct("<QI")
FOOTER: Final = struct.Struct("<I")
LENGTH: Final = struct.Struct("<Q")
_BUFFER: Final = 1 << 20


def masked_crc(crc: int) -> int:
    """TFRecord stores CRCs rotated right by 15 bits plus a constant, so that CRCs of CRCs stay sound."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The records of one TFRecord file, in order; `scan` without the offsets."""
    for _, data in scan(path):
        yield data


def scan(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    """(offset, data) of each record of a TFRecord file, plain or compressed with GZIP or ZLIB; also of a URL.

    Offsets are in bytes of the uncompressed file. Both checksums are verified. Memory stays within the
    largest record that is really there, whatever length the file claims.
    RecordError with path and offset for damage, SourceError for a file that cannot be opened.
    """
    name = os.fspath(path)
    offset = 0
    try:
        with io.BufferedReader(open_file(name), _BUFFER) as raw:
            file, size = _uncompressed(raw)
            while header := file.read(HEADER.size):
                data = _record(file, header, None if size is None else size - offset)
                yield offset, data
                offset += len(data) + 16
    except RecordError as error:
        error.path, error.offset = name, offset
        raise
    except (EOFError, zlib.error) as error:
        raise RecordError(f"the compressed file is damaged: {error}", path=name, offset=offset) from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", path=name) from error


def record_in(data: bytes) -> bytes:
    """The data of the one record that `data` is, with its framing. RecordError for damage."""
    file = io.BytesIO(data)
    return _record(file, file.read(HEADER.size), len(data))


def _record(file: io.BufferedIOBase, header: bytes, left: int | None) -> bytes:
    """The data of the record that starts with `header`; `left` bytes of the file start there, if known."""
    if len(header) < HEADER.size:
        raise RecordError(
            "the file ends inside a record", found=f"{len(header)} bytes", expected=f"{HEADER.size} or more"
        )
    length, stored = HEADER.unpack(header)
    _compare("length", masked_crc(google_crc32c.value(header[:8])), stored)
    if left is not None and length + 16 > left:
        raise RecordError(
            "the file ends inside a record", found=f"{left} bytes", expected=f"{length + 16} bytes"
        )
    data = file.read(length) if left is not None else _read_stepwise(file, length)
    footer = file.read(FOOTER.size)
    if len(data) < length or len(footer) < FOOTER.size:
        raise RecordError(
            "the file ends inside a record",
            found=f"{HEADER.size + len(data) + len(footer)} bytes",
            expected=f"{length + 16} bytes",
        )
    _compare("data", masked_crc(google_crc32c.value(data)), FOOTER.unpack(footer)[0])
    return data


def _compare(what: str, computed: int, stored: int) -> None:
    if computed != stored:
        raise RecordError(
            f"the checksum of the {what} is wrong", found=f"{stored:#010x}", expected=f"{computed:#010x}"
        )


def _read_stepwise(file: io.BufferedIOBase, length: int) -> bytes:
    """Of a compressed file nobody knows how long it is, so a huge length must not become a huge buffer."""
    pieces = []
    while length and (piece := file.read(min(length, _BUFFER))):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _uncompressed(raw: io.BufferedReader[Any]) -> tuple[io.BufferedIOBase, int | None]:
    """(file, its size in bytes or None if compressed).

    The first bytes of a plain file are a length, which can be anything, also the magic number of GZIP or
    ZLIB: only where its checksum does not hold may the file be compressed.
    """
    head = raw.peek(HEADER.size)[: HEADER.size]
    if len(head) == HEADER.size and masked_crc(google_crc32c.value(head[:8])) != HEADER.unpack(head)[1]:
        is_gzip = head[:2] == b"\x1f\x8b"
        is_zlib = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        if is_gzip or is_zlib:
            return io.BufferedReader(_Inflated(raw), _BUFFER), None
    size = raw.seek(0, os.SEEK_END)
    raw.seek(0)
    return raw, size


class _Inflated(io.RawIOBase):
    """What a GZIP or ZLIB stream holds; several streams in a row are one, as gzip has it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._inflate = _decompressor()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            pending = self._inflate.unconsumed_tail or self._inflate.unused_data or self._raw.read(1 << 16)
            if self._inflate.eof:
                if not pending:
                    return 0
                self._inflate = _decompressor()
            elif not pending:
                raise EOFError("it ends early")
            data = self._inflate.decompress(pending, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)


def _decompressor() -> Any:
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # 32: the header says whether it is GZIP or ZLIB
