"""The records: what one annotation file says, as frozen plain data.

Coordinates. A record keeps the numbers of the file, as Python floats, in absolute pixels. Everywhere
in annotools those numbers are read as edges: pixel i covers the interval [i, i + 1], so a box around the
whole image is (0, 0, width, height). That is what the TF Object Detection API, TFDS and ssd_keras do with
VOC files. The VOC devkit itself counts pixels from 1 and includes both ends; `--box-origin one-based`
converts (xmin - 1, ymin - 1, xmax, ymax) when a data set is known to do so. Nothing shifts by itself.

Absence. None means that the tag is missing or empty; a text field that is present and empty is "".
Tags that VOC does not define are kept as XML text in `extras`, so that writing back loses nothing.

Comparison. `==` and `hash` look at what the file says. Where it was found (paths, lines, the split, the
image header) is provenance: carried along, never compared.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar, cast, dataclass_transform

T = TypeVar("T")

TOLERANCE: Final = 1e-3
"""Pixels by which a box may stick out of its image. Tools that store fractions of the width write
500.0000000001 for 500; a thousandth of a pixel is never a labelling mistake (albumentations/issues/1497 and
459 are years of complaints about stricter checks).
"""

GRAZING: Final = 0.5
"""Pixels from which on a box that sticks out is an error. Below that a tool has rounded: `convert` clips the
box and counts it.
"""


def _provenance(*, default: None) -> Any:
    return dataclasses.field(default=default, compare=False)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, _provenance))
def record(cls: type[T]) -> type[T]:
    """`dataclass(frozen=True, slots=True)` that is cheap to declare and cheap to make instances of.

    A frozen dataclass sets each field through `object.__setattr__`, which for the 16 fields of an Object
    takes longer than parsing its XML. Here they are set while it belongs to a subclass that is not frozen.
    And `dataclass` compiles six functions a class, 0.3 ms, of which a command has sixty: here one.
    """

    def __post_init__(self: Any) -> None:  # noqa: N807
        self.__class__ = frozen

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        set_class(self, "__class__", thawed)
        set_fields(self, *args, **kwargs)

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return values(self) == values(other) if other.__class__ is frozen else NotImplemented

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    frozen: Any = dataclass(slots=True, repr=False, eq=False)(cls)
    set_class, set_fields = object.__setattr__, frozen.__init__
    values = attrgetter("__class__", *[one.name for one in dataclasses.fields(frozen) if one.compare])
    __init__.__wrapped__ = set_fields  # type: ignore[attr-defined]  # inspect.signature sees the fields
    frozen.__init__, frozen.__eq__, frozen.__repr__ = __init__, __eq__, _show
    frozen.__hash__ = lambda self: hash(values(self))
    frozen.__reduce__, frozen.__setattr__, frozen.__delattr__ = _reduce, _refuse, _refuse
    free = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}  # one alone would be slow
    thawed = frozen._maker = type(cls.__name__, (frozen,), {"__slots__": (), "__init__": set_fields, **free})
    return cast(type[T], frozen)


def maker(kind: type[T]) -> type[T]:
    """What makes records of a kind in half the time, for where thousands are made."""
    return cast(type[T], kind._maker)  # type: ignore[attr-defined]


def _show(self: Any) -> str:
    shown = [f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr]
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _reduce(self: Any) -> Any:
    return self.__class__, tuple(getattr(self, name) for name in self.__slots__)


def _refuse(self: Any, name: str, *_: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


Edges = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax."""


@record
class Box:
    """An axis-aligned box in pixels, as the file has it: nothing is ordered, clipped or rounded."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    @property
    def width(self) -> float:
        return self.xmax - self.xmin

    @property
    def height(self) -> float:
        return self.ymax - self.ymin

    @property
    def area(self) -> float:
        """Square pixels; 0 for a box without extent or with its corners exchanged."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def as_tuple(self) -> Edges:
        return self.xmin, self.ymin, self.xmax, self.ymax


def outside(
    boxes: Iterable[Edges],
    width: float | None,
    height: float | None,
    slack: float = 0.0,
    *,
    empty: bool = False,
) -> list[int]:
    """The places of the boxes that are not in their image: 0 <= min <= max <= side fails on an axis.

    Edges in pixels, or in shares of the image when both sides are 1. A box may stick out by `slack`. A side
    that is None is not known and does not limit; not a number and infinity are outside in any case. With
    `empty` boxes without width or height are among the places as well.
    """
    low = -slack
    right = sys.float_info.max if width is None else width + slack
    bottom = sys.float_info.max if height is None else height + slack
    return [
        place
        for place, (xmin, ymin, xmax, ymax) in enumerate(boxes)
        if not (low <= xmin <= xmax <= right and low <= ymin <= ymax <= bottom)
        or (empty and (xmin == xmax or ymin == ymax))
    ]


def number(value: float) -> str:
    """A coordinate as a person writes it: 12 and 12.5, not 12.0 or 12.500000000001."""
    return f"{value:.10g}" if math.isfinite(value) else str(value)


@record
class Point:
    """A position in pixels."""

    x: float
    y: float


@record
class Size:
    """The `<size>` of the file: a claim about the image, in pixels. The image header is the truth."""

    width: int | None = None
    height: int | None = None
    depth: int | None = None


@record
class Source:
    """The `<source>` of the file; VOC2007's `<flickrid>` and other tags are in `extras`."""

    database: str | None = None
    annotation: str | None = None
    image: str | None = None
    extras: tuple[str, ...] = ()


@record
class RotatedBox:
    """`<robndbox>` of roLabelImg: centre, width and height in pixels, angle in radians, as written.

    https://github.com/cgvict/roLabelImg
    """

    cx: float
    cy: float
    w: float
    h: float
    angle: float


@record
class Polygon:
    """A closed outline in pixels, without the repeated last point.

    Roboflow writes `<polygon><x1/><y1/>...`, LabelMe `<polygon><pt><x/><y/></pt>...`, and DIOR-R names the
    four corners of its `<robndbox>` (x_left_top ... y_left_bottom); all three arrive here.
    """

    points: tuple[Point, ...]
    extras: tuple[str, ...] = ()


@record
class Part:
    """A `<part>` of an object (VOC: head, hand, foot) with a box of its own."""

    name: str
    bndbox: Box | None = None
    extras: tuple[str, ...] = ()


@record
class Object:
    """One `<object>`. `bndbox` is None when the file gives no box (some tools give only another shape)."""

    name: str
    bndbox: Box | None = None
    pose: str | None = None
    truncated: bool | None = None
    difficult: bool | None = None
    occluded: bool | None = None
    parts: tuple[Part, ...] = ()
    actions: tuple[tuple[str, bool], ...] = ()
    point: Point | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    polygon: Polygon | None = None
    rotated: RotatedBox | Polygon | None = None
    xml_attributes: tuple[tuple[str, str], ...] = ()
    extras: tuple[str, ...] = ()
    line: int | None = _provenance(default=None)
    bndbox_line: int | None = _provenance(default=None)


@record
class Image:
    """What the header of an image file says. `format` is the real one: jpeg, png, gif, bmp or webp.

    width and height are those of the stored pixels, in pixels, before any EXIF rotation; `orientation` is
    the EXIF value 1 to 8 (1: as stored); channels counts what a decoder delivers: 1 (L), 2 (LA), 3 (RGB, also
    for a palette), 4 (RGBA or CMYK). `mode` names them as Pillow does: L, LA, P, RGB, RGBA or CMYK.
    """

    format: str
    width: int
    height: int
    channels: int
    orientation: int = 1
    mode: str = "RGB"

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) in pixels as a viewer that honours EXIF shows it."""
        if self.orientation in (5, 6, 7, 8):
            return self.height, self.width
        return self.width, self.height


@record
class Annotation:
    """One annotation file. The fields after `extras` are provenance and are not compared."""

    filename: str | None = None
    folder: str | None = None
    path: str | None = None
    source: Source | None = None
    size: Size | None = None
    segmented: bool | None = None
    objects: tuple[Object, ...] = ()
    xml_attributes: tuple[tuple[str, str], ...] = ()
    extras: tuple[str, ...] = ()
    xml_path: str | None = _provenance(default=None)
    image_path: str | None = _provenance(default=None)
    image: Image | None = _provenance(default=None)
    split: str | None = _provenance(default=None)

    def found_at(self, image_path: str | None, image: Image | None, split: str | None) -> Annotation:
        """The same annotation with its image and split; `dataclasses.replace` takes ten times as long."""
        make_annotation = maker(Annotation)
        return make_annotation(
            self.filename, self.folder, self.path, self.source, self.size, self.segmented, self.objects,
            self.xml_attributes, self.extras, self.xml_path, image_path, image, split,
        )  # fmt: skip


@record
class Example:
    """One image as training data: reconciled with its header, classes resolved, faulty objects gone.

    This is what every training format writes and what it gives back when it is read. The tuples from
    `boxes` on run in parallel, one entry for each object in file order, and are empty for a negative.

    encoded   the image file's bytes, b"" where the format stores no pixels
    sha256    of `encoded`, 64 lower-case hex digits
    width     and height of the pixels in `encoded`, in pixels
    boxes     (xmin, ymin, xmax, ymax), edges in pixels of that image
    labels    label-map ids, from 1 (0 is the background)
    poses     "" where the file gives none
    truncated, difficult, occluded   0 or 1; a missing flag is 0
    """

    id: str
    filename: str
    source_id: str
    width: int
    height: int
    format: str
    channels: int = 3
    encoded: bytes = b""
    sha256: str = ""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    labels: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    poses: tuple[str, ...] = ()
    truncated: tuple[int, ...] = ()
    difficult: tuple[int, ...] = ()
    occluded: tuple[int, ...] = ()

    def annotation(self) -> Annotation:
        """The same as a VOC record; `image` says what the stored pixels are."""
        pixels = Image(self.format, self.width, self.height, self.channels)
        return Annotation(
            filename=self.filename,
            size=Size(self.width, self.height, self.channels),
            objects=tuple(
                Object(
                    name=name,
                    bndbox=Box(*box),
                    pose=pose or None,
                    truncated=bool(truncated),
                    difficult=bool(difficult),
                    occluded=bool(occluded),
                )
                for name, box, pose, truncated, difficult, occluded in zip(
                    self.names,
                    self.boxes,
                    self.poses,
                    self.truncated,
                    self.difficult,
                    self.occluded,
                    strict=True,
                )
            ),
            image=pixels if self.format else None,
        )
