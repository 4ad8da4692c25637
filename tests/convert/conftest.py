"""A set that every conversion test can use."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def shop(tree: Any) -> Any:
    """40 images with 0 to 3 objects of four classes."""
    names = ["shoes", "watch", "手机", "books"]
    for number in range(40):
        objects = [
            (names[(number + k) % 4], 1 + k, 2 + number % 7, 20 + number % 13 + k, 30 + k)
            for k in range(number % 4)
        ]
        tree.add(f"img{number:03d}", objects)
    return tree
