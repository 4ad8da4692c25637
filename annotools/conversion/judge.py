"""The objects of an annotation after the repairs: which may be written, and what takes the others."""

from __future__ import annotations

import dataclasses

from annotools.conversion.options import Options
from annotools.conversion.orientation import Frame, box_mapping, moved
from annotools.conversion.outcome import ImageLostError, Outcome, Seen
from annotools.issues import RULES_BY_ID, DataError, Issue
from annotools.records import Annotation
from annotools.repair.repairs import clip, repair
from annotools.validation.rules.catalogue import CHECKS
from annotools.validation.rules.rule import Sample, objects_with_errors

_CHECKS = [check for check in CHECKS if check.costs and not check.claims]
_COSTLY = [check.function for check in _CHECKS if not check.needs_image]
_COSTLY_WITH_IMAGE = [check.function for check in _CHECKS]


def judge_objects(
    sample: Sample, frame: Frame, options: Options, outcome: Outcome
) -> tuple[Annotation, list[str]]:
    """The annotation after the repairs that were asked for, without its faulty objects, boxes in the frame of
    the output; and for each object that is gone, the rule or repair that took it."""
    width, height = frame.box_size
    image, one_based = sample.image, sample.one_based
    repaired = repair(
        sample.annotation, options.fixes, width=width, height=height, image=image, one_based=one_based
    )
    outcome.repairs += repaired.repairs
    sample.annotation = annotation = repaired.annotation
    # Indices count the objects of the file.
    sample.kept = kept = repaired.kept
    sample.width, sample.height = width, height
    outcome.seen = Seen(annotation, (width, height), kept)
    lost = {r.object_index: r.fix for r in repaired.repairs if r.object_index not in kept}
    # The first fault of an object names its loss, and what the reader could not read is not judged again.
    if outcome.issues:
        for issue in outcome.issues:
            if issue.severity == "error":
                lost.setdefault(issue.object_index, issue.rule)
        sample.unread = objects_with_errors(outcome.issues)
    found: list[Issue] = []
    for check in _COSTLY if image is None else _COSTLY_WITH_IMAGE:
        found += check(sample)
    if found:
        _pay(found, sample.unread, lost, outcome)
        annotation = _clipped(annotation, sample, found)
    lost.pop(None, None)

    move = box_mapping(frame, image, one_based=one_based)
    if lost or move is not None:
        objects = tuple(o for o, i in zip(annotation.objects, kept, strict=True) if i not in lost)
        if move is not None:
            objects = tuple(moved(o, move, one_based=one_based) for o in objects)
        annotation = dataclasses.replace(annotation, objects=objects)
    more = outcome.more_boxes
    return annotation, [rule for index, rule in lost.items() for _ in range(1 + more.get(index or 0, 0))]


def _clipped(annotation: Annotation, sample: Sample, found: list[Issue]) -> Annotation:
    """The annotation with the boxes inside the image that stick out by less than half a pixel."""
    grazing = {i.object_index for i in found if i.rule == "box-outside-image" and i.cost == "nothing"}
    if not grazing:
        return annotation
    limits, origin = (sample.width, sample.height), int(sample.one_based)
    objects = list(annotation.objects)
    for place, obj in enumerate(objects):
        if obj.bndbox is not None and sample.index_in_file(place) in grazing:
            objects[place] = dataclasses.replace(obj, bndbox=clip(obj.bndbox, limits, origin))
    return dataclasses.replace(annotation, objects=tuple(objects))


def _pay(
    found: list[Issue], unread: frozenset[int | None], lost: dict[int | None, str], outcome: Outcome
) -> None:
    """Report findings, and let each cost what its rule says."""
    deleted = {issue.object_index for issue in found if issue.rule == "object-deleted"}
    for issue in found:
        index = issue.object_index
        if RULES_BY_ID[issue.rule].cost == "nothing" or (index is not None and index in unread):
            continue
        if index in deleted and issue.rule != "object-deleted":
            continue
        outcome.issues.append(issue)
        cost = issue.cost
        if cost == "object":
            lost.setdefault(index, issue.rule)
        elif cost == "image":
            raise ImageLostError(issue.rule)
        elif cost == "set":
            raise DataError(str(issue), issues=[issue])
