"""The rules: pure functions from records to issues, each with an id that never changes."""

from __future__ import annotations

from annotools.validation.rules.box import box_issues
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID
from annotools.validation.rules.classes import class_issues
from annotools.validation.rules.image import annotated_size, format_issues, size_issues
from annotools.validation.rules.names import filename_issues, image_missing_issue
from annotools.validation.rules.rule import Rule, Sample

__all__ = [
    "RULES",
    "RULES_BY_ID",
    "Rule",
    "Sample",
    "annotated_size",
    "box_issues",
    "class_issues",
    "filename_issues",
    "format_issues",
    "image_missing_issue",
    "size_issues",
]
