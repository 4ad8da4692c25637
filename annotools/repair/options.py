"""What a repair is asked to do: the keywords of `annotools.fix` and the flags of the command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from annotools import options as shared
from annotools.options import old_and_new, option
from annotools.repair.fixes import FIXES

COPY_MODES = ("copy", "link", "none")


@shared.options
class FixOptions:
    """`annotools.fix` says what the keywords mean."""

    fixes: Iterable[str] | str = option(
        default=(),
        flag="--fix",
        gather=list,
        metavar="FIX[,FIX]",
        help=f"{', '.join(FIXES)}; commas between them",
    )
    class_names: Mapping[str, str] | None = option(
        default=None,
        flag="--map-class",
        read=old_and_new,
        gather=dict,
        metavar="OLD=NEW",
        help="for map-classes",
    )
    images: str = option(default="copy", choices=COPY_MODES, help="default: {default}")
    box_origin: str = shared.box_origin()
    annotations: str | None = shared.annotation_folder()
    image_folder: str | None = shared.image_folder()
    dry_run: bool = option(default=False, help="list the repairs, write nothing")
    diff: bool = option(default=False, help="show the changed lines of each file, write nothing")
