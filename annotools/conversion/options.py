"""What a conversion is asked to do: the keywords of `convert`, and what of them decides about the bytes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotools import options as shared
from annotools.conversion.json_limits import EACH_ONCE
from annotools.conversion.json_records import SPARE
from annotools.conversion.output_formats import FORMATS, OutputFormat
from annotools.errors import OptionError
from annotools.options import BOX_ORIGINS, ON_ERROR, old_and_new, option

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.repair.fixes import Fixes


EXIF_MODES = ("upright", "keep", "error")
SOURCE_IDS = ("filename", "numeric")
IMAGE_FORMATS = ("keep", "jpeg", "png")


def exif() -> Any:
    """What becomes of an EXIF orientation."""
    return option(
        default="upright", choices=EXIF_MODES, help="what becomes of turned images; default: {default}"
    )


def source_id() -> Any:
    """What a record gives as the id of its image."""
    return option(default="filename", choices=SOURCE_IDS, help="the id of an image; default: {default}")


@shared.options
class ConvertOptions:
    """The keywords of `annotools.convert`, which says what they mean, and the flags of the command."""

    to: str = option(choices=tuple(FORMATS), help="what to write: README.md says who reads which")
    classes: str | os.PathLike[str] | ClassMap | Sequence[str] | Mapping[str, int] | None = option(
        group="classes and splits",
        default=None,
        metavar="FILE",
        help="class file: .txt, .json or label map .pbtxt",
    )
    split: str | Sequence[str] | Mapping[str, float] | None = option(
        group="classes and splits",
        default=None,
        metavar="SPLIT",
        help="train | train,val | train=0.8,val=0.1,test=0.1 (default: all)",
    )
    group_by: str | None = option(
        group="classes and splits",
        default=None,
        metavar="REGEX",
        help="images whose ids share the match stay together",
    )
    seed: int | str = option(
        group="classes and splits", default=0, help="of the ratio split; auto: nearest to stratified"
    )
    shards: int | None = option(
        group="files", default=None, read=int, minimum=1, metavar="N", help="files for each split"
    )
    shard_size: str | int = option(group="files", default="256MiB", metavar="SIZE", help="default: {default}")
    workers: int = shared.workers()
    runner: str = option(
        default="local", choices=("local", "beam"), help="beam: its own flags follow after --"
    )
    beam_options: Sequence[str] = option(default=(), flag="")
    on_error: str = shared.on_error()
    box_origin: str = shared.box_origin()
    exif: str = exif()
    source_id: str = source_id()
    image_format: str = option(
        default="keep",
        choices=IMAGE_FORMATS,
        help="encode images anew that TensorFlow or plain readers of a record choke on (default: {default})",
    )
    fix: Iterable[str] | str = option(
        group="faults",
        default=(),
        gather=list,
        metavar="FIX[,FIX]",
        help="repairs, as `annotools fix` knows them",
    )
    map_classes: Mapping[str, str] | None = option(
        group="classes and splits",
        default=None,
        flag="--map-class",
        help="rename a class; may be repeated",
        read=old_and_new,
        gather=dict,
        metavar="OLD=NEW",
    )
    annotations: str | None = shared.annotation_folder()
    images: str | None = shared.image_folder()
    dry_run: bool = option(default=False, help="check everything, write nothing")
    overwrite: bool = option(default=False, help="replace an earlier output")
    progress: bool = shared.progress("no progress, no warnings, no summary")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOptions:
    """The options that decide about the bytes of an output, as the manifest has them, in its order.

    shard_size   bytes
    fix          names of FIXES, in the order in which they are applied
    """

    box_origin: Annotated[str, BOX_ORIGINS]
    exif: Annotated[str, EXIF_MODES]
    source_id: Annotated[str, SOURCE_IDS]
    on_error: Annotated[str, ON_ERROR]
    split: str | None
    group_by: str | None
    seed: int
    shards: Annotated[int, ">= 1"] | None
    shard_size: Annotated[int, ">= 1"]
    fix: Annotated[tuple[str, ...], EACH_ONCE]
    map_classes: Mapping[str, str]
    image_format: Annotated[str, IMAGE_FORMATS] = dataclasses.field(default="keep", metadata=SPARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(KeptOptions):
    """All that decides about the bytes of an output: two runs with equal Options give equal bytes."""

    to: str
    classes: ClassMap
    fixes: Fixes

    @property
    def format(self) -> OutputFormat:
        """The row of `to`."""
        return FORMATS[self.to]

    @property
    def sharded(self) -> bool:
        """Whether a split may be several files, by a hash of the ids; else it is one, in their order."""
        return FORMATS[self.to].shards == "used"

    @property
    def stores_pixels(self) -> bool:
        """Whether the output holds the image files, or only speaks of them."""
        return FORMATS[self.to].stores_pixels

    @property
    def kept(self) -> KeptOptions:
        """What the manifest keeps."""
        return KeptOptions(**_values(self))


def make_options(asked: ConvertOptions, classes: ClassMap) -> Options:
    """The options of a conversion with these classes. OptionError for a size, seed or fix that is none."""
    from annotools.repair.fixes import FIXES, make_fixes

    _check_shards(asked)
    fixes = make_fixes(asked.fix, asked.map_classes)
    parsed = {
        "seed": _whole_number(asked.seed),
        "shard_size": parse_size(asked.shard_size),
        "fix": tuple(name for name in FIXES if name in fixes),
        "map_classes": dict(sorted(fixes.class_names.items())),
    }
    return Options(to=asked.to, classes=classes, fixes=fixes, **_values(asked) | parsed)


def options_of(to: str, kept: KeptOptions, classes: ClassMap) -> Options:
    """The options with which an output was made. OptionError for fixes that this version does not know."""
    from annotools.repair.fixes import make_fixes

    return Options(to=to, classes=classes, fixes=make_fixes(kept.fix, kept.map_classes), **_values(kept))


def _values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(KeptOptions)}


def _check_shards(asked: ConvertOptions) -> None:
    if FORMATS[asked.to].shards == "refused":
        for name, about, default in shared.described(ConvertOptions):
            if name in ("shards", "shard_size") and getattr(asked, name) != default:
                message, found = f"--to {asked.to} has no shards", getattr(asked, name)
                raise OptionError(message, field=about.flag_of(name), found=found)


def _whole_number(seed: int | str) -> int:
    try:
        return int(seed)
    except ValueError:
        raise OptionError(
            "not a seed", field="--seed", found=seed, expected="a whole number, or auto"
        ) from None


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
