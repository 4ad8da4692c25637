"""What a check may look at, and how a function becomes one.

    @finds("box-tiny", "box-whole-image")
    def extents(sample: Sample) -> Iterator[Issue]:
        ...
        yield sample.at_box("box-tiny", message, index)

What is said of a rule (severity, cost, one sentence) stands in `annotools.issues.RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotools.issues import RULES_BY_ID, Issue, Severity
from annotools.records import Annotation, Image, record

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.sources.source import Pair, Source
    from annotools.validation.census import Census, Memberships


@dataclass(slots=True)
class Sample:
    """One annotation file with all that is known about it; what the checks of files are asked about.

    data          the bytes of the XML file
    pair, source  where it was found; None for a record without a source
    head          the first bytes of the image file, enough for its header; None when images are not read
    image         the header of the image; None when there is no image, it is unreadable, or is not read
    width, height of the image the boxes were drawn on, in pixels; None when nothing tells
    unread        objects of the file in which the reader has found an error
    kept          of each object its index in the file, where repairs have removed some; None: all are there
    """

    annotation: Annotation
    data: bytes = b""
    pair: Pair | None = None
    source: Source | None = None
    head: bytes | None = None
    image: Image | None = None
    width: int | None = None
    height: int | None = None
    one_based: bool = False
    classes: ClassMap | None = None
    unread: frozenset[int | None] = frozenset()
    kept: Sequence[int] | None = None

    def issue(
        self, rule: str, message: str, severity: Severity | None = None, fix: str | None = None
    ) -> Issue:
        """A finding about the file as a whole."""
        level = severity or RULES_BY_ID[rule].severity
        return Issue(rule, level, message, self.annotation.xml_path, fix=fix)

    def at_image(self, rule: str, message: str, severity: Severity | None = None) -> Issue:
        """A finding about the image."""
        level = severity or RULES_BY_ID[rule].severity
        return Issue(rule, level, message, self.annotation.image_path)

    def at_object(self, rule: str, message: str, index: int) -> Issue:
        """A finding about the object `index` of the annotation, at the line of its tag."""
        line = self.annotation.objects[index].line
        return Issue.of(rule, message, self.annotation.xml_path, line, self.index_in_file(index))

    def at_box(
        self,
        rule: str,
        message: str,
        index: int,
        severity: Severity | None = None,
        fix: str | None = None,
    ) -> Issue:
        """A finding at the `<bndbox>` of the object `index`, or at the object when it has none."""
        obj = self.annotation.objects[index]
        line = obj.bndbox_line or obj.line
        level = severity or RULES_BY_ID[rule].severity
        return Issue(rule, level, message, self.annotation.xml_path, line, self.index_in_file(index), fix)

    def index_in_file(self, index: int) -> int:
        """The index of an object of the annotation among the `<object>` tags of the file."""
        return index if self.kept is None else self.kept[index]


def objects_with_errors(issues: Iterable[Issue]) -> frozenset[int | None]:
    """The objects in which the reader of a file has found an error, if these are its issues."""
    return frozenset(issue.object_index for issue in issues if issue.severity == "error")


@dataclass(slots=True)
class DataSet:
    """All files of a source together; what the checks of whole data sets are asked about.

    census        sums over the files
    memberships   the splits of each pair, in the order of the census
    pairs         runs through the pairs once more, in that order
    """

    source: Source
    census: Census
    memberships: Memberships
    pairs: Callable[[], Iterator[Pair]]


@record
class Check:
    """A function that finds the issues of some rules in one annotation file.

    needs_image   it is asked only where the header of the image is known
    claims        it compares what the file claims with what is there: `convert` asks it before any repair
    costs         `convert` leaves something out for its findings, and asks it after the repairs
    """

    function: Callable[[Sample], Iterable[Issue]]
    rules: tuple[str, ...]
    needs_image: bool = False
    claims: bool = False

    def __call__(self, sample: Sample) -> list[Issue]:
        return list(self.function(sample))

    @property
    def costs(self) -> bool:
        return any(RULES_BY_ID[rule].cost != "nothing" for rule in self.rules)


@record
class DataSetCheck:
    """A function that finds the issues of some rules in a data set as a whole."""

    function: Callable[[DataSet], Iterable[Issue]]
    rules: tuple[str, ...]

    def __call__(self, data_set: DataSet) -> list[Issue]:
        return list(self.function(data_set))


def finds(
    *rules: str, needs_image: bool = False, claims: bool = False
) -> Callable[[Callable[[Sample], Iterable[Issue]]], Check]:
    """Make a function the check of `rules`. One function may find several; it runs once."""
    return lambda function: Check(function, rules, needs_image, claims)


def finds_in_data_set(*rules: str) -> Callable[[Callable[[DataSet], Iterable[Issue]]], DataSetCheck]:
    """Make a function that looks at the data set as a whole the check of `rules`."""
    return lambda function: DataSetCheck(function, rules)
