"""The rules: pure functions from records to issues."""

from __future__ import annotations

from annotools.validation.rules.box import box_issues
from annotools.validation.rules.classes import class_issues
from annotools.validation.rules.image import annotated_size, format_issues, size_issues
from annotools.validation.rules.names import filename_issues, image_missing_issue

__all__ = [
    "annotated_size",
    "box_issues",
    "class_issues",
    "filename_issues",
    "format_issues",
    "image_missing_issue",
    "size_issues",
]
