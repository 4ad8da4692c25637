"""`annotools stats`: flags to keyword arguments, the figures to text or JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from annotools.commands.colour import paint
from annotools.commands.flags import add_flags, keywords
from annotools.files.columns import table
from annotools.sources.storage import printable
from annotools.view.options import StatsOptions

if TYPE_CHECKING:
    from annotools.view.stats import Stats

_SHOWN = 10


EXAMPLES = """\
    annotools stats VOCdevkit/VOC2007 --image-size 300 --anchors 9
    annotools stats out --format json
"""


def add_stats_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="VOC tree, folder, archive or URL; or a .pkl or TFRecord files")
    add_flags(parser, StatsOptions)
    parser.add_argument("--format", default="text", choices=["text", "json"])


def run_stats(args: argparse.Namespace) -> int:
    """Print the figures; 0, whatever the data."""
    from annotools.view.stats import stats

    result = stats(args.source, **keywords(StatsOptions, args))
    print(to_json(result) if args.format == "json" else to_text(result))
    return 0


def to_json(result: Stats) -> str:
    """schemas/stats.schema.json. ASCII, for names may hold anything."""
    return json.dumps(result.as_dict(), indent=2, allow_nan=False)


def to_text(result: Stats) -> str:
    """Sections of lines, the most general first."""
    sections = (_images, _classes, _splits, _sizes, _crowding, _hints, _anchors)
    found = [lines for make in sections if (lines := list(make(result)))]
    return "\n\n".join("\n".join([paint(first, "bold"), *rest]) for first, *rest in found)


def _images(result: Stats) -> Iterator[str]:
    images = result.images
    known = [f"{images.annotated} with objects", f"{images.negative} without"]
    if images.without_annotation:
        known.append(f"{images.without_annotation} without an annotation file")
    if images.lost:
        codes = ", ".join(f"{rule} {count}" for rule, count in images.lost.items())
        known.append(f"{sum(images.lost.values())} that cannot be read ({codes})")
    yield f"{images.found} images: {', '.join(known)}"
    odd = [
        f"{count} {what}"
        for count, what in (
            (result.objects_without_box, "without a box"),
            (result.objects_without_extent, "with a box that has no extent"),
        )
        if count
    ]
    yield f"{result.objects} objects of {len(result.classes)} classes" + (
        f", {', '.join(odd)}" if odd else ""
    )
    for count, what in (
        (images.without_image, "annotation files have no image"),
        (images.unreadable_image, "images cannot be read"),
    ):
        if count:
            yield f"{count} {what}: sizes from <size>"
    if images.objects_per_image is not None:
        median = images.objects_per_image[3]
        yield (
            f"objects in an image: median {median:g}, most {images.most_objects} (max_boxes)"
            + (f" in {images.fullest}" if images.fullest else "")
        )
    sizes = [
        f"{width}x{height} ({count})" if width else f"unknown ({count})"
        for width, height, count in images.sizes
    ]
    more = f", ... {images.distinct_sizes} sizes" if images.distinct_sizes > 3 else ""
    yield f"sizes of images: {', '.join(sizes[:3])}{more}"
    for name, counts in result.flags.items():
        if counts["set"]:
            yield f"{name}: {counts['set']} objects"


def _classes(result: Stats) -> Iterator[str]:
    names = [split.name for split in result.splits]
    header = [
        "class",
        "objects",
        "share",
        "images",
        *map(printable, names),
        "side",
        "5%",
        "95%",
        "w/h",
        "at border",
    ]
    rows = [header]
    for one in result.classes:
        side, aspect = one.boxes.side, one.boxes.aspect
        shape = (
            ["-"] * 4
            if side is None or aspect is None
            else [f"{side[3]:.0f}", f"{side[1]:.0f}", f"{side[5]:.0f}", f"{aspect[3]:.2f}"]
        )
        touching = f"{one.boxes.touching / one.boxes.measured:.0%}" if one.boxes.measured else "-"
        rows.append(
            [printable(one.name), str(one.objects), f"{one.share:.1%}", str(one.images)]
            + [str(one.splits[name]) for name in names]
            + [*shape, touching]
        )
    if result.classes:
        yield from table(rows)
        yield "side: median, 5% and 95% of the root of the area, in pixels of the file"


def _splits(result: Stats) -> Iterator[str]:
    for split in result.splits:
        missing = f", no {', '.join(map(printable, split.missing))}" if split.missing else ""
        negative = f" ({split.negative} without objects)" if split.negative else ""
        yield f"{printable(split.name)}: {split.images} images{negative}, {split.objects} objects{missing}"
    apart = [
        f"{printable(pair.replace('|', ' and '))} {_bits(bits)}" for pair, bits in result.divergence.items()
    ]
    if apart:
        yield f"classes of two splits, 0 the same, 1 nothing in common: {', '.join(apart)}"


def _sizes(result: Stats) -> Iterator[str]:
    if not result.boxes.measured:
        return
    height, width = result.image_size
    yield from table(
        [
            ["boxes", "small", "medium", "large"],
            ["in the files", *(str(count) for count in result.boxes.original.values())],
            [f"at {width}x{height}", *(str(count) for count in result.boxes.training.values())],
        ]
    )
    yield "small: below 32x32 pixels, large: from 96x96 on, as COCO has it"


def _crowding(result: Stats) -> Iterator[str]:
    counts = result.crowding
    if counts["same_class"] or counts["other_class"]:
        yield (
            f"boxes with IoU above 0.5 to another: {counts['same_class']} to one of the same class, "
            f"{counts['other_class']} to one of another class"
        )


def _hints(result: Stats) -> Iterator[str]:
    total = sum(result.hint_counts.values())
    if not total:
        return
    told = ", ".join(f"{kind} {count}" for kind, count in result.hint_counts.items() if count)
    yield f"worth a look: {told}"
    for hint in result.hints[:_SHOWN]:
        place = hint.path if hint.line is None else f"{hint.path}:{hint.line}"
        yield f"  {place}: {hint.kind}: {printable(hint.class_name)}: {printable(hint.message)}"
    if total > _SHOWN:
        yield f"  ... --format json tells more of the {total}"


def _anchors(result: Stats) -> Iterator[str]:
    anchors = result.anchors
    if anchors is None:
        return
    height, width = result.image_size
    shapes = " ".join(f"({w:.0f},{h:.0f})" for w, h in anchors.shapes)
    yield f"{anchors.count} anchors at {width}x{height}, width and height: {shapes}"
    yield (
        f"best IoU of a box with one of them: mean {anchors.mean_best_iou:.3f}, "
        f"above 0.5 for {anchors.share_above_half:.1%}"
    )


def _bits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
