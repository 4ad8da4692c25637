"""What schemas/voc.xsd says of a document."""

from __future__ import annotations

import functools
import threading
from typing import Any

from lxml import etree

from annotools import schema


class _Schema(threading.local):
    """Compiled once a thread: a validator keeps the log of its last run."""

    @functools.cached_property
    def validator(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.fromstring(schema.text("voc.xsd").encode("utf-8")))


_schema = _Schema()


def mismatches(root: etree._Element) -> list[tuple[str, int]]:
    """(message, line) of everything in which a document differs from the schema."""
    _schema.validator.validate(root)
    log: Any = _schema.validator.error_log  # its stub lacks __iter__
    return [
        (entry.message, entry.line)
        for entry in log
        if "No precomputed value available" not in entry.message  # libxml2's echo of the entry before
    ]
