"""Pascal VOC XML in; typed records, pickle and sharded TFRecord out."""

from __future__ import annotations
