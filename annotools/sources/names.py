"""Names of files, compared: what two have in common, and which of two comes first."""

from __future__ import annotations

import unicodedata

from annotools.sources.file_kinds import split_extension


def fold(name: str) -> str:
    """What names have in common that differ in case or Unicode normalisation only."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def base_of(name: str) -> str:
    """The last part of a path, whichever kind of slash it has: `<filename>` never leads out of a folder."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def in_order(name: str) -> tuple[str, str]:
    """Sort key: folder by folder, and in a folder by name. Where only order decides, it is this one."""
    start = name.rfind("/") + 1
    return name[:start], name[start:]


def folded_stem(name: str) -> str:
    """The last part of a name without extension, folded."""
    return fold(split_extension(name.rpartition("/")[2])[0])
