"""Where an output is, and the names of the files beside its shards: the same for writing and reading."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from annotools.conversion.manifest import NAME
from annotools.files.urls import local_path
from annotools.records import record

STATE: Final = ".annotools"
"""The folder inside OUTPUT for the journal and for what is not finished."""

_LABEL_MAP: Final = "label_map.pbtxt"


@record
class Place:
    """A folder, or one file with its sidecar files beside it.

    path          the path or URL of the output
    folder        of its files: the output itself, or what the one file is in
    single_file   the name of the one file
    """

    path: str
    folder: str
    single_file: str | None = None

    @classmethod
    def of(cls, path: str | os.PathLike[str], single_files: Sequence[str] = ()) -> Place:
        """The place at a path or URL; it is one file if its name ends in one of `single_files`."""
        text = local_path(os.fspath(path))
        name = text.replace(os.sep, "/").rpartition("/")[2]
        if os.path.splitext(name)[1].lower() in single_files:
            return cls(text, _folder_of(text, name), name)
        return cls(text, text)

    @property
    def state(self) -> str:
        """The folder for the journal."""
        return STATE if self.single_file is None else f"{STATE}-{self._stem}"

    @property
    def manifest(self) -> str:
        return NAME if self.single_file is None else f"{self._stem}.{NAME}"

    @property
    def label_map(self) -> str:
        return _LABEL_MAP if self.single_file is None else f"{self._stem}.{_LABEL_MAP}"

    @property
    def _stem(self) -> str:
        return os.path.splitext(self.single_file or "")[0]

    def file(self, name: str) -> Path:
        """The path of a file of an output on this machine."""
        return Path(self.folder, name)


def _folder_of(text: str, name: str) -> str:
    folder = text[: len(text) - len(name)]
    if folder.endswith("://"):  # memory://a.pkl
        return folder
    return folder.rstrip("/" + os.sep) or (os.sep if text.startswith(("/", os.sep)) else ".")
