"""Recipes with their numbers. Each returns an Augmentation; what differs from the original is said here.

Common to all: colour runs after the resize (on the original size it costs a third more at 500x375 and four
times as much at 1080p) and leaves the fill alone; resampling is bilinear; objects thinner than a pixel are
dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from annotools.augment.ops.arguments import check_choice, check_count, check_number
from annotools.augment.ops.color import ChannelShuffle, ColorJitter, HsvGain
from annotools.augment.ops.geometry import Expand, HorizontalFlip, Rotate, ScaleJitter, Shear, Translate
from annotools.augment.ops.iou_crop import IoUCrop
from annotools.augment.ops.mosaic import MixUp, Mosaic
from annotools.augment.ops.probability import Schedule
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.draft import Op
from annotools.augment.plan.kind import GRAY
from annotools.augment.recipe import PRESETS as PRESETS
from annotools.augment.recipe import Augmentation
from annotools.augment.text.reader import from_text
from annotools.errors import OptionError

IMAGENET_MEAN = (123, 117, 104)  # SSD's mean_value 104, 117, 123 is in BGR order


def light() -> Augmentation:
    """A horizontal flip and mild brightness and contrast: a baseline that cannot hurt much."""
    jitter = ColorJitter(brightness=16.0, contrast=(0.8, 1.2), saturation=(0.8, 1.2), hue=0.02)
    return Augmentation((jitter, HorizontalFlip()))


def ssd(*, hsv: Literal["exact", "linear"] = "linear", keep_one: bool = False) -> Augmentation:
    """The recipe of SSD (https://github.com/weiliu89/caffe, branch ssd): distort, expand, sample a crop,
    mirror.

    As there: brightness +-32, contrast and saturation 0.5 to 1.5, hue +-36 degrees, each with a coin; expand
    up to 4x on the mean colour with a coin; the crop of `IoUCrop`; the centre rule; no limit on visibility.
    Different: the resize is bilinear where SSD picks one of five interpolations; `hsv="linear"` replaces the
    HSV round trip by a matrix (pass "exact" for the original); crop windows are rounded to pixels, not cut
    down to them. As there, one picture in ten is left without objects, one in fifty is nothing but fill;
    `keep_one` crops around an object at least.
    """
    return Augmentation(
        (ColorJitter(hsv=hsv), Expand(4.0), IoUCrop(keep_one=keep_one), HorizontalFlip()),
        policy=BoxPolicy(),
        fill=IMAGENET_MEAN,
        resize="stretch",
    )


def torchvision_ssd(*, hsv: Literal["exact", "linear"] = "linear") -> Augmentation:
    """What torchvision's detection references call `ssd`: RandomPhotometricDistort, RandomZoomOut,
    RandomIoUCrop, flip.

    As there: brightness, contrast and saturation factors, hue +-18 degrees, channel order; zoom out up to 4x
    on the mean; crops with sides drawn apart, aspect in pixels, 40 trials, centres strictly inside.
    Different: brightness adds up to +-32 where torchvision multiplies by 0.875 to 1.125; thresholds that find
    nothing are left out of the choice where torchvision draws again without end.
    """
    crop = IoUCrop(trials=40, rule="torchvision")
    jitter = ColorJitter(hue=0.05, hsv=hsv)
    return Augmentation(
        (jitter, ChannelShuffle(0.5), Expand(4.0), crop, HorizontalFlip()),
        policy=BoxPolicy(),
        fill=IMAGENET_MEAN,
        resize="stretch",
    )


def yolo(
    *,
    epochs: int | None = None,
    close_mosaic: int | None = None,
    mosaic: float = 1.0,
    mixup: float = 0.0,
    degrees: float = 0.0,
    shear: float = 0.0,
    hsv: Literal["exact", "linear"] = "exact",
) -> Augmentation:
    """Mosaic, zoom 0.5 to 1.5, shift by 0.1, flip, HSV jitter: the numbers of the YOLOv5 and later defaults.

    epochs, close_mosaic   with `epochs` given, mosaic and mixup stop `close_mosaic` epochs before the end
                           (None: 10, of fewer than 20 epochs half), inside the graph: the same data set
                           goes on, nothing is built or traced again
    hsv   "exact": `HsvGain`, under which bright colours stay colours; "linear": a matrix, with a factor of
          contrast in place of the value's gain, at a fifth of the cost, which burns out some 3% of the pixels
    Boxes need 2 pixels, a tenth of their original area (of the original: those recipes compare with the area
    after the mosaic's own cut) and an aspect under 100. Needs partner images; small models may do better
    without mosaic (https://github.com/AlexeyAB/darknet/issues/6105).
    """
    if epochs is not None:
        check_count(epochs, "epochs")
    if close_mosaic is not None:
        check_number(close_mosaic, "close_mosaic", 0, math.inf if epochs is None else epochs)
    for field, value in {"mosaic": mosaic, "mixup": mixup, "degrees": degrees, "shear": shear}.items():
        check_number(value, field, 0.0)
    closed = 0 if epochs is None else min(10, epochs // 2) if close_mosaic is None else close_mosaic

    def scheduled(p: float) -> float | Schedule:
        if epochs is None or closed == 0:
            return p
        end = epochs - closed
        return Schedule(((0, p), (end, 0.0))) if end > 0 else 0.0

    turned = (Rotate(degrees),) if degrees else ()
    slanted = (Shear(shear, shear),) if shear else ()
    mixed = (MixUp(p=scheduled(mixup)),) if mixup else ()
    check_choice(hsv, "hsv", ("exact", "linear"))
    jitter: Op = HsvGain(0.015, 0.7, 0.4)
    if hsv == "linear":
        jitter = ColorJitter(
            brightness=0.0, contrast=(0.6, 1.4), saturation=(0.3, 1.7), hue=0.015, p_each=1.0, hsv=hsv
        )
    return Augmentation(
        (
            Mosaic(p=scheduled(mosaic)),
            *turned,
            *slanted,
            ScaleJitter((0.5, 1.5)),
            Translate((0.1, 0.1)),
            *mixed,
            HorizontalFlip(),
            jitter,
        ),
        policy=BoxPolicy(min_visibility=0.1, min_size=2.0, max_aspect=100.0),
        fill=GRAY,
        resize="letterbox",
    )


PRESETS |= {"light": light, "ssd": ssd, "torchvision_ssd": torchvision_ssd, "yolo": yolo}


def as_augmentation(ops: Any, policy: BoxPolicy | None = None) -> Augmentation:
    """From a preset, its name or a text (`from_text`), one op, a list of ops or None; `policy` replaces that
    of the preset."""
    if ops is None:
        found = Augmentation()
    elif isinstance(ops, Augmentation):
        found = ops
    elif isinstance(ops, str):
        found = from_text(ops)
    elif ops in PRESETS.values():
        raise OptionError(
            "a preset that was not called", field="ops", found=ops, expected=f"{ops.__name__}()"
        )
    else:
        found = Augmentation(tuple(ops) if isinstance(ops, Iterable) else (ops,))
    return found if policy is None else replace(found, policy=policy)
