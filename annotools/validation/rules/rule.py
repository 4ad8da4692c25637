"""What a rule is, and what a rule may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from annotools.issues import Issue, Severity
from annotools.records import Annotation, Image

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.sources.source import Pair, Source
    from annotools.validation.census import Census

Topic = Literal["file", "image", "box", "dataset"]


@dataclass(slots=True)
class Sample:
    """One annotation file with all that is known about it; what the per-file rules are asked about.

    data          the bytes of the XML file
    head          the first bytes of the image file, enough for its header; None when images are not read
    image         the header of the image; None when there is no image, it is unreadable, or is not read
    width, height of the image the boxes were drawn on, in pixels; None when nothing tells
    """

    annotation: Annotation
    data: bytes
    pair: Pair
    source: Source
    head: bytes | None = None
    image: Image | None = None
    width: int | None = None
    height: int | None = None
    one_based: bool = False
    classes: ClassMap | None = None


FileCheck = Callable[[Sample], Iterable[Issue]]
DatasetCheck = Callable[["Census"], Iterable[Issue]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the rule list.

    check       finds this rule's issues in one file; one function may serve several rules. None when the
                finding is a by-product: of parsing, of opening the source, of reading the image
    census      finds this rule's issues in the sums over the whole data set
    fix         the `--fix` that repairs it
    on_request  costs extra time or is a matter of taste; runs only when it is named in --extend-select
    """

    id: str
    topic: Topic
    severity: Severity
    summary: str
    check: FileCheck | None = None
    census: DatasetCheck | None = None
    fix: str | None = None
    on_request: bool = False
