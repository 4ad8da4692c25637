"""From the pictures of a source to the drawings of a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotools.errors import ImageError
from annotools.view.drawing import Drawing, Mark
from annotools.view.pictures import Album, Picture

_PROBLEM_LINES = 3


def draw_pictures(
    album: Album,
    pictures: Sequence[Picture],
    tile: int,
    detected: Mapping[str, Sequence[Mark]] | None = None,
) -> list[Drawing]:
    """A drawing for each picture: its boxes and its problems; with `detected`, by image id, those on top."""
    return [_drawing(picture, album, tile, detected) for picture in pictures]


def _drawing(
    picture: Picture, album: Album, tile: int, detected: Mapping[str, Sequence[Mark]] | None
) -> Drawing:
    pixels, lines = None, [(caption(picture), False)]
    try:
        pixels = picture.pixels(tile)
    except ImageError as error:
        lines.append((error.message, True))
    size = picture.size or (pixels.size if pixels is not None else (4, 3))
    told = [
        f"{issue.rule}: {issue.message.replace(f'{album.path}/', '')}"
        for issue in picture.issues
        if issue.severity != "info"
    ]
    if len(told) > _PROBLEM_LINES:
        told[_PROBLEM_LINES - 1 :] = [f"... {len(told) - _PROBLEM_LINES + 1} more"]
    lines += [(text, True) for text in told]
    drawn = truth_marks(picture, album, thin=detected is not None)
    if detected is not None:
        drawn += detected.get(picture.id, ())
    return Drawing(pixels, size, tuple(drawn), tuple(lines))


def truth_marks(picture: Picture, album: Album, *, thin: bool = False) -> list[Mark]:
    """The boxes of the annotation; those of objects with an error or a warning are problems."""
    wrong = {issue.object_index for issue in picture.issues if issue.severity != "info"}
    objects = () if picture.annotation is None else picture.annotation.objects
    return [
        Mark(
            edges=item.bndbox.as_tuple(),
            name=item.name,
            index=album.classes.get(item.name),
            difficult=bool(item.difficult),
            truncated=bool(item.truncated),
            problem=number in wrong,
            thin=thin,
        )
        for number, item in enumerate(objects)
        if item.bndbox is not None
    ]


def caption(picture: Picture) -> str:
    """Id, size and splits."""
    size = picture.size
    parts = (picture.id, f"{size[0]}x{size[1]}" if size else "", ", ".join(picture.splits))
    return "  ".join(part for part in parts if part)
