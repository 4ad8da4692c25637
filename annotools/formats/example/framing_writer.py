"""Records into a TFRecord file: the pieces of each go to the system as they are, without being joined."""

from __future__ import annotations

import hashlib
import os
from types import TracebackType
from typing import IO, Final, Self

import google_crc32c

from annotools.errors import OutputError
from annotools.files import system
from annotools.formats.example.framing import FOOTER, HEADER, LENGTH, masked_crc

_BYTES: Final = 1 << 20
_PIECES: Final = 1000  # in one call; a system takes 1024


class Writer:
    """Appends records to a new file, and knows the size and SHA-256 of what it has written.

    `target` is a path, whose file is replaced, or a binary file that stays open on `close`. `digest=False`
    saves the SHA-256. Records are gathered until there is 1 MiB of them.

    OutputError when the file cannot be written, from `write`, `flush`, `sha256` or `close`.
    """

    def __init__(self, target: str | os.PathLike[str] | IO[bytes], *, digest: bool = True) -> None:
        self._file: IO[bytes]
        self._descriptor: int | None = None
        self._error: OSError | None = None
        if isinstance(target, (str, os.PathLike)):
            self.path: str | None = os.fspath(target)
            try:
                self._file = open(target, "wb", buffering=0)  # noqa: SIM115  # closed by `close`
            except OSError as error:
                raise self._failure(error) from error
            self._descriptor = self._file.fileno()
        else:
            self.path, self._file = None, target
        self._digest = hashlib.sha256() if digest else None
        self._pieces: list[bytes] = []
        self._gathered = 0
        self.size = 0
        self.records = 0

    def write(self, *pieces: bytes) -> int:
        """Append one record that consists of `pieces`; the offset where it starts."""
        size = crc = 0
        for piece in pieces:
            size += len(piece)
            crc = google_crc32c.extend(crc, piece)
        length = LENGTH.pack(size)
        header = HEADER.pack(size, masked_crc(google_crc32c.value(length)))
        record = (header, *pieces, FOOTER.pack(masked_crc(crc)))
        if self._digest is not None:
            for piece in record:
                self._digest.update(piece)
        self._pieces += record
        offset = self.size
        self.size += size + 16
        self._gathered += size + 16
        self.records += 1
        if self._gathered >= _BYTES or len(self._pieces) >= _PIECES:
            self.flush()
        return offset

    def flush(self) -> None:
        """Return when everything written so far is with the operating system."""
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        try:
            if self._error is not None:
                raise self._error
            if self._descriptor is not None:
                system.write_pieces(self._descriptor, pieces)
                return
            rest = memoryview(b"".join(pieces))
            while rest:
                rest = rest[self._file.write(rest) :]
            self._file.flush()
        except OSError as error:
            self._error = error
            raise self._failure(error) from error

    def sha256(self) -> str:
        """Hex digest of all bytes written so far, which are in the file then; "" without `digest`."""
        if self._pieces:
            self.flush()
        return "" if self._digest is None else self._digest.hexdigest()

    def close(self) -> None:
        try:
            if not self._file.closed:
                self.flush()
        finally:
            if self._descriptor is not None:
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
