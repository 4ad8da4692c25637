"""What became of one image in a conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from annotools.issues import Issue
from annotools.records import Annotation, Example, record
from annotools.repair.fixes import Repair
from annotools.validation.rules.duplicates import NO_IMAGE


class ImageLostError(Exception):
    """The image cannot be written; `rule` says why. `issue` is to be reported, unless that was done."""

    def __init__(self, rule: str, issue: Issue | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.issue = issue


@record
class Seen:
    """What the rules on whole data sets look at: the annotation after the repairs, nothing of it dropped.

    size      (width, height) of the frame of its boxes in pixels, None where not known
    indices   of its objects in the file, where repairs have removed some
    """

    annotation: Annotation
    size: tuple[int | None, int | None] = (None, None)
    indices: Sequence[int] | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one image. `example` is None when the image is lost; `reason` then says by which rule.

    annotation   with faulty objects gone and boxes in the frame and origin that the output uses
    found        objects in the file
    lost         for each object that was lost, the rule or the repair that took it
    repairs      what `--fix` changed
    more_boxes   boxes beside the first, of objects that have some; each is found and lost as an object
    seen         None for a file that cannot be read
    is_without_image   whether no image belongs to the annotation
    mark         the fingerprint of the image for finding equal ones, NO_IMAGE without an image
    """

    issues: list[Issue] = field(default_factory=list)
    annotation: Annotation | None = None
    example: Example | None = None
    reason: str | None = None
    found: int = 0
    lost: list[str] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    seen: Seen | None = None
    mark: int = NO_IMAGE
    is_without_image: bool = False
    more_boxes: dict[int, int] = field(default_factory=dict)
