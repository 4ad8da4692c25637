"""Rules on what a labelling tool says about an object as a whole."""

from __future__ import annotations

import re

from annotools.issues import Issue
from annotools.records import Annotation, Object

_DELETED = re.compile(r"<deleted>\s*(?:1|yes|true)\s*</deleted>", re.IGNORECASE).fullmatch


def is_deleted(obj: Object) -> bool:
    """Whether the labeller has marked the object as deleted."""
    return bool(obj.extras) and any(map(_DELETED, obj.extras))


def deleted_issues(annotation: Annotation) -> list[Issue]:
    """object-deleted (info): LabelMe's web tool marks a deleted object instead of removing it.

    Whoever trains on it trains on what the labeller threw away; `convert` leaves it out and counts it.
    """
    issues = []
    for index, obj in enumerate(annotation.objects):
        if is_deleted(obj):
            message = f"deleted: the labeller has deleted this {obj.name!r}, expected no trace of it"
            issues.append(Issue("object-deleted", "info", message, annotation.xml_path, obj.line, index))
    return issues
