"""Rules on the data set as a whole: how its boxes count pixels, and which fields are written everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from annotools.issues import Issue
from annotools.validation.rules.rule import DataSet, finds_in_data_set


@finds_in_data_set("coordinate-origin")
def origin(data_set: DataSet) -> Iterator[Issue]:
    """The boxes speak against the way in which they are about to be read."""
    census = data_set.census
    evidence = census.origin
    verdict = evidence.verdict
    if verdict == "one-based" and not census.one_based:
        advice = (
            "pixels are counted from 1, as in the VOC devkit (then use --box-origin one-based), or from 0 by "
            "labelImg, which writes 1 for 0 (then leave it)"
        )
    elif verdict == "zero-based" and census.one_based:
        advice = "pixels are counted from 0: use --box-origin as-written"
    else:
        return
    message = (
        f"bndbox: of {evidence.boxes} boxes {evidence.at_zero} start at 0, {evidence.at_one} at 1, "
        f"and {evidence.at_end} end at the image's width or height; {advice}"
    )
    yield Issue.of("coordinate-origin", message)


@finds_in_data_set("inconsistent-difficult")
def difficult_flags(data_set: DataSet) -> Iterator[Issue]:
    """`<difficult>` is written for some objects and left out for others.

    Evaluation skips difficult objects; where two tools wrote the files, only one of them marked any.
    """
    census = data_set.census
    written, absent = census.with_difficult, census.without_difficult
    if not written.count or not absent.count:
        return
    if absent.count <= written.count:
        message = f"difficult: missing here, but written for {written.count} of {census.objects} objects"
        yield from absent.issues("inconsistent-difficult", message)
    else:
        message = f"difficult: written here, but missing for {absent.count} of {census.objects} objects"
        yield from written.issues("inconsistent-difficult", message)
