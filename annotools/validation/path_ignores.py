"""Rules that are not wanted for some of the files: `per-path-ignores` of the settings.

[tool.annotools.per-path-ignores]
"Annotations/old/*" = ["box-tiny", "size-*"]
"scans" = "absolute-path-leak"               # a folder: everything below it
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from annotools.errors import OptionError
from annotools.issues import Issue
from annotools.validation.settings import expand, split_names

FLAG = "--per-path-ignore"


@dataclass(frozen=True, slots=True)
class PathIgnores:
    """Patterns of paths, each with the rules that it switches off."""

    rules: tuple[tuple[str, frozenset[str]], ...]

    @classmethod
    def of(cls, given: Any) -> PathIgnores:
        """Of {pattern: rules} or None. OptionError for a rule that there is not, and for what is no table."""
        if given is not None and not isinstance(given, Mapping):
            message = "not a table of patterns and rules"
            raise OptionError(message, field=FLAG, found=given, expected='"old/*" = ["box-tiny"]')
        found = [
            (pattern, frozenset(expand(split_names(some), FLAG))) for pattern, some in (given or {}).items()
        ]
        return cls(tuple(found))

    def ignores(self, issue: Issue, root: str) -> bool:
        """Whether the finding is at a path, whole or below `root`, for which its rule is switched off."""
        if issue.path is None:
            return False
        path = issue.path.replace(os.sep, "/")
        below = path.removeprefix(root.replace(os.sep, "/").rstrip("/")).lstrip("/!")
        return any(
            issue.rule in rules and any(_matches(name, pattern) for name in (path, below))
            for pattern, rules in self.rules
        )


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern.rstrip('/')}/*")


def pattern_and_rules(text: str) -> tuple[str, str]:
    """The two sides of `PATTERN=RULES` on the command line."""
    pattern, equals, rules = text.rpartition("=")
    if not (pattern and equals and rules):
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"{text!r} is not of the form PATTERN=RULES")
    return pattern, rules


def together(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """{pattern: rules} of pairs in which a pattern may come again."""
    found: dict[str, str] = {}
    for pattern, rules in pairs:
        found[pattern] = f"{found[pattern]},{rules}" if pattern in found else rules
    return found
