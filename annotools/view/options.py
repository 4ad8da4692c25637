"""What the commands that look at data may be asked."""

from __future__ import annotations

import argparse
import os
from typing import Any

from annotools.errors import OptionError
from annotools.options import annotation_folder, check, image_folder, option, options, progress, workers

StrPath = str | os.PathLike[str]


def _image_size(text: str) -> tuple[int, int] | int:
    """`300` or `300x400`, height first."""
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (expected 300 or 300x400, height first)")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


@options
class StatsOptions:
    """The keywords of `stats` and the flags of `annotools stats`."""

    split: str | None = option(default=None, metavar="NAME", help="one split only")
    image_size: tuple[int, int] | int = option(
        default=300, read=_image_size, metavar="N|HxW", help="input of the detector; default: {default}"
    )
    anchors: int | None = option(
        default=None, read=int, minimum=1, metavar="K", help="propose K anchors at that size"
    )
    seed: int = option(default=0, read=int, minimum=0, metavar="N", help="of --anchors; default: {default}")
    images: str = option(
        default="header", choices=("none", "header"), help="none: take <size> at its word; default: {default}"
    )
    annotations: StrPath | None = annotation_folder()
    image_folder: StrPath | None = image_folder()

    def __post_init__(self) -> None:
        check(self)
        given: Any = self.image_size
        sides = given if isinstance(given, tuple | list) else (given, given)
        if len(sides) != 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
            raise OptionError("not a size", field="--image-size", found=self.image_size, expected="1 or more")

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)"""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size


@options
class ShowOptions:
    """The keywords of `show` and the flags of `annotools show`."""

    problems: bool = option(
        group="which images", default=False, help="only images in which the rules find an error or a warning"
    )
    only: tuple[str, ...] | str = option(
        group="which images",
        default=(),
        gather=tuple,
        metavar="NAME",
        help="only images with an object of this class, or the image of this id; may be repeated",
    )
    random: int | None = option(
        group="which images",
        default=None,
        read=int,
        minimum=1,
        metavar="N",
        help="N images by chance, and not the first ones",
    )
    count: int = option(
        group="which images",
        default=25,
        read=int,
        minimum=1,
        metavar="N",
        help="without --random; default: {default}",
    )
    seed: int = option(
        group="which images",
        default=0,
        read=int,
        minimum=0,
        metavar="N",
        help="of --random and --augment; default: {default}",
    )
    split: str | None = option(group="which images", default=None, metavar="NAME", help="one split only")
    augment: str | None = option(
        group="before and after",
        default=None,
        metavar="TEXT",
        help="before and after: a preset, ops, or both: 'ssd|cutout(holes=2)'",
    )
    epoch: int = option(
        group="before and after",
        default=0,
        read=int,
        minimum=0,
        metavar="N",
        help="of --augment; default: {default}",
    )
    image_size: tuple[int, int] | int = option(
        group="before and after",
        default=300,
        read=_image_size,
        metavar="N|HxW",
        help="of --augment; default: {default}",
    )
    detections: StrPath | None = option(
        group="detections",
        default=None,
        metavar="FILE",
        help="COCO results or the devkit's folder, drawn over the truth",
    )
    instances: StrPath | None = option(
        group="detections",
        default=None,
        metavar="FILE",
        help="COCO file that the ids in --detections belong to",
    )
    min_score: float = option(
        group="detections", default=0.3, read=float, metavar="X", help="of --detections; default: {default}"
    )
    tile: int = option(
        group="how they look",
        default=320,
        read=int,
        minimum=64,
        metavar="PX",
        help="longer side of a picture; default: {default}",
    )
    font: StrPath | None = option(
        group="how they look", default=None, metavar="FILE", help="for names that no font here has"
    )
    classes: StrPath | None = option(
        group="how they look", default=None, metavar="FILE", help="class file: its order gives the colours"
    )
    annotations: StrPath | None = annotation_folder()
    image_folder: StrPath | None = image_folder()

    @property
    def names(self) -> tuple[str, ...]:
        """`only` as names."""
        return (self.only,) if isinstance(self.only, str) else tuple(self.only)


@options
class DiffOptions:
    """The keywords of `diff` and the flags of `annotools diff`."""

    split: str | None = option(default=None, metavar="NAME", help="one split only")


@options
class ReportOptions:
    """The keywords of `report` and the flags of `annotools report`."""

    against: StrPath | None = option(
        default=None, metavar="OLD", help="an earlier version of SOURCE: what changed, with pictures"
    )
    split: str | None = option(default=None, metavar="NAME", help="one split only")
    image_size: tuple[int, int] | int = option(
        default=300, read=_image_size, metavar="N|HxW", help="input of the detector; default: {default}"
    )
    pictures: int = option(
        default=300, read=int, minimum=0, metavar="N", help="at most so many; default: {default}"
    )
    findings: int = option(
        default=5000, read=int, minimum=0, metavar="N", help="at most so many; default: {default}"
    )
    seed: int = option(
        default=0, read=int, minimum=0, metavar="N", help="of the pictures by chance; default: {default}"
    )
    quick: bool = option(default=False, help="no search for pictures that only look alike")
    classes: StrPath | None = option(
        default=None, metavar="FILE", help="class file: any other class is an error"
    )
    annotations: StrPath | None = annotation_folder()
    image_folder: StrPath | None = image_folder()
    workers: int = workers()
    progress: bool = progress()

    @property
    def figures(self) -> StatsOptions:
        """What `annotools stats` would be asked."""
        return StatsOptions(
            split=self.split,
            image_size=self.image_size,
            annotations=self.annotations,
            image_folder=self.image_folder,
        )
