"""What a validation is asked to do: the keywords of `annotools.validate` and the flags of the command."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from annotools import options as shared
from annotools.options import old_and_new, option
from annotools.validation import path_ignores

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.validation.baseline import Baseline

IMAGE_DEPTHS = ("none", "header", "decode")

StrPath = str | os.PathLike[str]


@shared.options
class CheckOptions:
    """What is checked and how, also in Beam. `annotools.validate` says what the keywords mean."""

    select: Iterable[str] | str | None = option(
        group="which rules", default=None, gather=list, metavar="RULES", help="only these rules; box-* works"
    )
    extend_select: Iterable[str] | str = option(
        group="which rules", default=(), gather=list, metavar="RULES", help="these rules too"
    )
    ignore: Iterable[str] | str = option(
        group="which rules", default=(), gather=list, metavar="RULES", help="not these rules"
    )
    severity: Mapping[str, str] | None = option(
        group="which rules",
        default=None,
        read=old_and_new,
        gather=dict,
        metavar="RULE=LEVEL",
        help="error|warning|info|off",
    )
    images: str = option(default="header", choices=IMAGE_DEPTHS, help="default: {default}")
    box_origin: str = shared.box_origin()
    classes: StrPath | ClassMap | Sequence[str] | Mapping[str, int] | None = option(
        default=None, metavar="FILE", help="class file: any other class is an error"
    )
    split: str | None = option(default=None, metavar="NAME", help="check one split only")
    annotations: str | None = shared.annotation_folder()
    image_folder: str | None = shared.image_folder()


@shared.options
class ValidateOptions(CheckOptions):
    """And how `annotools.validate` goes about it."""

    per_path_ignores: Mapping[str, Iterable[str] | str] | None = option(
        group="which rules",
        default=None,
        flag=path_ignores.FLAG,
        read=path_ignores.pattern_and_rules,
        gather=path_ignores.together,
        metavar="PATTERN=RULES",
        help="not these rules for paths, below SOURCE or whole, that match",
    )
    baseline: StrPath | Baseline | None = option(
        group="which rules", default=None, metavar="FILE", help="do not report the problems listed there"
    )
    workers: int | None = option(
        default=None, read=int, minimum=1, metavar="N", help="default: one for each processor"
    )
    progress: bool = shared.progress()
