"""Records are frozen, slotted, plain data; what the file says is compared, where it was found is not."""

from __future__ import annotations

import ast
import copy
import dataclasses
import inspect
import pickle
from pathlib import Path

import pytest

from annotools import parse, records
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


BY_PLACE = {"Annotation", "Object"}  # filled by place in the two hot places, for speed
HOT = {"annotools/formats/xml/fast_reader.py", "annotools/records.py"}
SHORT = {"Box", "RotatedBox", "Point", "Polygon", "Size", "Image", "Source"}


def calls_by_place() -> list[tuple[str, str, int, int]]:
    """(file, record, values given by place, line) of each call in the package that makes a record so."""
    package = Path(records.__file__).parent
    names = {kind.__name__ for kind in KINDS} - SHORT
    makers = {f"make_{name.lower()}" for name in names}  # what `maker` gives, in the two hot places
    found = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).as_posix()
        known = names | makers if name in HOT else names
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (callee := ast.unparse(node.func)) in known:
                kind = callee.removeprefix("make_").title()
                found.append((name, kind, len(node.args), node.lineno))
    return found


def test_records_are_made_by_keyword_but_for_the_two_hot_places() -> None:
    found = calls_by_place()
    assert [one for one in found if one[0] not in HOT and one[2] > 2] == []
    hot = [one for one in found if one[0] in HOT and one[2] > 2]
    assert {one[1] for one in hot} == BY_PLACE
    for _, name, values, _ in hot:  # a new field has to be given a value there
        assert values == len(dataclasses.fields(getattr(records, name)))


def test_a_field_that_is_filled_by_place_has_its_place() -> None:
    """Each field of the fast reader's record, and of `found_at`, is that of the slow one, provenance too."""
    xml = (
        "<annotation verified='yes'><folder>f</folder><filename>a.jpg</filename><path>p</path>"
        "<source><database>d</database></source><size><width>9</width><height>8</height><depth>3</depth></size>"
        "<segmented>1</segmented>{}<object><name>n</name><pose>q</pose><truncated>1</truncated>"
        "<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
        "</object></annotation>"
    )
    fast = parse(xml.format("").encode(), path="x.xml")
    slow = parse(xml.format("<!-- no plain file -->").encode(), path="x.xml")
    image = Image("jpeg", 9, 8, 3)
    moved = slow.found_at("i.jpg", image, "train")
    for field in dataclasses.fields(Annotation):
        given = {"image_path": "i.jpg", "image": image, "split": "train"}
        if field.name != "objects":
            assert getattr(fast, field.name) == getattr(slow, field.name), field.name
        assert getattr(moved, field.name) == given.get(field.name, getattr(slow, field.name)), field.name
    for field in dataclasses.fields(Object):
        assert getattr(fast.objects[0], field.name) == getattr(slow.objects[0], field.name), field.name
