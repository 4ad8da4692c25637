"""Image bytes that have to be a file for TensorFlow to read them: turned upright, or out of an archive."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""A data set may outlive every Python object that knows its files, so they stay until Python ends."""


class Scratch:
    """A temporary folder, made when it is needed."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._count = 0

    @property
    def is_used(self) -> bool:
        return self._folder is not None

    def put(self, data: bytes) -> str:
        """The path of a new file with this content."""
        if self._folder is None:
            _KEPT.append(tempfile.TemporaryDirectory(prefix="annotools-loader-"))
            self._folder = _KEPT[-1].name
        path = os.path.join(self._folder, str(self._count))
        Path(path).write_bytes(data)
        self._count += 1
        return path
