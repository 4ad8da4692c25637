"""SARIF 2.1.0, the format that GitHub code scanning, GitLab and editors read (OASIS, 2023 errata 01)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from annotools.issues import Issue
from annotools.sources.storage import printable
from annotools.validation.reports.items import items
from annotools.validation.rules.catalogue import RULES

if TYPE_CHECKING:
    from annotools.validation.result import ValidationResult

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(result: ValidationResult, version: str) -> str:
    """One run with a result for each issue. Paths are relative to the working directory, as GitHub wants
    them, or absolute file URIs where they lie outside of it. `version` is that of annotools.

    `partialFingerprints` do not contain the line, so that an alert survives edits elsewhere in its file.
    """
    return "".join(pieces(result, result.root, version))


def pieces(issues: Iterable[Issue], root: str, version: str) -> Iterator[str]:
    """The same, piece by piece, while the issues come."""
    index = {rule.id: place for place, rule in enumerate(RULES)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "annotools",
                        "version": version,
                        "rules": [
                            {
                                "id": rule.id,
                                "shortDescription": {"text": rule.summary},
                                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
                                "properties": {"tags": [rule.topic]},
                            }
                            for rule in RULES
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [],
            }
        ],
    }
    head, tail = json.dumps(log, ensure_ascii=False, indent=1).rsplit("[]", 1)
    yield f"{head}["
    yield from items((_result(issue, index, root) for issue in issues), "    ")
    yield f"]{tail}\n"


def _result(issue: Issue, index: dict[str, int], root: str) -> dict[str, Any]:
    path = issue.path or root
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(path)}}
    if issue.line is not None:
        place["region"] = {"startLine": issue.line}
    location: dict[str, Any] = {"physicalLocation": place}
    if issue.object_index is not None:
        location["logicalLocations"] = [{"name": f"object[{issue.object_index}]", "kind": "element"}]
    identity = "\0".join((path, issue.rule, issue.message)).encode("utf-8", "surrogateescape")
    result: dict[str, Any] = {
        "ruleId": issue.rule,
        "level": _LEVELS[issue.severity],
        "message": {"text": printable(issue.message)},
        "locations": [location],
        "partialFingerprints": {"annotools/v1": hashlib.sha256(identity).hexdigest()[:32]},
    }
    if issue.rule in index:
        result["ruleIndex"] = index[issue.rule]
    return result


def _uri(path: str) -> str:
    if os.path.isabs(path):
        relative = os.path.relpath(path)
        if relative.startswith(os.pardir):
            return "file://" + quote(path.replace(os.sep, "/"), safe="/!:", errors="surrogateescape")
        path = relative
    return quote(path.replace(os.sep, "/"), safe="/!", errors="surrogateescape")
