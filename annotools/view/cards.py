"""Pictures as the report shows them: a small image, its boxes as SVG in the numbers of the file."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from annotools.errors import ImageError
from annotools.records import Object, number
from annotools.sources.storage import printable
from annotools.view.findings import Finding, below
from annotools.view.palette import color, marks
from annotools.view.pictures import Picture

if TYPE_CHECKING:
    from PIL import Image

QUALITIES: Final = ((480, 60), (360, 55), (240, 45))
"""(longer side, WebP quality), tried until a picture has at most LARGEST bytes."""
LARGEST: Final = 16_000
BOXES: Final = 300
"""That are drawn on one picture, the first ones."""
FINDINGS: Final = 12
"""That stand below one picture."""
_FAR: Final = 1e7


@dataclass(frozen=True, slots=True)
class Colors:
    """What all cards of a source share: its root, and the place of each class among the colours."""

    root: str
    index: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """One box. `path` is SVG, its numbers are those of the file; `extra` are the marks of flags and dozens.

    flags   of difficult, truncated, occluded those that are set
    """

    name: str
    color: str
    path: str
    extra: str
    flags: tuple[str, ...]
    line: int | None
    object_index: int
    is_problem: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One picture in the page, number `number`. `size` is (W, H) of what the boxes count, `claim` `<size>`.

    source   a data: URL; None without a picture, then `error` says why
    hidden   boxes that are not drawn
    """

    number: int
    id: str
    path: str
    splits: tuple[str, ...]
    size: tuple[int, int]
    claim: tuple[int, int] | None
    orientation: int
    source: str | None
    error: str | None
    shapes: tuple[Shape, ...]
    hidden: int
    findings: tuple[Finding, ...]

    @property
    def classes(self) -> list[str]:
        """Each once, in order of the file."""
        return list(dict.fromkeys(shape.name for shape in self.shapes))

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(finding.rule for finding in self.findings))

    @property
    def problems(self) -> int:
        return sum(finding.severity != "info" for finding in self.findings)

    @property
    def weight(self) -> int:
        """About how many bytes of the page it takes."""
        of_shapes = sum(2 * len(one.path) + len(one.extra) + len(one.name) + 120 for one in self.shapes)
        return len(self.source or "") + of_shapes + 500 * min(len(self.findings), FINDINGS) + 700

    @property
    def boxes(self) -> int:
        return len(self.shapes) + self.hidden


def make_card(place: int, picture: Picture, colors: Colors, findings: Sequence[Finding] = ()) -> Card:
    """The card number `place`, of a picture."""
    pixels: Image.Image | None = None
    source = error = None
    try:
        pixels = picture.pixels(QUALITIES[0][0])
        source = _data_url(pixels)
    except ImageError as problem:
        error = printable(problem.message)
    size = picture.size or (pixels.size if pixels is not None else (4, 3))
    objects = () if picture.annotation is None else picture.annotation.objects
    wrong = {finding.object_index for finding in findings if finding.severity != "info"}
    shapes = [
        _shape(item, at, colors.index.get(item.name), at in wrong)
        for at, item in enumerate(objects)
        if item.bndbox is not None
    ]
    claimed = None if picture.annotation is None else picture.annotation.size
    return Card(
        number=place,
        id=printable(picture.id),
        path=below(picture.path, colors.root),
        splits=tuple(map(printable, picture.splits)),
        size=size,
        claim=(claimed.width or 0, claimed.height or 0) if claimed else None,
        orientation=1 if picture.header is None else picture.header.orientation,
        source=source,
        error=error,
        shapes=tuple(shapes[:BOXES]),
        hidden=max(0, len(shapes) - BOXES),
        findings=tuple(findings),
    )


def _data_url(picture: Image.Image) -> str:
    from PIL import Image

    data = b""
    for side, quality in QUALITIES:
        small = picture.copy()
        small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        output = BytesIO()
        small.save(output, "WEBP", quality=quality, method=2)
        data = output.getvalue()
        if len(data) <= LARGEST:
            break
    return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"


def _shape(item: Object, place: int, index: int | None, is_problem: bool) -> Shape:
    assert item.bndbox is not None
    edges = item.bndbox.as_tuple()
    path = extra = ""
    if all(math.isfinite(edge) and abs(edge) < _FAR for edge in edges):
        xmin, ymin, xmax, ymax = map(number, edges)
        path = f"M{xmin} {ymin}H{xmax}V{ymax}H{xmin}Z"
        extra = _extra(edges, bool(item.truncated), marks(index))
    flags = [name for name in ("difficult", "truncated", "occluded") if getattr(item, name)]
    return Shape(
        name=printable(item.name),
        color=color(index),
        path=path,
        extra=extra,
        flags=tuple(flags),
        line=item.bndbox_line or item.line,
        object_index=place,
        is_problem=is_problem,
    )


def _extra(edges: tuple[float, ...], truncated: bool, dozens: int) -> str:
    """Triangles in the lower corners of a truncated object; a square for each dozen of classes before."""
    (x0, x1), (y0, y1) = sorted(edges[::2]), sorted(edges[1::2])
    side = max(x1 - x0, y1 - y0) / 16
    parts = []
    if truncated:
        legs = max(0.0, min(2 * side, (x1 - x0) / 2, y1 - y0))
        parts += [f"M{_short(x0)} {_short(y1)}h{_short(legs)}l{_short(-legs)} {_short(-legs)}Z"]
        parts += [f"M{_short(x1)} {_short(y1)}h{_short(-legs)}l{_short(legs)} {_short(-legs)}Z"]
    for dozen in range(dozens):
        left, top = x1 - 1.5 * side, y0 + side * (0.5 + 1.5 * dozen)
        parts.append(f"M{_short(left)} {_short(top)}h{_short(side)}v{_short(side)}h{_short(-side)}Z")
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:.5g}"
