"""What a validation found: issues, found while they are asked for, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotools.issues import Issue


@dataclass(slots=True)
class Summary:
    """Counts of a finished validation. `known` issues are in the baseline and counted nowhere else."""

    files: int = 0
    images: int = 0
    objects: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    known: int = 0
    coordinate_origin: str = "unknown"

    def add(self, other: Summary) -> None:
        self.files += other.files
        self.images += other.images
        self.objects += other.objects
        self.severities += other.severities
        self.rules += other.rules
        self.known += other.known
        if self.coordinate_origin != other.coordinate_origin:
            self.coordinate_origin = "unknown"

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "images": self.images,
            "objects": self.objects,
            "errors": self.severities["error"],
            "warnings": self.severities["warning"],
            "infos": self.severities["info"],
            "rules": dict(sorted(self.rules.items())),
            "known": self.known,
            "coordinate_origin": self.coordinate_origin,
        }


class ValidationResult:
    """The issues of a source, found while they are asked for.

    Iterating runs the check and yields each issue as soon as it is found; iterating again gives the same
    issues without checking again. `issues`, `summary` and `failed` finish the check first.
    """

    def __init__(self, issues: Iterator[Issue], summary: Summary, root: str) -> None:
        self.root = root
        self._pending = issues
        self._found: list[Issue] = []
        self._summary = summary

    def __iter__(self) -> Iterator[Issue]:
        position = 0
        while True:
            if position == len(self._found):
                issue = next(self._pending, None)
                if issue is None:
                    return
                self._found.append(issue)
            yield self._found[position]
            position += 1

    def once(self) -> Iterator[Issue]:
        """The issues for the last time: none is kept, however many there are. `summary` stays."""
        found, self._found = self._found, []
        yield from found
        yield from self._pending

    @property
    def issues(self) -> list[Issue]:
        """All issues, in the order of the files; those of the data set as a whole come last."""
        self._found.extend(self._pending)
        return list(self._found)

    @property
    def summary(self) -> Summary:
        self._found.extend(self._pending)
        return self._summary

    def failed(self, *, strict: bool = False) -> bool:
        """Whether there is an error; with `strict` a warning is enough."""
        severities = self.summary.severities
        return bool(severities["error"] or (strict and severities["warning"]))


def merged(results: Sequence[ValidationResult]) -> ValidationResult:
    """Several results as one, the sources one after the other."""
    summary = Summary()

    def issues() -> Iterator[Issue]:
        for result in results:
            yield from result.once()
            summary.add(result.summary)

    return ValidationResult(issues(), summary, ", ".join(result.root for result in results))
