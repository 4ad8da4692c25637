"""For test suites, pytest or unittest: checks that raise AssertionError, records, hypothesis strategies.

    from annotools.testing import annotations, assert_valid_dataset, make_annotation

    def test_my_data():
        assert_valid_dataset("data/voc", strict=True)

    def test_my_converter():
        assert my_converter(make_annotation(boxes=[("cup", 10, 20, 60, 80)])) == ...

    @given(annotations())
    def test_my_converter_with_everything_that_voc_can_say(annotation): ...

Everything is loaded when asked for. `boxes`, `objects` and `annotations` are those of strategies.py:
hypothesis is needed for them only, and without it they raise MissingExtraError. `check_box_consistency` (do
boxes stay on their objects under an augmentation?) and `check_transform` (the same for any function) need
TensorFlow.
"""

# No `from __future__ import annotations` here: that name is a strategy.
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotools.testing.assertions import assert_valid_annotation as assert_valid_annotation
    from annotools.testing.assertions import assert_valid_dataset as assert_valid_dataset
    from annotools.testing.assertions import make_annotation as make_annotation
    from annotools.testing.box_consistency import check_box_consistency as check_box_consistency
    from annotools.testing.box_consistency import check_transform as check_transform
    from annotools.testing.strategies import annotations as annotations
    from annotools.testing.strategies import boxes as boxes
    from annotools.testing.strategies import objects as objects

_HOME = {
    "annotations": "annotools.testing.strategies",
    "boxes": "annotools.testing.strategies",
    "objects": "annotools.testing.strategies",
    "assert_valid_annotation": "annotools.testing.assertions",
    "assert_valid_dataset": "annotools.testing.assertions",
    "make_annotation": "annotools.testing.assertions",
    "check_box_consistency": "annotools.testing.box_consistency",
    "check_transform": "annotools.testing.box_consistency",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
