"""Rules on class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.records import Annotation

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap


def class_issues(annotation: Annotation, classes: ClassMap) -> list[Issue]:
    """class-unknown (error) for every object whose name is not in `classes`, with the nearest known name."""
    issues = []
    for index, obj in enumerate(annotation.objects):
        # An empty name is reported by the reader as missing-field.
        if obj.name in classes or not obj.name:
            continue
        message = f"name: {obj.name!r} is not one of the {len(classes)} classes"
        suggestion = classes.suggest(obj.name)
        if suggestion is not None:
            message += f", did you mean {suggestion!r}?"
        issues.append(Issue("class-unknown", "error", message, annotation.xml_path, obj.line, index))
    return issues
