"""The strategies that users import from annotools.testing."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools import testing
from annotools.records import Annotation, Box, Object

BOX = Box(1, 2, 3, 4)


@given(st.data(), st.integers(1, 2000), st.integers(1, 2000))
def test_boxes_lie_inside_the_image_they_are_asked_for(data: st.DataObject, width: int, height: int) -> None:
    box = data.draw(testing.boxes(width=width, height=height))
    assert 0 <= box.xmin < box.xmax <= width
    assert 0 <= box.ymin < box.ymax <= height
    assert box.width >= 1 - 1e-9
    assert box.height >= 1 - 1e-9


@settings(max_examples=30, deadline=None)
@given(
    testing.annotations(testing.objects(names=st.just("a"), bndbox=st.just(Box(1, 2, 3, 4))), max_objects=2)
)
def test_names_boxes_and_number_are_as_asked(annotation: Annotation) -> None:
    assert len(annotation.objects) <= 2
    assert all((item.name, item.bndbox) == ("a", BOX) for item in annotation.objects)


def test_strategies_reach_every_field() -> None:
    """Whatever the reader can fill is filled in some example, or round trips would prove little."""
    seen: set[str] = set()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(testing.annotations())
    def look(annotation: Annotation) -> None:
        records: tuple[Annotation | Object, ...] = (annotation, *annotation.objects)
        for record in records:
            for field in dataclasses.fields(record):
                if getattr(record, field.name) not in (None, (), ""):
                    seen.add(f"{type(record).__name__}.{field.name}")

    look()
    provenance = {"xml_path", "image_path", "image", "split", "line", "bndbox_line"}
    assert seen == {
        f"{record.__name__}.{field.name}"
        for record in (Annotation, Object)
        for field in dataclasses.fields(record)
        if field.name not in provenance
    }


def test_without_hypothesis_the_module_loads_and_the_strategies_say_what_is_missing() -> None:
    code = """
import sys
sys.modules["hypothesis"] = None
from annotools import testing
from annotools.errors import MissingExtraError
try:
    testing.annotations
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'annotools-voc[test]'" in done.stdout


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        getattr(testing, "nothing")  # noqa: B009
    assert {"annotations", "boxes", "objects"} <= set(dir(testing))
