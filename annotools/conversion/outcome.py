"""What became of one image in a conversion."""

from __future__ import annotations

from dataclasses import dataclass, field

from annotools.issues import Issue
from annotools.records import Annotation, Example
from annotools.repair.fixes import Repair


class ImageLostError(Exception):
    """The image cannot be written; `rule` says why. `issue` is to be reported, unless that was done."""

    def __init__(self, rule: str, issue: Issue | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.issue = issue


@dataclass(slots=True)
class Outcome:
    """What became of one image. `example` is None when the image is lost; `reason` then says by which rule.

    annotation   with faulty objects gone and boxes in the frame and origin that the output uses
    found        objects in the file
    lost         for each object that was lost, the rule or the repair that took it
    repairs      what `--fix` changed
    """

    issues: list[Issue] = field(default_factory=list)
    annotation: Annotation | None = None
    example: Example | None = None
    reason: str | None = None
    found: int = 0
    lost: list[str] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
