"""Draws the sample data: product photos of a shop that does not exist, with their annotation.

    python sample_data/make.py [FOLDER]

writes Annotations/, JPEGImages/, ImageSets/Main/ and classes.txt into FOLDER (default: beside this file).
It needs Pillow only; the same Pillow gives the same files. A box is measured, not planned: it is what is
left of the product's own mask after the camera has tilted it, other products have covered it and the
picture's border has cut it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

import shelf
from brush import BLACK, Canvas, Layer
from PIL import Image, ImageChops, ImageFilter
from scenes import PRODUCTS, SCENES, Product, Row, Scene

CLASSES = ("clothes", "pants", "shoes", "watch", "phone", "audio", "computer", "books")
MADE_WITH_PILLOW = "13.0.0"
MARGIN = 24  # pixels around the picture, so that products can be cut by its border


@dataclass
class Placed:
    """Something that covers what is behind it: a product, or (name None) a stand."""

    name: str | None
    mask: Image.Image


@dataclass
class Object:
    """One annotated product; the box in edges: (0, 0, width, height) is the whole picture."""

    name: str
    box: tuple[int, int, int, int]
    truncated: bool
    difficult: bool


@dataclass
class Picture:
    scene: Scene
    image: Image.Image
    objects: list[Object] = field(default_factory=list)


def draw(scene: Scene, scale: int = 4, *, without: Collection[int] = (), shadows: bool = True) -> Picture:
    """The picture and its objects, drawn `scale` times larger and reduced.

    `without` leaves out products by their number (and `shadows=False` all shadows), with everything else
    unchanged: that is how a test sees which pixels belong to which product.
    """
    rng = Random(scene.stem)
    width, height = scene.size
    theme = shelf.THEMES[scene.theme]
    canvas = Canvas(width, height, scale, MARGIN)
    shelf.wall(canvas, theme, rng, width, height)
    if any(not row.rail for row in scene.rows):
        shelf.posts(canvas, theme, width, height)
    placed: list[Placed] = []
    for row in scene.rows:
        _fill(canvas, scene, row, rng, placed, without, shadows)
    corners = _camera(rng, scene.tilt)
    image = _photographed(canvas.image.convert("RGB"), scene, corners, scale)
    picture = Picture(scene, _developed(image, theme, rng, scene))
    _annotate(picture, [_seen(p.mask, scene, corners, scale) for p in placed], placed)
    return picture


def _fill(
    canvas: Canvas,
    scene: Scene,
    row: Row,
    rng: Random,
    placed: list[Placed],
    without: Collection[int],
    shadows: bool,
) -> None:
    """Draw one row: the furniture, then the products from the back to the front."""
    width = scene.size[0]
    theme = shelf.THEMES[scene.theme]
    ground = shelf.Board(row.y, depth=max(13, row.room * 0.16))
    if row.rail:
        shelf.rail(canvas, row.y, width)
    else:
        shelf.board(canvas, theme, rng, ground, width)
    spots = _spots(row, rng, width)
    if not row.rail:
        tags: list[float] = []
        for x, _, w, _, _ in spots:
            centre = min(max(x + w / 2, 24), width - 24)
            if all(abs(centre - other) > 36 for other in tags):
                shelf.price_tag(canvas, theme, rng, centre, ground)
                tags.append(centre)
        if not spots:
            for share in (0.2, 0.5, 0.8):
                shelf.price_tag(canvas, theme, rng, width * share, ground)
    for x, product, w, h, forward in sorted(spots, key=lambda spot: spot[4]):
        layer = Layer(w, h, canvas.scale)
        product.draw(layer, rng)
        if scene.restyle is not None:
            scene.restyle(layer, rng)
        top = row.y + (12 if product.name == "pants" else 15)
        if not row.rail:
            top = ground.front - ground.depth * (0.14 if forward else rng.uniform(0.45, 0.6)) - h
        number = sum(p.name is not None for p in placed)
        if row.rail or product.name in ("watch", "phone"):
            stand = Canvas(*scene.size, canvas.scale, MARGIN)
            _furnish(stand, product, x + w / 2, top, w, h, row)
            canvas.image.alpha_composite(stand.image)
            solid = stand.image.getchannel("A").point([255 if v > 200 else 0 for v in range(256)])
            placed.append(Placed(None, solid))
        at = (
            round((x - layer.margin + canvas.margin) * canvas.scale),
            round((top - layer.margin + canvas.margin) * canvas.scale),
        )
        mask = Image.new("L", canvas.image.size)
        mask.paste(layer.image.getchannel("A"), at)
        placed.append(Placed(product.name or None, mask))
        if shadows:
            _cast_shadow(canvas, mask, x, top, w, h, hanging=row.rail)
        if number not in without:
            piece = Image.new("RGBA", canvas.image.size)
            piece.paste(layer.image, at)
            canvas.image.alpha_composite(piece)


def _spots(row: Row, rng: Random, width: int) -> list[tuple[float, Product, float, float, bool]]:
    """(left, product, width, height, in front?) of each product, spread over the row."""
    wanted = []
    for word in row.words.split():
        forward = word.startswith("+")
        body, _, larger = word.removeprefix("+").partition("*")
        key, _, place = body.partition("@")
        product = PRODUCTS[key]
        h = row.room * product.tall * float(larger or 1) * rng.uniform(0.94, 1.04)
        wanted.append((product, h * product.wide * rng.uniform(0.95, 1.05), h, forward, place))
    free = [spot for spot in wanted if not spot[4] and not spot[3]]
    gap = (width - 36 - sum(spot[1] for spot in free)) / (len(free) + 1)
    spots: list[tuple[float, Product, float, float, bool]] = []
    x = 18.0
    for product, w, h, forward, place in wanted:
        if place:
            left = float(place)
        elif forward:  # half in front of the one before it
            previous = spots[-1]
            left = previous[0] + previous[2] * 0.8
        else:
            left = x + gap * rng.uniform(0.75, 1.25)
            x += gap + w
        spots.append((left, product, w, h, forward))
    return spots


def _furnish(canvas: Canvas, product: Product, x: float, top: float, w: float, h: float, row: Row) -> None:
    if row.rail and product.name == "pants":
        shelf.clips(canvas, x, row.y, top, w * 0.3)
    elif row.rail:
        shelf.hanger(canvas, x, row.y, top + h * 0.05, w * 0.28)
    elif product.name == "watch":
        shelf.cushion(canvas, x, top + h + 2, w * 1.25, h * 0.86)
    elif product.name == "phone":
        shelf.easel(canvas, x, top + h, w)


def _cast_shadow(
    canvas: Canvas, mask: Image.Image, x: float, top: float, w: float, h: float, *, hanging: bool
) -> None:
    """On the wall behind, to the lower right; a standing product also darkens the board it touches."""
    scale = canvas.scale
    edges = mask.getbbox()
    if edges is None:
        return
    pad = 12 * scale
    left, above = max(0, edges[0] - pad), max(0, edges[1] - pad)
    part = mask.crop((left, above, min(mask.width, edges[2] + pad), min(mask.height, edges[3] + pad)))
    soft = Image.new("L", part.size)
    soft.paste(part, (5 * scale, (5 if hanging else 1) * scale))
    soft = soft.filter(ImageFilter.BoxBlur(2.2 * scale)).filter(ImageFilter.BoxBlur(2.2 * scale))
    dark = Image.new("RGBA", part.size, BLACK)
    dark.putalpha(soft.point([round(v * 0.36) for v in range(256)]))
    canvas.image.alpha_composite(dark, (left, above))
    if not hanging:
        base = top + h
        outline = (x - 1, base - 3, x + w + 5, base + 3.5)
        canvas.rounded(outline, 3, BLACK, opacity=0.6, blur=1.6)


def _camera(rng: Random, tilt: float) -> tuple[float, ...]:
    """How far (in pixels) each corner of the picture is off, as x, y of nw, sw, se, ne."""
    return tuple(rng.uniform(-7, 7) * tilt for _ in range(8))


def _photographed(image: Image.Image, scene: Scene, corners: tuple[float, ...], scale: int) -> Image.Image:
    width, height = scene.size
    frame = (0, 0, 0, height, width, height, width, 0)
    quad = [(a + b + MARGIN) * scale for a, b in zip(frame, corners, strict=True)]
    large = image.transform(
        (width * scale, height * scale), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR
    )
    return large.reduce(scale)


def _developed(image: Image.Image, theme: shelf.Theme, rng: Random, scene: Scene) -> Image.Image:
    """Light that falls off toward the corners, a tint, and the grain of a sensor."""
    falloff = (
        Image.radial_gradient("L").resize(image.size).point([round(v * v / 255 * 0.36) for v in range(256)])
    )
    image = image.point([round(255 * (v / 255) ** 0.82) for v in range(256)] * 3)
    image = Image.composite(Image.new("RGB", image.size, (16, 14, 18)), image, falloff)
    image = ImageChops.multiply(image, Image.new("RGB", image.size, theme.light))
    if scene.dim:
        image = Image.blend(image, Image.new("RGB", image.size, (10, 10, 22)), scene.dim)
    if scene.extension == "png":  # noise would triple the size of a lossless file
        return image
    noise = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    grain = Image.merge("RGB", [noise] * 3)
    return Image.blend(image, grain, 0.02)


def _seen(mask: Image.Image, scene: Scene, corners: tuple[float, ...], scale: int) -> tuple[Image.Image, int]:
    """(the product's share of each pixel as the camera sees it, its whole area in and beyond the picture)"""
    whole = sum(i * n for i, n in enumerate(mask.histogram())) // (255 * scale * scale)
    return _photographed(mask, scene, corners, scale), whole


def _annotate(picture: Picture, seen: list[tuple[Image.Image, int]], placed: list[Placed]) -> None:
    width, height = picture.scene.size
    for i, (mask, whole) in enumerate(seen):
        name = placed[i].name
        if name is None:
            continue
        inside = sum(n for v, n in enumerate(mask.histogram()) if v > 127)
        visible = mask
        for nearer, _ in seen[i + 1 :]:
            visible = ImageChops.multiply(visible, ImageChops.invert(nearer))
        visible = visible.point([255 if v > 96 else 0 for v in range(256)])
        box = visible.getbbox()
        if box is None:
            continue
        left = visible.histogram()[255]
        at_border = box[0] == 0 or box[1] == 0 or box[2] == width or box[3] == height
        picture.objects.append(
            Object(
                name,
                box,
                truncated=at_border and inside < 0.96 * whole,
                difficult=left < 0.55 * whole or picture.scene.dim > 0.3,
            )
        )


def to_xml(picture: Picture) -> str:
    """The annotation as labelImg lays it out."""
    filename = f"{picture.scene.stem}.{picture.scene.extension}"
    lines = [
        "<annotation>",
        "\t<folder>JPEGImages</folder>",
        f"\t<filename>{escape(filename)}</filename>",
        f"\t<path>JPEGImages/{escape(filename)}</path>",
        "\t<source>",
        "\t\t<database>annotools sample data</database>",
        "\t</source>",
        "\t<size>",
        f"\t\t<width>{picture.image.width}</width>",
        f"\t\t<height>{picture.image.height}</height>",
        "\t\t<depth>3</depth>",
        "\t</size>",
        "\t<segmented>0</segmented>",
    ]
    for item in picture.objects:
        lines += [
            "\t<object>",
            f"\t\t<name>{escape(item.name)}</name>",
            "\t\t<pose>Unspecified</pose>",
            f"\t\t<truncated>{item.truncated:d}</truncated>",
            f"\t\t<difficult>{item.difficult:d}</difficult>",
            "\t\t<bndbox>",
            *(
                f"\t\t\t<{tag}>{value}</{tag}>"
                for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True)
            ),
            "\t\t</bndbox>",
            "\t</object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def write(folder: Path, scene: Scene, scale: int = 4) -> None:
    """One picture and its annotation, into folders that are there."""
    picture = draw(scene, scale)
    xml = folder / "Annotations" / f"{scene.stem}.xml"
    xml.write_text(to_xml(picture), encoding="utf-8", newline="\n")
    path = folder / "JPEGImages" / f"{scene.stem}.{scene.extension}"
    if scene.extension == "png":
        picture.image.save(path, optimize=True)
    else:
        picture.image.save(path, quality=88, subsampling="4:2:0")


def prepare(folder: Path, scenes: Sequence[Scene]) -> None:
    """The folders, the lists of these scenes, and the classes."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for split in ("train", "val", "test"):
        stems = [scene.stem for scene in scenes if scene.split == split]
        lines = "".join(f"{stem}\n" for stem in stems)
        (folder / "ImageSets/Main" / f"{split}.txt").write_text(lines, encoding="utf-8", newline="\n")
    (folder / "classes.txt").write_text("\n".join([*CLASSES, ""]), encoding="utf-8", newline="\n")


def main(folder: Path, scenes: Sequence[Scene] = SCENES) -> None:
    prepare(folder, scenes)
    for scene in scenes:
        write(folder, scene)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
