"""schemas/voc.xsd, compiled."""

from __future__ import annotations

import functools
import threading

from lxml import etree

from annotools import schema


class _Schema(threading.local):
    """Compiled once a thread: a validator keeps the log of its last run."""

    @functools.cached_property
    def validator(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.fromstring(schema.text("voc.xsd").encode("utf-8")))


_schema = _Schema()
