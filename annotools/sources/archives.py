"""Data sets inside .zip, .tar, .tar.gz, .tar.bz2 and .tar.xz files, read where they lie.

No member is ever written to disk. The index of members stays in memory, some 300 bytes for each. A compressed
tar has no random access, so it is decompressed once into a temporary file without a name (in TMPDIR), which
ends with the process. A forked worker reads that of its parent; any other process decompresses for itself.

An archive is not trusted. Members that are links, devices or sparse files, or whose names are absolute or
climb out with `..`, are left aside and reported. An archive that would grow to more than 1 GiB and 200 times
its own size is refused. A member must have the size and, in a zip, the CRC-32 that its header declares.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import stat
import struct
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from annotools.errors import AnnotoolsError, SourceError
from annotools.files.system import open_to_read, read_at
from annotools.issues import Issue
from annotools.sources.file_kinds import matters
from annotools.sources.member_names import code_page, member_name
from annotools.sources.storage import by_folder, check_size, printable, unreadable

LARGEST_GROWTH = 200
ALWAYS_ALLOWED = 1 << 30
_COMPRESSORS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
_STORED, _DEFLATED = 0, 8
_BLOCK = 512
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    ValueError,
)


def open_archive(path: str) -> Archive:
    """The archive at `path`, told by its content and not by its extension. Raises SourceError."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
    if head.startswith(b"PK"):
        return ZipArchive(path)
    for magic, module in _COMPRESSORS.items():
        if head.startswith(magic):
            return TarArchive(path, module)
    return TarArchive(path, None)


class Archive:
    """What zip and tar have in common: an index of members, and reads without a shared file position."""

    is_far = has_sizes = False

    def __init__(self, path: str) -> None:
        self.root = path
        self._path = os.path.abspath(path)
        self._members: dict[str, Any] = {}
        self._aside: dict[str, tuple[str, int]] = {}
        self._descriptor: int | None = None
        self._total = 0

    def names(self) -> list[str]:
        return sorted(self._members)

    def walk(self) -> Iterator[tuple[str, Iterator[str]]]:
        return by_folder(self._members)

    def listed(self) -> Iterator[tuple[str, int | None, str]]:
        raise NotImplementedError

    def issues(self) -> list[Issue]:
        return [
            Issue.of(
                "archive-member-ignored",
                f"{count} member(s) left aside because they are {reason}, for example {printable(name)!r}",
                self.root,
            )
            for reason, (name, count) in sorted(self._aside.items())
        ]

    def display(self, name: str) -> str:
        return f"{self.root}!/{printable(name)}"

    def size(self, name: str) -> int:
        raise NotImplementedError

    def fingerprint(self, name: str) -> str:
        raise NotImplementedError

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        raise NotImplementedError

    def _put_aside(self, name: str, reason: str) -> None:
        first, count = self._aside.get(reason, (name, 0))
        self._aside[reason] = (first, count + 1)

    def _add(self, raw_name: str, size: int, member: Any) -> None:
        name = safe_name(raw_name)
        if name is None:
            self._put_aside(raw_name, "outside of the archive's own folder")
            return
        if not matters(name):
            return
        check_size(name, self.display(name), size)
        self._total += size
        self._check_growth(self._total)
        if name in self._members:
            self._put_aside(name, "replaced by a later member of the same name")
        self._members[name] = member

    def _check_growth(self, total: int) -> None:
        limit = max(ALWAYS_ALLOWED, LARGEST_GROWTH * self._archive_size())
        if total > limit:
            raise SourceError(
                "the archive grows beyond all measure when it is decompressed",
                path=self.root,
                found=f"more than {limit} bytes",
                expected=f"at most {ALWAYS_ALLOWED} bytes or {LARGEST_GROWTH} times its size",
            )

    def _archive_size(self) -> int:
        return self._status().st_size

    def _status(self) -> os.stat_result:
        try:
            return os.stat(self._path)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", path=self.root) from error

    def _own(self, descriptor: int) -> int:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    def _open(self) -> int:
        if self._descriptor is None:
            return self._own(open_to_read(self._path))
        return self._descriptor

    def _read_at(self, offset: int, size: int) -> bytes:
        data = read_at(self._open(), size, offset)
        if len(data) < size:
            raise EOFError("the archive ends early")
        return data

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_descriptor": None}

    @contextlib.contextmanager
    def _damage_as_source_error(self) -> Iterator[None]:
        try:
            yield
        except AnnotoolsError:
            raise
        except _DAMAGE as error:
            raise SourceError(
                f"cannot be read as an archive: {error}", path=self.root, expected=".zip, .tar or .tar.gz"
            ) from error


class ZipArchive(Archive):
    """A zip file. Members must be stored or deflated, and not encrypted."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with self._damage_as_source_error(), zipfile.ZipFile(path) as archive:
            encoding = code_page(archive)
            for info in archive.infolist():
                self._list(info, member_name(info, encoding))

    def _list(self, info: zipfile.ZipInfo, name: str) -> None:
        if name.endswith("/"):
            return
        kind = info.external_attr >> 16
        if kind and stat.S_IFMT(kind) not in (0, stat.S_IFREG, stat.S_IFDIR):
            self._put_aside(name, "links or devices")
            return
        if matters(name) and (info.flag_bits & 1 or info.compress_type not in (_STORED, _DEFLATED)):
            raise SourceError(
                "a member cannot be read",
                path=self.display(name),
                found="encryption" if info.flag_bits & 1 else f"compression method {info.compress_type}",
                expected="a member that is stored or deflated",
            )
        place = (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type)
        self._add(name, info.file_size, place)

    def size(self, name: str) -> int:
        return int(self._members[name][2])

    def fingerprint(self, name: str) -> str:
        """Size and CRC-32, as the archive tells them: packing the same files again changes nothing."""
        self._status()
        _, _, size, crc, _ = self._members[name]
        return f"{size}-{crc:08x}"

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        """The member, or its first `limit` bytes; the whole member is checked against its size and CRC-32."""
        offset, packed_size, size, crc, method = self._members[name]
        try:
            header = self._read_at(offset, 30)
            if header[:4] != b"PK\x03\x04":
                raise ValueError("no member starts where the directory says")
            name_length, extra_length = struct.unpack_from("<HH", header, 26)
            data = self._read_at(offset + 30 + name_length + extra_length, packed_size)
            if method == _DEFLATED:
                # one byte more than declared: a member that lies about its size is caught, not obeyed
                data = zlib.decompressobj(-15).decompress(data, size + 1)
            if len(data) != size or zlib.crc32(data) != crc:
                raise ValueError("its bytes do not have the size and CRC-32 that the archive declares")
        except _DAMAGE as error:
            raise unreadable(name, self.display(name), error) from error
        return data if limit is None else data[:limit]


class TarArchive(Archive):
    """A tar file, plain or compressed by gzip, bzip2 or xz."""

    def __init__(self, path: str, compressor: str | None) -> None:
        super().__init__(path)
        self._compressor = compressor
        with self._damage_as_source_error():
            descriptor = self._open()
            with open(descriptor, "rb", closefd=False) as file:
                file.seek(0)
                self._list(file)

    def _list(self, file: Any) -> None:
        length = os.fstat(file.fileno()).st_size
        with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as archive:
            position = -1
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it keeps them all, 1.2 kB each
                if archive.offset <= position:  # a negative size; a circle for Python 3.11 (CVE-2025-8194)
                    raise ValueError(f"the member header at byte {member.offset} leads backwards")
                position = archive.offset
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    self._put_aside(member.name, "links, devices or sparse files")
                    continue
                if member.offset_data + member.size > length:
                    raise EOFError(f"it ends inside of {printable(member.name)}")
                self._add(member.name, member.size, (member.offset_data, member.size))
            # tarfile takes a damaged header in the middle for the end, and says nothing
            file.seek(archive.offset)
            if file.read(_BLOCK).strip(b"\x00"):
                raise ValueError(f"the member header at byte {archive.offset} is damaged")

    def _open(self) -> int:
        if self._descriptor is not None or self._compressor is None:
            return super()._open()
        module: Any = importlib.import_module(self._compressor)
        total = 0
        with module.open(self._path) as packed, tempfile.TemporaryFile() as unpacked:
            while block := packed.read(1 << 20):
                total += len(block)
                self._check_growth(total)
                unpacked.write(block)
            unpacked.flush()
            return self._own(os.dup(unpacked.fileno()))

    def size(self, name: str) -> int:
        return int(self._members[name][1])

    def fingerprint(self, name: str) -> str:
        """Size and place, and size and time of the archive: a tar has no checksums of its members."""
        archive = self._status()
        offset, size = self._members[name]
        return f"{size}-{offset}-{archive.st_size}-{archive.st_mtime_ns}"

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        offset, size = self._members[name]
        try:
            return self._read_at(offset, size if limit is None else min(size, limit))
        except _DAMAGE as error:
            raise unreadable(name, self.display(name), error) from error


def safe_name(name: str) -> str | None:
    """A member's name without './' and '//', or None when it is absolute or climbs out of the archive."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or "\x00" in name:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)
