"""The written form: text and JSON, and back, for every op, choice and preset; and errors with their place."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools import augment as a
from annotools.augment import ops
from annotools.errors import OptionError

OPS = {name: getattr(a, name) for name in vars(ops)["__all__"]}
ONE = a.Rotate()
NEEDED: dict[str, Any] = {"size": (10, 12), "op": ONE, "ops": (ONE, a.Grayscale())}
VALUES: list[Any] = [
    0,
    1,
    2,
    3,
    0.25,
    0.5,
    1.5,
    30.0,
    1 / 3,
    -0.25,
    True,
    False,
    None,
    (0, 1),
    (0.1, 0.9),
    (1.0, 1.0),
    (0.5, 2.0),
    (1, 3),
    (30, 40),
    (1,),
    (1, 2, 3),
    (200, 100, 0),
    "exact",
    "ellipse",
    "torchvision",
    a.Schedule(((0, 0.5), (7, 1.0))),
    (a.VerticalFlip(), a.OneOf((a.CLAHE(), a.Cutout(2)))),
    a.Sometimes(a.HorizontalFlip(1.0), 0.125),
]


def own_op(draft: a.Draft, draws: tf.Tensor) -> a.Draft:
    return draft


def own_pixels(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return pixels


@dataclasses.dataclass(frozen=True)
class Slide:
    share: float = 0.1
    name: str = "it's | odd"

    def __call__(self, draft: a.Draft, draws: tf.Tensor) -> a.Draft:
        return draft


OWN = (own_op, own_pixels, Slide)
NEEDED["function"] = own_pixels


@st.composite
def op_values(draw: st.DrawFn) -> Any:
    """Any op, with arguments that it takes."""
    make = OPS[draw(st.sampled_from(sorted(OPS)))]
    fields = dataclasses.fields(make)
    value = make(**{one.name: NEEDED[one.name] for one in fields if one.default is dataclasses.MISSING})
    for field in fields:
        try:
            value = dataclasses.replace(value, **{field.name: draw(st.sampled_from(VALUES))})
        except OptionError:
            continue
    return value


@st.composite
def augmentations(draw: st.DrawFn) -> a.Augmentation:
    start = draw(st.sampled_from([a.Augmentation(), *(make() for make in a.PRESETS.values())]))
    more = draw(st.lists(op_values(), max_size=3))
    changes: dict[str, Any] = {"ops": (*start.ops, *more)}
    if draw(st.booleans()):
        changes["policy"] = a.BoxPolicy(draw(st.floats(0, 1)), low_visibility="ignore", max_aspect=9)
    if draw(st.booleans()):
        changes["fill"] = (1, 2, 3)
    if draw(st.booleans()):
        changes["resize"] = draw(st.sampled_from([None, "crop"]))
    return dataclasses.replace(start, **changes)


@settings(max_examples=150, deadline=None)
@given(augmentations())
def test_text_and_json_give_the_augmentation_back(augmentation: a.Augmentation) -> None:
    text = augmentation.text
    again = a.from_text(text, OWN)
    assert again == augmentation
    assert again.text == text
    assert a.from_json(augmentation.to_json(), OWN) == augmentation
    assert a.from_json(json.loads(augmentation.to_json()), OWN) == augmentation


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_a_text(name: str) -> None:
    make = OPS[name]
    needed = {
        one.name: NEEDED[one.name] for one in dataclasses.fields(make) if one.default is dataclasses.MISSING
    }
    augmentation = a.Augmentation((make(**needed),))
    assert name.lower() in augmentation.text.replace("_", "")
    assert a.from_text(augmentation.text, OWN) == augmentation
    assert a.from_json(augmentation.to_json(), OWN) == augmentation
    assert str(augmentation).startswith(f"{name}(")


@pytest.mark.parametrize("name", sorted(a.PRESETS))
def test_presets_are_their_names(name: str) -> None:
    preset = a.PRESETS[name]()
    assert preset.text == name
    assert a.from_text(name) == preset == a.from_text(f" {name}() ")
    more = dataclasses.replace(preset, ops=(*preset.ops, a.Cutout(holes=2)))
    assert more.text == f"{name}|cutout(holes=2)"
    assert a.as_augmentation(more.text) == more


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", a.Augmentation()),
        ("yolo(epochs=30)", a.yolo(epochs=30)),
        ("ssd(hsv=exact, keep_one=True)", a.ssd(hsv="exact", keep_one=True)),
        (
            "HorizontalFlip|horizontal_flip(0.25)",
            a.Augmentation((a.HorizontalFlip(), a.HorizontalFlip(0.25))),
        ),
        ("rot90(turns=(1,))", a.Augmentation((a.Rot90((1,)),))),
        ("own_op|slide(-0.5)", a.Augmentation((own_op, Slide(-0.5)))),
        ("rotate\n| fill(1, 2, 3)\n| fit(crop)", a.Augmentation((ONE,), fill=(1, 2, 3), resize="crop")),
        (
            "light|box_policy(min_area=9)|fit(none)",
            dataclasses.replace(a.light(), policy=a.BoxPolicy(min_area=9)),
        ),
    ],
)
def test_what_one_writes(text: str, expected: a.Augmentation) -> None:
    assert a.from_text(text, OWN) == expected


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("", 1, "nothing"),
        ("sdd", 1, "did you mean ssd"),
        ("ssd|cutuot", 5, "did you mean cutout"),
        ("  ssd |cutuot", 8, "did you mean cutout"),
        ("ssd|cutout(hole=2)", 17, "did you mean holes"),
        ("ssd|cutout(color=2)", 18, "expected holes, size"),
        ("ssd|cutout(holes=0)", 5, "whole number from 1"),
        ("sometimes(rotat)", 11, "did you mean rotate"),
        ("cutout|ssd", 8, "comes first"),
        ("resize", 1, "missing a required argument: 'size'"),
        ("rotate(", 7, "never closed"),
        ("rotate|a.b", 8, "a name"),
        ("rotate|3", 8, "a name"),
        ("(rotate, shear)", 1, "a name"),
        ("cutout(holes=open('x').read())", 14, "a name"),
        ("cutout(holes=[one for one in x])", 14, "not a value"),
        ("cutout(**x)", 10, "no such argument"),
        ("fit(x)", 1, "fit(stretch)"),
        ("fill(1, 2)", 1, "(red, green, blue)"),
        ("ssd(keep_one=3)", 1, "True or False"),
        ("(" * 3000, 201, "nested"),
        ("a" * 30_000, 20_001, "too long"),
    ],
)
def test_errors_tell_the_place(text: str, place: int, told: str) -> None:
    with pytest.raises(OptionError) as caught:
        a.from_text(text)
    assert f"character {place}: " in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text", [f"cutout(holes={'-' * 951}1)", "-" * 5000 + "1", "rotate|" * 2500 + "cutuot", "a\0"]
)
def test_nothing_is_too_deep(text: str) -> None:
    with pytest.raises(OptionError):
        a.from_text(text)


@pytest.mark.parametrize(
    ("value", "field", "told"),
    [
        ("[", "augment", "not JSON"),
        ([], "augment", "keys ops, policy"),
        ({"op": []}, "augment", "keys ops, policy"),
        ({"ops": [{"Cutuot": {}}]}, "ops[0]", "did you mean Cutout"),
        ({"ops": [{"Cutout": {"holes": 0}}]}, "ops[0].Cutout.holes", "whole number"),
        ({"ops": [{"Cutout": {"hole": 2}}]}, "ops[0].Cutout", "hole"),
        ({"ops": [{"Sometimes": {"op": {"Rotat": {}}}}]}, "ops[0].Sometimes.op", "did you mean Rotate"),
        ({"ops": [{"Cutout": 3}]}, "ops[0]", "{class: {argument: value}}"),
        ({"ops": ["os.system"]}, "ops[0]", "no such op"),
        ({"fill": [1, 2]}, "fill", "blue"),
    ],
)
def test_errors_of_json_tell_the_path(value: Any, field: str, told: str) -> None:
    with pytest.raises(OptionError) as caught:
        a.from_json(value)
    assert caught.value.field == field
    assert told in str(caught.value)


def test_what_differs_is_what_is_written() -> None:
    augmentation = a.Augmentation((a.OneOf((a.Gamma(), a.Cutout(3, p=1.0)), p=0.25),))
    assert augmentation.text == "one_of((gamma, cutout(holes=3, p=1.0)), p=0.25)"
    assert str(a.ssd()).splitlines()[2].startswith("IoUCrop(thresholds=(0.0, 0.1")
