"""What can be said about data: an Issue is one finding, a DataError all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from annotools.errors import AnnotoolsError

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One occurrence of one rule. `object_index` counts the `<object>` tags of the file from 0."""

    rule: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None
    object_index: int | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        return f"{where}: {self.rule}: {self.message}" if where else f"{self.rule}: {self.message}"

    @classmethod
    def from_error(cls, rule: str, error: AnnotoolsError, path: str | None) -> Issue:
        """An exception about a whole file as an issue; its path and line move out of the text."""
        bare = type(error).__new__(type(error))
        bare.__dict__.update(error.__dict__, path=None, line=None)
        return cls(rule, "error", str(bare), error.path or path, error.line)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "object_index": self.object_index,
        }


class DataError(AnnotoolsError):
    """The data has problems; `issues` lists every one of them, not only the first."""

    def __init__(self, message: str, *, issues: Sequence[Issue] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.issues = tuple(issues)
