"""What tests of sources use."""

from __future__ import annotations

import pytest

from annotools.sources import catalogue


@pytest.fixture(params=[catalogue.IN_MEMORY, 3], ids=["in memory", "on disk"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source is listed twice: once when it fits in memory, as all of these do, and once as if not."""
    monkeypatch.setattr(catalogue, "IN_MEMORY", request.param)
