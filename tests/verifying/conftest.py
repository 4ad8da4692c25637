"""An output that every test of `verify` can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools


@pytest.fixture
def out(shop: Any, tmp_path: Path) -> Path:
    """TFRecord shards of the whole shop."""
    annotools.convert(shop.root, tmp_path / "out", to="tfrecord", shards=3)
    return tmp_path / "out"
