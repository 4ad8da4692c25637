"""For test suites: hypothesis strategies that make records.

    from hypothesis import given
    from annotools.testing import annotations

    @given(annotations())
    def test_my_converter(annotation): ...

`boxes`, `objects` and `annotations` are those of annotools.strategies, loaded when asked for: hypothesis is
needed for them only, and without it they raise MissingExtraError.
"""

# No `from __future__ import annotations` here: that name is a strategy.
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotools.strategies import annotations as annotations
    from annotools.strategies import boxes as boxes
    from annotools.strategies import objects as objects

_STRATEGIES = ("annotations", "boxes", "objects")


def __getattr__(name: str) -> Any:
    if name in _STRATEGIES:
        from annotools import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_STRATEGIES})
