"""What `make_dataset` may be asked: one frozen record, whose fields are its keywords."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf

from annotools.augment import BoxPolicy
from annotools.augment.ops.arguments import check_count, check_size, is_number, numbers_in
from annotools.augment.ops.fit import RESIZE, ResizeMode
from annotools.augment.pixels.render import Interpolation
from annotools.boxes import BOX_FORMATS
from annotools.classes.class_map import ClassMap
from annotools.errors import OptionError
from annotools.loader.extras import check_extras
from annotools.loader.sizes import ByAspect, MultiScale
from annotools.options import BOX_ORIGINS, ON_ERROR, check, option, options

StrPath = str | os.PathLike[str]
Cache = Literal["encoded", "resized"]
Dtype = Literal["uint8", "float32"]
KeepDifficult = Literal["keep", "drop", "ignore"]
Overflow = Literal["error", "drop_smallest"]

_COUNTS = {"seed": None, "epoch": 0, "start_step": 0, "batch_size": 1, "epochs": 1, "max_boxes": 1}
_COUNTS["pad_to_multiple"] = 1
_MAY_BE_NONE = ("batch_size", "epochs", "max_boxes")


@options
class SourceOptions:
    """Where the examples come from; `make_dataset` says what each option means."""

    split: str | None = option(default=None, flag="")
    classes: ClassMap | StrPath | Sequence[str] | None = option(default=None, flag="")
    images: StrPath | None = option(default=None, flag="")
    annotations: StrPath | None = option(default=None, flag="")
    box_origin: str = option(default=BOX_ORIGINS[0], choices=BOX_ORIGINS, flag="")
    on_error: str = option(default=ON_ERROR[0], choices=ON_ERROR, flag="")

    @property
    def class_map(self) -> ClassMap | None:
        """The classes: None, as they are, or out of a file or a list of names in the order of their ids."""
        if self.classes is None or isinstance(self.classes, ClassMap):
            return self.classes
        if isinstance(self.classes, (str, os.PathLike)):
            return ClassMap.from_file(self.classes)
        return ClassMap.from_names(self.classes)


@options
class LoaderOptions(SourceOptions):
    """The keywords of `make_dataset`, which says what they mean."""

    image_size: tuple[int, int] | int | MultiScale | ByAspect | None = option(flag="")
    batch_size: int | None = option(flag="")
    # what happens to pictures
    augment: Any = option(default=None, flag="")
    policy: BoxPolicy | None = option(default=None, flag="")
    resize: ResizeMode = option(default="stretch", choices=tuple(RESIZE), flag="")
    interpolation: Interpolation = option(default="bilinear", choices=("bilinear", "nearest"), flag="")
    antialias: bool = option(default=False, flag="")
    keep_difficult: KeepDifficult = option(default="keep", choices=("keep", "drop", "ignore"), flag="")
    cache_dir: StrPath | None = option(default=None, flag="")
    cache: Cache | None = option(default=None, choices=("encoded", "resized"), flag="")
    # which picture comes when
    seed: int = option(default=0, flag="")
    epoch: int = option(default=0, flag="")
    epochs: int | None = option(default=1, flag="")
    start_step: int = option(default=0, flag="")
    only_with_objects: bool = option(default=False, flag="")
    sampling: Any = option(default=None, flag="")
    shuffle: bool = option(default=True, flag="")
    drop_remainder: bool = option(default=False, flag="")
    shard: tuple[int, int] = option(default=(0, 1), flag="")
    # what a batch looks like
    max_boxes: int | None = option(default=None, flag="")
    overflow: Overflow = option(default="error", choices=("error", "drop_smallest"), flag="")
    box_format: str = option(default="xyxy", choices=BOX_FORMATS, flag="")
    dtype: Dtype = option(default="uint8", choices=("uint8", "float32"), flag="")
    ragged: bool = option(default=False, flag="")
    left_out: bool = option(default=False, flag="")
    extras: Sequence[str] = option(default=(), flag="")
    pad_to_multiple: int = option(default=1, flag="")
    # who makes it
    num_parallel_calls: int = option(default=tf.data.AUTOTUNE, flag="")
    deterministic: bool = option(default=True, flag="")
    service: str | None = option(default=None, flag="")

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            if getattr(self, name) is not None or name not in _MAY_BE_NONE:
                check_count(getattr(self, name), name, least)
        if self.num_parallel_calls != tf.data.AUTOTUNE:
            check_count(self.num_parallel_calls, "num_parallel_calls")
        if numbers_in(self.shard, 2) is None:
            raise OptionError(
                "not a worker", field="shard", found=self.shard, expected="(i, n), worker i of n"
            )
        check_extras(self.extras)
        check(self)
        if self.image_size is None and self.batch_size not in (None, 1):
            raise OptionError(
                "images of different sizes make no batch", field="image_size", found=None, expected="(H, W)"
            )
        if self.cache_dir is not None and self.cache is None:
            raise OptionError(
                "what is to be kept there?", field="cache", found=None, expected="encoded, resized"
            )
        if self.ragged and self.batch_size is None:
            raise OptionError("single samples have no ragged axis", field="ragged", found=self.ragged)

    @property
    def size(self) -> tuple[int, int] | None:
        """(H, W) of the pictures, None: what the ops give."""
        if isinstance(self.image_size, (MultiScale, ByAspect)):
            return self.sizes[0]
        size: Any = (self.image_size, self.image_size) if is_number(self.image_size) else self.image_size
        if size is None:
            return None
        check_size(size, "image_size")
        return int(size[0]), int(size[1])

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(H, W) each that a batch may have; () where there is one, or none is known."""
        if not isinstance(self.image_size, (MultiScale, ByAspect)):
            return ()
        sizes: Any = self.image_size.sizes
        return tuple(sizes)
