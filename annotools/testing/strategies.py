"""Hypothesis strategies that make records; users import them from annotools.testing.

They make every kind of record that a VOC file can hold, so `parse(to_xml(a)) == a` for each of them.
"""

# No `from __future__ import annotations` here: that name is a strategy.
from typing import TypeVar

from annotools.errors import MissingExtraError
from annotools.records import Annotation, Box, Object, Part, Point, Polygon, RotatedBox, Size, Source

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise MissingExtraError("annotools.testing", "test") from error

T = TypeVar("T")


def boxes(*, width: int | None = None, height: int | None = None, min_side: float = 1) -> SearchStrategy[Box]:
    """Boxes. With `width` and `height` (pixels of the image): inside the image, in order, and with sides of
    at least `min_side` pixels; without: any finite numbers in any order."""
    if width is None or height is None:
        return st.builds(Box, *[_numbers()] * 4)

    def span(length: int) -> SearchStrategy[tuple[float, float]]:
        starts = st.floats(0, length - min_side) | st.integers(0, int(length - min_side)).map(float)
        return starts.flatmap(lambda start: st.tuples(st.just(start), st.floats(start + min_side, length)))

    return st.builds(lambda x, y: Box(x[0], y[0], x[1], y[1]), span(width), span(height))


def objects(
    *, names: SearchStrategy[str] | None = None, bndbox: SearchStrategy[Box] | None = None
) -> SearchStrategy[Object]:
    """Objects with everything that VOC dialects say of one, each with a box or another shape.

    names    the class names; default: any text that is not blank
    bndbox   the boxes; default: `boxes()`, and sometimes none when there is another shape
    """
    flag = st.none() | st.booleans()
    shapes = {
        "bndbox": st.none() | boxes() if bndbox is None else bndbox,
        "point": st.none() | _points(),
        "polygon": st.none() | _polygons(),
        "rotated": st.none() | _rotated(),
    }
    return st.builds(
        lambda name, shape, pose, flags, parts, actions, attributes, xml_attributes, extras: Object(
            name=name, **shape, pose=pose, truncated=flags[0], difficult=flags[1], occluded=flags[2],
            parts=parts, actions=actions, attributes=attributes, xml_attributes=xml_attributes, extras=extras,
        ),
        _text(min_size=1) if names is None else names,
        st.fixed_dictionaries(shapes).filter(lambda shape: any(shape.values())),
        st.none() | _text(),
        st.tuples(flag, flag, flag),
        _tuples(_parts()),
        _tuples(st.tuples(_tags(), st.booleans())),
        _tuples(st.tuples(_text(), _text())),
        _xml_attributes(),
        _extras(),
    )  # fmt: skip


def annotations(
    items: SearchStrategy[Object] | None = None, *, max_objects: int = 3
) -> SearchStrategy[Annotation]:
    """Annotations with 0 to `max_objects` of `items` (default: `objects()`).

    Nothing says that the boxes lie inside the image.
    """
    text = st.none() | _text()
    whole = st.none() | st.integers(-1, 10**6)
    return st.builds(
        Annotation,
        filename=text,
        folder=text,
        path=text,
        source=st.none() | st.builds(Source, text, text, text, _extras()),
        size=st.none() | st.builds(Size, whole, whole, whole),
        segmented=st.none() | st.booleans(),
        objects=_tuples(objects() if items is None else items, max_objects),
        xml_attributes=_xml_attributes(),
        extras=_extras(),
    )


def _numbers() -> SearchStrategy[float]:
    return st.integers(-5, 5000).map(float) | st.floats(allow_nan=False, allow_infinity=False)


def _text(*, min_size: int = 0) -> SearchStrategy[str]:
    """What XML can hold and a reader gives back: no other control characters, no blanks at the ends."""
    letters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    some = st.text(letters | st.sampled_from("<&>\"' \t\n\r\x7f\x85\u3000"), max_size=12)
    stripped: SearchStrategy[str] = some.map(lambda text: text.strip(" \t\r\n"))
    return stripped.filter(lambda text: len(text) >= min_size)


def _tags() -> SearchStrategy[str]:
    """Tags that no VOC dialect uses."""
    return st.text("abzÄé漢-._09", max_size=5).map(lambda text: f"my{text}")


def _tuples(items: SearchStrategy[T], max_size: int = 2) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=max_size).map(tuple)


def _xml_attributes() -> SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.dictionaries(_tags(), _text(), max_size=2).map(lambda found: tuple(found.items()))


def _extras() -> SearchStrategy[tuple[str, ...]]:
    """Unknown tags as XML text in the form that the reader gives: leaves and nested ones, with attributes."""
    content = st.recursive(
        _text().map(_escaped),
        lambda inner: st.lists(st.builds(_xml, _tags(), _xml_attributes(), inner), max_size=2).map("".join),
        max_leaves=4,
    )
    return _tuples(st.builds(_xml, _tags(), _xml_attributes(), content))


def _xml(tag: str, attributes: tuple[tuple[str, str], ...], content: str) -> str:
    written = "".join(f' {name}="{_escaped_value(value)}"' for name, value in attributes)
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def _escaped_value(text: str) -> str:
    return _escaped(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def _points() -> SearchStrategy[Point]:
    return st.builds(Point, _numbers(), _numbers())


def _polygons() -> SearchStrategy[Polygon]:
    points = st.lists(_points(), min_size=1, max_size=5)
    opened = points.filter(lambda found: len(found) == 1 or found[0] != found[-1])
    return st.builds(Polygon, opened.map(tuple), _extras())


def _rotated() -> SearchStrategy[RotatedBox | Polygon]:
    corners = st.builds(Polygon, st.tuples(*[_points()] * 4), _extras())
    return st.builds(RotatedBox, *[_numbers()] * 5) | corners


def _parts() -> SearchStrategy[Part]:
    return st.builds(Part, _text(min_size=1), st.none() | boxes(), _extras())
