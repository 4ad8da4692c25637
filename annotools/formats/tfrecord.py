"""TFRecord files, written and read without TensorFlow.

A record is its length (uint64), the masked CRC32C of those 8 bytes (uint32), the data, and the masked CRC32C
of the data (uint32), all little-endian:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/io/record_writer.h
"""

from __future__ import annotations

import hashlib
import os
import struct
from types import TracebackType
from typing import IO, Final, Self

import google_crc32c

from annotools.errors import OutputError

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")
_LENGTH: Final = struct.Struct("<Q")
_BUFFER: Final = 1 << 20


def masked_crc(crc: int) -> int:
    """TFRecord stores CRCs rotated right by 15 bits plus a constant, so that CRCs of CRCs stay sound."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Writer:
    """Appends records to a new file, and knows the size and SHA-256 of what it has written.

    `target` is a path, whose file is replaced, or a binary file that stays open on `close`. `digest=False`
    saves the SHA-256, about 30 us for a record of 44 kB. OutputError when the file cannot be written.
    """

    def __init__(self, target: str | os.PathLike[str] | IO[bytes], *, digest: bool = True) -> None:
        self._file: IO[bytes]
        if isinstance(target, (str, os.PathLike)):
            self.path: str | None = os.fspath(target)
            self._owned = True
            try:
                self._file = open(target, "wb", buffering=_BUFFER)
            except OSError as error:
                raise self._failure(error) from error
        else:
            self.path, self._owned, self._file = None, False, target
        self._digest = hashlib.sha256() if digest else None
        self.size = 0
        self.records = 0

    def write(self, *pieces: bytes) -> int:
        """Append one record that consists of `pieces`, without joining them; the offset where it starts."""
        size = crc = 0
        for piece in pieces:
            size += len(piece)
            crc = google_crc32c.extend(crc, piece)
        length = _LENGTH.pack(size)
        header = _HEADER.pack(size, masked_crc(google_crc32c.value(length)))
        offset = self.size
        try:
            write = self._file.write
            for piece in (header, *pieces, _FOOTER.pack(masked_crc(crc))):
                write(piece)
                if self._digest is not None:
                    self._digest.update(piece)
        except OSError as error:
            raise self._failure(error) from error
        self.size += size + 16
        self.records += 1
        return offset

    def sha256(self) -> str:
        """Hex digest of all bytes written so far; "" without `digest`."""
        return "" if self._digest is None else self._digest.hexdigest()

    def close(self) -> None:
        try:
            if self._owned:
                self._file.close()
            else:
                self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot be written: {error.strerror or error}", path=self.path)


def shard_name(split: str, index: int, count: int) -> str:
    """`train-00000-of-00004.tfrecord`."""
    return f"{split}-{index:05}-of-{count:05}.tfrecord"
