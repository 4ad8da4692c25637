"""What `annotools fix` did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from annotools.issues import Issue
from annotools.repair.fixes import Repair


@dataclass(slots=True)
class FixResult:
    """What was repaired. `problems` are files that could not be read and were copied as they are.

    diffs   with `diff`: a unified diff of each file that would change
    """

    files: int = 0
    changed: int = 0
    repairs: list[Repair] = field(default_factory=list)
    problems: list[Issue] = field(default_factory=list)
    diffs: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(one.fix for one in self.repairs).items()))

    def as_dict(self) -> dict[str, Any]:
        return {
            "repairs": [one.as_dict() for one in self.repairs],
            "problems": [issue.as_dict() for issue in self.problems],
            "summary": {"files": self.files, "changed": self.changed, "repairs": self.counts},
        }
