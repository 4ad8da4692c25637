"""The framing of TFRecord files: a checksum before and after each record.

A record is its length (uint64), the masked CRC32C of those 8 bytes (uint32), the data, and the masked CRC32C
of the data (uint32), all little-endian:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/io/record_writer.h
"""

from __future__ import annotations

import hashlib
import io
import os
import queue
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import google_crc32c

from annotools.errors import OutputError, RecordError, SourceError

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")
_LENGTH: Final = struct.Struct("<Q")
_BUFFER: Final = 1 << 20
_BLOCK: Final = 1 << 20  # bytes that the writer gathers: handing them over costs both threads time
_SPARE_BLOCKS: Final = 3  # what its thread may be behind


def index_file(shard: str) -> str:
    """Where the record offsets of a shard lie: `index/<shard file>.u64`, little-endian uint64 each.

    In a folder of its own, so that no pattern for shards matches it.
    """
    folder, slash, name = shard.rpartition("/")
    return f"{folder}{slash}index/{name}.u64"


def index_path(shard_path: Path) -> Path:
    """The same for a path."""
    return shard_path.parent / index_file(shard_path.name)


def masked_crc(crc: int) -> int:
    """TFRecord stores CRCs rotated right by 15 bits plus a constant, so that CRCs of CRCs stay sound."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Writer:
    """Appends records to a new file, and knows the size and SHA-256 of what it has written.

    `target` is a path, whose file is replaced, or a binary file that stays open on `close`. `digest=False`
    saves the SHA-256. Records are gathered in blocks, and a thread hashes and writes the full ones, for which
    it needs no interpreter lock.

    OutputError when the file cannot be written, from `write`, `sha256` or `close`.
    """

    def __init__(self, target: str | os.PathLike[str] | IO[bytes], *, digest: bool = True) -> None:
        self._file: IO[bytes]
        if isinstance(target, (str, os.PathLike)):
            self.path: str | None = os.fspath(target)
            self._owned = True
            try:
                self._file = open(target, "wb", buffering=0)  # noqa: SIM115  # closed by `close`
            except OSError as error:
                raise self._failure(error) from error
        else:
            self.path, self._owned, self._file = None, False, target
        self._digest = hashlib.sha256() if digest else None
        self._block = bytearray(_BLOCK)
        self._filled = 0
        # The same few blocks go round: fresh memory for every MiB would cost more than the copying.
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None
        self.size = 0
        self.records = 0

    def write(self, *pieces: bytes) -> int:
        """Append one record that consists of `pieces`; the offset where it starts."""
        size = crc = 0
        for piece in pieces:
            size += len(piece)
            crc = google_crc32c.extend(crc, piece)
        length = _LENGTH.pack(size)
        header = _HEADER.pack(size, masked_crc(google_crc32c.value(length)))
        for piece in (header, *pieces, _FOOTER.pack(masked_crc(crc))):
            end = self._filled + len(piece)
            if end <= _BLOCK:
                self._block[self._filled : end] = piece
                self._filled = end
            else:
                self._spread(memoryview(piece))
        offset = self.size
        self.size += size + 16
        self.records += 1
        return offset

    def _spread(self, piece: memoryview) -> None:
        """Put a piece into this block and the next ones."""
        while piece:
            if self._filled == _BLOCK:
                self._hand_over()
            part = piece[: _BLOCK - self._filled]
            self._block[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            piece = piece[len(part) :]

    def _hand_over(self) -> None:
        """Give the block to the thread and take a free one; wait if the thread is far behind."""
        self._raise_failure()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_blocks, name="tfrecord-writer", daemon=True)
            self._thread.start()
            for _ in range(_SPARE_BLOCKS):
                self._free.put(bytearray(_BLOCK))
        self._full.put((self._block, self._filled))
        self._block, self._filled = self._free.get(), 0

    def _write_blocks(self) -> None:
        while (job := self._full.get()) is not None:
            if self._error is None:  # after an error blocks still go round, so that nobody waits for ever
                try:
                    self._write_block(*job)
                except OSError as error:
                    self._error = error
            self._free.put(job[0])

    def _write_block(self, block: bytearray, filled: int) -> None:
        with memoryview(block) as whole, whole[:filled] as rest:
            if self._digest is not None:
                self._digest.update(rest)
            written = 0
            while written < filled:
                written += self._file.write(rest[written:])

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._failure(self._error) from self._error

    def flush(self) -> None:
        """Return when everything written so far is with the operating system."""
        if self._thread is not None:
            self._full.put(None)
            self._thread.join()
            self._thread = None
            self._free = queue.SimpleQueue()
        self._raise_failure()
        try:
            filled, self._filled = self._filled, 0
            self._write_block(self._block, filled)
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def sha256(self) -> str:
        """Hex digest of all bytes written so far; "" without `digest`."""
        if self._filled or self._thread is not None:
            self.flush()
        return "" if self._digest is None else self._digest.hexdigest()

    def close(self) -> None:
        try:
            if not self._file.closed:
                self.flush()
        finally:
            if self._owned:
                try:
                    self._file.close()
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


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The records of one TFRecord file, in order; `scan` without the offsets."""
    for _, data in scan(path):
        yield data


def scan(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    """(offset, data) of each record of a TFRecord file, plain or compressed with GZIP or ZLIB.

    Offsets are in bytes of the uncompressed file. Both checksums are verified. Memory stays within the
    largest record that is really there, whatever length the file claims.
    RecordError with path and offset for damage, SourceError for a file that cannot be opened.
    """
    name = os.fspath(path)
    offset = 0
    try:
        with io.BufferedReader(io.FileIO(name), _BUFFER) as raw:
            file, size = _uncompressed(raw)
            while header := file.read(_HEADER.size):
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


def _record(file: io.BufferedIOBase, header: bytes, left: int | None) -> bytes:
    """The data of the record that starts with `header`; `left` bytes of the file start there, if known."""
    if len(header) < _HEADER.size:
        raise RecordError(
            "the file ends inside a record", found=f"{len(header)} bytes", expected=f"{_HEADER.size} or more"
        )
    length, stored = _HEADER.unpack(header)
    _compare("length", masked_crc(google_crc32c.value(header[:8])), stored)
    if left is not None and length + 16 > left:
        raise RecordError(
            "the file ends inside a record", found=f"{left} bytes", expected=f"{length + 16} bytes"
        )
    data = file.read(length) if left is not None else _read_stepwise(file, length)
    footer = file.read(_FOOTER.size)
    if len(data) < length or len(footer) < _FOOTER.size:
        raise RecordError(
            "the file ends inside a record",
            found=f"{_HEADER.size + len(data) + len(footer)} bytes",
            expected=f"{length + 16} bytes",
        )
    _compare("data", masked_crc(google_crc32c.value(data)), _FOOTER.unpack(footer)[0])
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
    head = raw.peek(_HEADER.size)[: _HEADER.size]
    if len(head) == _HEADER.size and masked_crc(google_crc32c.value(head[:8])) != _HEADER.unpack(head)[1]:
        is_gzip = head[:2] == b"\x1f\x8b"
        is_zlib = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        if is_gzip or is_zlib:
            return io.BufferedReader(_Inflated(raw), _BUFFER), None
    return raw, os.fstat(raw.fileno()).st_size


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
