"""`manifest.json`: what an output folder holds and how it came about. Written last, so that a folder
without it is known to be unfinished. It has no clock and no absolute path: same input, same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotools.conversion.options import Options
from annotools.conversion.shard import ShardResult
from annotools.errors import OutputError, ParseError
from annotools.ledger import Ledger

VERSION = 1
NAME = "manifest.json"


def build(options: Options, results: Sequence[ShardResult], ledger: Ledger) -> dict[str, Any]:
    """The manifest as plain JSON data; its schema is schemas/manifest.schema.json."""
    splits: dict[str, Any] = {}
    for result in results:
        split = splits.setdefault(
            result.split, {"records": 0, "objects": 0, "max_boxes": 0, "classes": {}, "shards": []}
        )
        split["records"] += result.records
        split["objects"] += result.ledger.objects.written
        split["max_boxes"] = max(split["max_boxes"], result.max_boxes)
        for name, count in sorted(result.classes.items()):
            split["classes"][name] = split["classes"].get(name, 0) + count
        split["shards"].append(
            {
                "file": result.file,
                "records": result.records,
                "bytes": result.bytes,
                "sha256": result.sha256,
            }
        )
    for split in splits.values():
        split["classes"] = dict(sorted(split["classes"].items()))
    issues: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    for result in results:
        issues.update(result.issue_counts)
        repairs.update(repair.fix for repair in result.repairs)
    return {
        "format": "annotools",
        "version": VERSION,
        "to": options.to,
        "options": options.as_dict(),
        "classes": dict(options.classes.ids),
        "splits": splits,
        "ledger": ledger.as_dict(),
        "issues": dict(sorted(issues.items())),
        "repairs": dict(sorted(repairs.items())),
    }


def to_bytes(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def read(path: Path) -> dict[str, Any]:
    """The manifest of a folder, or the file itself. ParseError unless it is one of ours."""
    file = path / NAME if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise OutputError(
            f"no manifest: the conversion did not finish, or this is no output folder ({error.strerror})",
            path=str(file),
        ) from None
    return parse(data, str(file))


def parse(data: bytes, path: str) -> dict[str, Any]:
    """The manifest that `data` holds; `path` is for messages. ParseError unless it is one of ours."""
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise ParseError(f"not JSON: {error}", path=path) from None
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != "annotools"
        or manifest.get("version") != VERSION
    ):
        raise ParseError("not a manifest of this version", path=path, expected=f"version {VERSION}")
    return manifest
