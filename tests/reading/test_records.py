"""Records are frozen, slotted, plain data; what the file says is compared, where it was found is not."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from annotools import records
from annotools.records import Annotation, Box, Example, Image, Object, Part, Size

KINDS = [
    kind
    for kind in vars(records).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == records.__name__
]

SHOE = Object("shoes", Box(1, 2, 30, 40), "Left", True, False, parts=(Part("heel", Box(1, 2, 3, 4)),), line=7)
SHELF = Annotation("a.jpg", size=Size(100, 50, 3), objects=(SHOE,), xml_path="x/a.xml")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_record_is_frozen_and_slotted(kind: type) -> None:
    assert "__dict__" not in dir(kind)
    parameters = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    instance = kind(*[0 for _ in parameters])
    name = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(instance, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(instance, name)
    assert type(instance) is kind
    assert repr(instance).startswith(kind.__name__ + "(")


def test_every_kind_is_seen() -> None:
    assert {Annotation, Box, Example, Image, Object, Part, Size} <= set(KINDS)


def test_equal_content_is_equal_wherever_it_was_found() -> None:
    elsewhere = dataclasses.replace(
        SHELF, xml_path="y/b.xml", split="val", objects=(dataclasses.replace(SHOE, line=99),)
    )
    assert elsewhere == SHELF
    assert hash(elsewhere) == hash(SHELF)
    assert dataclasses.replace(SHELF, folder="f") != SHELF


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_everything(protocol: int) -> None:
    copied = pickle.loads(pickle.dumps(SHELF, protocol))  # noqa: S301
    assert copied == SHELF
    assert copied.xml_path == SHELF.xml_path
    assert copied.objects[0].line == 7
    assert copy.deepcopy(SHELF) == SHELF


def test_wrong_arguments_are_refused_as_by_any_dataclass() -> None:
    with pytest.raises(TypeError, match="bndboxes"):
        Object("a", bndboxes=None)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing"):
        Object()  # type: ignore[call-arg]


def test_the_area_of_a_box_without_extent_is_zero() -> None:
    assert Box(1, 2, 4, 8).area == 18
    assert Box(4, 2, 1, 8).area == 0
    assert Box(4, 8, 1, 2).area == 0  # both corners exchanged: two negatives must not make an area


def test_exif_swaps_the_sides_of_the_upright_size() -> None:
    for orientation in range(1, 9):
        expected = (50, 100) if orientation >= 5 else (100, 50)
        assert Image("jpeg", 100, 50, 3, orientation).upright_size == expected


def test_an_example_as_an_annotation() -> None:
    example = Example(
        "a",
        "a.jpg",
        "1",
        100,
        50,
        "jpeg",
        3,
        b"",
        "",
        ((1, 2, 30, 40),),
        (3,),
        ("shoes",),
        ("Left",),
        (1,),
        (0,),
        (0,),
    )
    annotation = example.annotation()
    assert annotation.objects[0] == Object("shoes", Box(1, 2, 30, 40), "Left", True, False, False)
    assert annotation.size == Size(100, 50, 3)
    assert annotation.image == Image("jpeg", 100, 50, 3)
