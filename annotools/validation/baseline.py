"""A baseline: the issues a data set has today, so that only new ones are reported tomorrow.

An issue is recognised by path (relative to the source), rule and message. Lines and object numbers do not
count, so that an edit elsewhere in the file leaves its old issues known.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from annotools.errors import OptionError, OutputError
from annotools.issues import Issue

VERSION = 1
Key = tuple[str, str, str]


class Baseline:
    """Known issues and how often each occurs; of equal issues only so many are known."""

    def __init__(self, counts: Counter[Key]) -> None:
        self.counts = counts

    @classmethod
    def of(cls, issues: Iterable[Issue], root: str) -> Baseline:
        return cls(Counter(_key(issue, root) for issue in issues))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baseline:
        """Raises OptionError for a file that is not a baseline."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']!r}")
            counts = Counter(
                {
                    (entry["path"], entry["rule"], entry["message"]): int(entry["count"])
                    for entry in data["issues"]
                }
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OptionError(
                f"cannot be read as a baseline: {error}",
                path=os.fspath(path),
                field="--baseline",
                expected="a file written by --write-baseline",
            ) from error
        return cls(counts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON with one issue a line, sorted, so that version control shows what changed."""
        entries = [
            json.dumps({"path": where, "rule": rule, "message": message, "count": count}, ensure_ascii=False)
            for (where, rule, message), count in sorted(self.counts.items())
        ]
        text = f'{{"version": {VERSION}, "issues": [\n' + ",\n".join(entries) + "\n]}\n"
        try:
            Path(path).write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=os.fspath(path)) from error

    def matcher(self, root: str) -> Matcher:
        return Matcher(self, root)


class Matcher:
    """Ticks off known issues in one run."""

    def __init__(self, baseline: Baseline, root: str) -> None:
        self._left = baseline.counts.copy()
        self._root = root

    def knows(self, issue: Issue) -> bool:
        key = _key(issue, self._root)
        if self._left[key] <= 0:
            return False
        self._left[key] -= 1
        return True


def _key(issue: Issue, root: str) -> Key:
    path = (issue.path or "").replace(os.sep, "/")
    prefix = root.replace(os.sep, "/").rstrip("/")
    message = issue.message.replace(f"{prefix}/", "") if prefix not in ("", ".") else issue.message
    if path == prefix:
        path = ""
    elif path.startswith((f"{prefix}/", f"{prefix}!/")):
        path = path[len(prefix) :].lstrip("!/")
    return path, issue.rule, message
