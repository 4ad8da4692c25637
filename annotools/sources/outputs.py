"""What `annotools convert` wrote is no source, though its images look like one."""

from __future__ import annotations

import json
import os

from annotools.errors import SourceError
from annotools.sources.storage import printable


def refuse_output(path: str) -> None:
    """SourceError for a folder that `annotools convert` wrote, whose images would look like a source."""
    manifest = os.path.join(path, "manifest.json")
    if not os.path.isfile(manifest):
        return
    try:
        with open(manifest, "rb") as file:
            content = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return
    if (
        isinstance(content, dict)
        and content.get("format") == "annotools"
        and isinstance(content.get("to"), str)
    ):
        raise SourceError(
            f"written by `annotools convert --to {printable(content['to'])}`, which is not read as a source",
            path=path,
            expected="what it was made from",
        )
