"""The keywords of `verify` and the flags of the command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from annotools import options as shared
from annotools.options import option

if TYPE_CHECKING:
    from annotools.sources.source import Source


@shared.options
class VerifyOptions:
    """The keywords of `annotools.verify`, which says what they mean."""

    against: str | os.PathLike[str] | Source | None = option(
        default=None, metavar="SOURCE", help="compare every record with its source"
    )
    annotations: str | None = shared.annotation_folder()
    image_folder: str | None = shared.image_folder()
    images: str = option(
        default="none", choices=("none", "decode"), help="decode every image (default: {default})"
    )
    salvage: str | os.PathLike[str] | None = option(
        default=None, metavar="DIR", help="write the readable records of damaged shards to this new folder"
    )
    workers: int = shared.workers()
    progress: bool = shared.progress()
