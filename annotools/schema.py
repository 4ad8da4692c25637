"""The one door to schemas/: the formats as data, executed by the code that reads and writes them.

A wheel carries the folder as `annotools/schemas`; in a checkout, and in an editable install of one, it
stands beside the package.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from annotools.errors import SourceError

_PACKAGE = Path(__file__).parent


def path(name: str) -> Path:
    """The file of schema `name`, such as "voc.xsd"; else SourceError, which names those that exist."""
    for folder in (_PACKAGE / "schemas", _PACKAGE.parent / "schemas"):
        if folder.is_dir():
            file = folder / name
            if name in _names(folder):
                return file
            known = ", ".join(_names(folder))
            raise SourceError("no such schema", path=str(folder), found=name, expected=known)
    raise SourceError("the folder of schemas is missing", path=str(_PACKAGE / "schemas"))


def text(name: str) -> str:
    """The text of schema `name`."""
    return path(name).read_text(encoding="utf-8")


@functools.cache
def load(name: str) -> Any:
    """Schema `name` parsed as JSON. Every caller gets the same object: do not change it."""
    return json.loads(text(name))


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.is_file())
