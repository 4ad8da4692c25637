"""What a conversion was asked to do. Every flag of `annotools convert` is one field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from annotools.classes.class_map import ClassMap
from annotools.conversion.output_formats import FORMATS, OutputFormat
from annotools.errors import OptionError
from annotools.repair.repairs import FIXES, Fixes

BOX_ORIGINS = ("as-written", "one-based")
EXIF_MODES = ("upright", "keep", "error")
SOURCE_IDS = ("filename", "numeric")
ON_ERROR = ("fail", "skip")
RUNNERS = ("local", "beam")
DEFAULT_SHARD_SIZE = 256 << 20
"""Bytes of images in a file, about."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options that decide what is in the output. Two runs with equal options give equal bytes."""

    to: str
    classes: ClassMap
    box_origin: str = "as-written"
    exif: str = "upright"
    source_id: str = "filename"
    on_error: str = "fail"
    split: str | None = None
    group_by: str | None = None
    seed: int = 0
    shards: int | None = None
    shard_size: int = DEFAULT_SHARD_SIZE
    fixes: Fixes = field(default_factory=Fixes)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("to", tuple(FORMATS)),
            ("box_origin", BOX_ORIGINS),
            ("exif", EXIF_MODES),
            ("source_id", SOURCE_IDS),
            ("on_error", ON_ERROR),
        ):
            check_choice(name, getattr(self, name), allowed)

    @property
    def format(self) -> OutputFormat:
        """The row of `to`."""
        return FORMATS[self.to]

    @property
    def stores_pixels(self) -> bool:
        """Whether the output holds the image files, or only speaks of them."""
        return FORMATS[self.to].stores_pixels

    def as_dict(self) -> dict[str, Any]:
        """For the manifest: everything but the classes, which have a place of their own there."""
        return {
            "box_origin": self.box_origin,
            "exif": self.exif,
            "source_id": self.source_id,
            "on_error": self.on_error,
            "split": self.split,
            "group_by": self.group_by,
            "seed": self.seed,
            "shards": self.shards,
            "shard_size": self.shard_size,
            "fix": [name for name in FIXES if name in self.fixes],
            "map_classes": dict(sorted(self.fixes.class_names.items())),
        }


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(
            "no such choice",
            field="--" + name.replace("_", "-"),
            found=value,
            expected=", ".join(allowed),
        )


_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def parse_size(text: str | int) -> int:
    """Bytes from `268435456`, `"256MiB"`, `"1 GB"`; OptionError unless it is a positive number of bytes."""
    cleaned = str(text).strip().lower().replace(" ", "")
    digits = cleaned.rstrip("bkmgi")
    try:
        size = int(float(digits) * _SIZES[cleaned[len(digits) :]])
    except (KeyError, ValueError, OverflowError):
        size = 0
    if size < 1:
        raise OptionError("not a size", field="--shard-size", found=text, expected="256MiB")
    return size
