"""`annotools show`: a contact sheet, the pictures of a source with what is said about them in one image."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from annotools.errors import OptionError, SourceError
from annotools.files.whole import whole_file
from annotools.options import takes
from annotools.sources.storage import printable
from annotools.view.choice import Chosen, choose
from annotools.view.drawing import PAPER, Drawing, Style, draw_tile
from annotools.view.fonts import choose_fonts
from annotools.view.legend import Item, draw_row, legend_of, rows_of
from annotools.view.marks import draw_pictures
from annotools.view.options import ShowOptions, StrPath
from annotools.view.pictures import Album, open_album

if TYPE_CHECKING:
    from PIL import Image

_SAVE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    ".png": ("PNG", {"compress_level": 1}),  # the default takes six times as long for a file a sixth smaller
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
}
_LARGEST_SIDE: Final = {"PNG": 100_000, "JPEG": 65_500, "WEBP": 16_383}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What has been drawn.

    path     of the image file; `size` is its (W, H) in pixels
    images   the ids of the images on it, in the order of the source
    found    images that fit what was asked for, as far as they were counted: all of them, or None
    notes    what a person should know about the drawing, such as a missing font
    """

    path: str
    size: tuple[int, int]
    images: tuple[str, ...]
    found: int | None
    notes: tuple[str, ...] = ()


@takes(ShowOptions)
def show(source: StrPath, output: StrPath, options: ShowOptions) -> Sheet:
    """Draw a contact sheet of a source: boxes, names, flags, and in red what the rules find.

    source      anything that `annotools.read` takes
    output      .png, .jpg or .webp
    problems    only images with an error or a warning     only    a class name or an image id, or several
    random      so many images by chance, `seed` says which; None: the first `count` ones
    split       one split only
    augment     instead, each image before and after `ssd|cutout` or such (loads TensorFlow) with `seed`,
                `epoch` and `image_size`
    detections  COCO results (with `instances` for numbers as ids) or the devkit's folder; those with at least
                `min_score` are drawn, the truth as thin lines
    tile        the longer side of a picture on the sheet, in pixels
    font        a font file that is tried first
    classes     a class file; the colour of a class follows its place there, else among the sorted names of
                the whole source
    annotations, image_folder   as for `annotools.convert`; of a pickle, the folder of its images

    Raises SourceError where no image fits, OptionError for what cannot be, OutputError where the file cannot
    be written.
    """
    path = os.fspath(output)
    form = _form(path)
    album = open_album(
        source,
        classes=options.classes,
        annotations=options.annotations,
        image_folder=options.image_folder,
    )
    chosen = choose(album, options)
    if not chosen.pictures:
        raise SourceError("no image to show", path=album.path, **_asked(options))
    drawings = _drawings(album, chosen, source, options)
    legend = legend_of(chosen.sentence(album.path), [mark for one in drawings for mark in one.marks])
    texts = [text for one in drawings for text, _ in one.lines] + [item.text for item in legend]
    fonts = choose_fonts([*texts, *(mark.label for one in drawings for mark in one.marks)], options.font)
    columns = max(1, math.ceil(math.sqrt(len(drawings))))
    if options.augment is not None:
        columns += columns % 2  # before and after stay side by side
    sheet = _compose(drawings, columns, legend, Style(options.tile, fonts))
    _save(sheet, path, *_SAVE[form])
    return Sheet(
        path=path,
        size=sheet.size,
        images=tuple(picture.id for picture in chosen.pictures),
        found=chosen.found,
        notes=() if fonts.advice is None else (fonts.advice,),
    )


def _form(path: str) -> str:
    form = os.path.splitext(path)[1].lower()
    if form not in _SAVE:
        raise OptionError("no such image format", field="--output", found=path, expected=", ".join(_SAVE))
    return form


def _asked(options: ShowOptions) -> dict[str, Any]:
    if options.names:
        return {"field": "--only", "found": ", ".join(map(printable, options.names))}
    if options.problems:
        return {"field": "--problems", "expected": "an image with an error or a warning"}
    return {}


def _drawings(album: Album, chosen: Chosen, source: StrPath, options: ShowOptions) -> list[Drawing]:
    if options.augment is not None:
        from annotools.view.augmented import draw_before_and_after  # TensorFlow

        return draw_before_and_after(album, chosen.pictures, source, options)
    if options.detections is None:
        return draw_pictures(album, chosen.pictures, options.tile)
    from annotools.view.detected import read_marks

    detected = read_marks(album, options)
    return draw_pictures(album, chosen.pictures, options.tile, detected)


def _compose(drawings: Sequence[Drawing], columns: int, legend: Sequence[Item], style: Style) -> Image.Image:
    """The tiles in rows, and the legend below them."""
    from PIL import Image

    tiles = [draw_tile(one, style) for one in drawings]
    gap = 2 * style.line
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + gap for row in rows]
    width = len(rows[0]) * (tiles[0].width + gap) + gap
    below = rows_of(legend, width - 2 * gap, style)
    sheet = Image.new("RGB", (width, gap + sum(heights) + len(below) * 2 * style.text + gap), PAPER)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (gap + column * (tile.width + gap), top))
        top += height
    for number, items in enumerate(below):
        draw_row(sheet, items, (gap, top + number * 2 * style.text), style)
    return sheet


def _save(sheet: Image.Image, path: str, form: str, how: dict[str, Any]) -> None:
    if max(sheet.size) > _LARGEST_SIDE[form]:
        raise OptionError(
            "the sheet is too large for this format", path=path, field="--tile",
            found=f"{sheet.width}x{sheet.height}", expected=f"at most {_LARGEST_SIDE[form]} pixels a side",
        )  # fmt: skip
    data = BytesIO()
    sheet.save(data, form, **how)
    with whole_file(path) as file:
        file.write(data.getvalue())
