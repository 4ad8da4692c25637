"""Names that an output folder can hold: Windows forbids some, and some differ by case only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from annotools.errors import OutputError

# "Naming Files, Paths, and Namespaces", Microsoft: reserved device names, with any extension
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])(\..*)?$", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def why_not_on_windows(name: str) -> str | None:
    """Why Windows cannot hold a file of this '/'-separated name, or None."""
    for part in name.split("/"):
        if found := _FORBIDDEN.search(part):
            return f"{found.group()!r} in it"
        if _DEVICE.match(part):
            return f"{part!r} is a device"
        if part[-1:] in (".", " "):
            return f"{part!r} ends with {part[-1]!r}"
    return None


def ignores_case(folder: Path) -> bool:
    """Whether the file system of an existing folder takes names that differ by case for the same name.

    A folder without letters in its name says nothing; such a file system is taken for one that does not.
    """
    other = folder.with_name(folder.name.swapcase())
    return other != folder and os.path.exists(other) and os.path.samefile(folder, other)


class Names:
    """The names of files that are to be written below one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` exists."""
        self.folder = folder
        self._is_windows = os.name == "nt"
        self._is_one_case = ignores_case(folder)
        self._seen: dict[str, str] = {}

    def add(self, name: str) -> None:
        """Raise OutputError for a '/'-separated name that the file system of the folder cannot hold."""
        if self._is_windows and (reason := why_not_on_windows(name)):
            raise OutputError(
                f"Windows cannot hold a file of this name: {reason}", path=str(self.folder), found=name
            )
        if self._is_one_case and self._seen.setdefault(name.lower(), name) != name:
            raise OutputError(
                "the names of two files differ by case only, and here they are one file",
                path=str(self.folder),
                found=name,
                expected=f"no {self._seen[name.lower()]!r} beside it",
            )
