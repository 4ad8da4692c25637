"""What can be read of a damaged TFRecord file, written anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotools.conversion.output.place import Place
from annotools.errors import OptionError, OutputError, SourceError
from annotools.formats.example.framing_writer import Writer
from annotools.records import record
from annotools.verification.pieces import pieces
from annotools.verification.report import ShardReport


@record
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


def rescue_folder(folder: Path, place: Place) -> Path:
    """Refuse a folder that holds anything, or lies in the output."""
    real = Path(os.path.realpath(folder))
    if place.single_file is None and Path(os.path.realpath(Path(place.folder))) in (real, *real.parents):
        raise OptionError("lies in the output itself", field="--salvage", found=str(folder))
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError("exists already and is not an empty folder", path=str(folder))
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", path=str(folder)) from error
    return folder


def salvage_all(place: Place, reports: Sequence[ShardReport], rescue: Path) -> tuple[Salvaged, ...]:
    rules = ("length-crc", "data-crc", "record-cut")
    damaged = [report.file for report in reports if any(rule in report.faults.counts for rule in rules)]
    if not damaged:
        return ()
    try:
        rescue.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made: {error.strerror}", path=str(rescue)) from error
    return tuple(salvage(place.file(file), rescue / file) for file in damaged)
