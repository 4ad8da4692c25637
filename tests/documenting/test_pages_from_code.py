"""Pages that are made from the code are what the code says now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate", DOCS / "make" / "generate.py")
assert SPEC is not None
assert SPEC.loader is not None
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("page", generate.PAGES)
def test_page_is_up_to_date(page: str) -> None:
    made = generate.PAGES[page]()
    assert (DOCS / page).read_text(encoding="utf-8") == made, "run: python docs/make/generate.py"


def test_every_reason_of_the_loader_is_explained() -> None:
    from annotools.loader import LEFT_OUT

    assert tuple(generate.LEFT_OUT) == LEFT_OUT
