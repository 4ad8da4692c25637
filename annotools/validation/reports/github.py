"""Workflow commands of GitHub Actions, which put each finding at its line in a pull request.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from annotools.sources.storage import printable

if TYPE_CHECKING:
    from annotools.issues import Issue
    from annotools.validation.result import ValidationResult

_LEVELS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def github(result: ValidationResult) -> str:
    """A line for each issue. Paths are relative to the working directory, where they lie below it."""
    return "".join(map(line, result))


def line(issue: Issue) -> str:
    """The command for one issue, with the end of its line."""
    place = {} if issue.path is None else {"file": _relative(issue.path)}
    if issue.line is not None:
        place["line"] = str(issue.line)
    said = ",".join(f"{key}={_property(value)}" for key, value in (place | {"title": issue.rule}).items())
    return f"::{_LEVELS[issue.severity]} {said}::{_data(issue.message)}\n"


def _relative(path: str) -> str:
    if os.path.isabs(path):
        relative = os.path.relpath(path)
        path = path if relative.startswith(os.pardir) else relative
    return path.replace(os.sep, "/")


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
