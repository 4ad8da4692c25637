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
from annotools.augment.ops.choice import SomeOf
from annotools.augment.ops.color import ChannelShuffle, ColorJitter, HsvGain
from annotools.augment.ops.fit import Resize
from annotools.augment.ops.geometry import Expand, HorizontalFlip, Rotate, ScaleJitter, Shear, Translate
from annotools.augment.ops.iou_crop import IoUCrop
from annotools.augment.ops.mosaic import MixUp, Mosaic
from annotools.augment.ops.probability import Schedule
from annotools.augment.ops.sizes import FixedSizeCrop, RandomSizeCrop, ResizeScale, ResizeShortestEdge
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


def ssd512(*, hsv: Literal["exact", "linear"] = "linear", keep_one: bool = False) -> Augmentation:
    """The recipe of SSD512 (examples/ssd/ssd_pascal_512.py there): the numbers of `ssd`, which Caffe's two
    scripts share, and 512x512 for what is asked for no size.

    Like and unlike the original as `ssd` is; what else sets SSD512 apart are its priors.
    """
    base = ssd(hsv=hsv, keep_one=keep_one)
    return replace(base, ops=(*base.ops, Resize((512, 512))))


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

    turned = (Rotate(degrees),) if degrees else ()
    slanted = (Shear(shear, shear),) if shear else ()
    mixed = (MixUp(p=_until(mixup, epochs, closed)),) if mixup else ()
    return Augmentation(
        (
            Mosaic(p=_until(mosaic, epochs, closed)),
            *turned,
            *slanted,
            ScaleJitter((0.5, 1.5)),
            Translate((0.1, 0.1)),
            *mixed,
            HorizontalFlip(),
            _hsv(hsv),
        ),
        policy=BoxPolicy(min_visibility=0.1, min_size=2.0, max_aspect=100.0),
        fill=GRAY,
        resize="letterbox",
    )


def _until(p: float, epochs: int | None, closed: int) -> float | Schedule:
    """`p`, and nothing in the last `closed` of the epochs."""
    if epochs is None or closed == 0:
        return p
    end = epochs - closed
    return Schedule(((0, p), (end, 0.0))) if end > 0 else 0.0


def _hsv(hsv: str) -> Op:
    check_choice(hsv, "hsv", ("exact", "linear"))
    if hsv == "exact":
        return HsvGain(0.015, 0.7, 0.4)
    return ColorJitter(
        brightness=0.0, contrast=(0.6, 1.4), saturation=(0.3, 1.7), hue=0.015, p_each=1.0, hsv="linear"
    )


def yolox(
    *, epochs: int | None = None, close_mosaic: int = 15, hsv: Literal["exact", "linear"] = "exact"
) -> Augmentation:
    """Mosaic, affine, then mixup with a second picture: the numbers of YOLOX
    (https://github.com/Megvii-BaseDetection/YOLOX, exp/yolox_base.py).

    As there: mosaic of four around a point of the middle half; turn +-10 and shear +-2 degrees, zoom 0.1 to
    2, shift 0.1; a second picture of 0.5 to 1.5 times its fitted size, flipped by a coin, at the upper left,
    or cut at random where it is larger, mixed half and half; flip; HSV gains of 0.015, 0.7, 0.4. With
    `epochs`, mosaic, affine and mixup stop `close_mosaic` epochs before the end, inside the graph. Boxes need
    2 pixels, a fifth of their original area and an aspect under 20.
    Different: the second picture is mixed in also where it adds no object; the area is that of the original
    box, not that after the mosaic's cut; the picture is centred by letterbox, where YOLOX pads at the end.
    """
    if epochs is not None:
        check_count(epochs, "epochs")
    check_number(close_mosaic, "close_mosaic", 0, math.inf if epochs is None else epochs)
    p = _until(1.0, epochs, close_mosaic)
    second = (ResizeScale((0.5, 1.5)), FixedSizeCrop(), HorizontalFlip())
    return Augmentation(
        (
            Mosaic(p=p),
            Rotate(10.0, p=p),
            Shear(2.0, 2.0, p=p),
            ScaleJitter((0.1, 2.0), p=p),
            Translate((0.1, 0.1), p=p),
            MixUp(p=p, share=0.5, ops=second),
            HorizontalFlip(),
            _hsv(hsv),
        ),
        policy=BoxPolicy(min_visibility=0.2, min_size=2.0, max_aspect=20.0),
        fill=GRAY,
        resize="letterbox",
    )


def detr(*, longest: int = 1333) -> Augmentation:
    """Random sizes and crops, those of DETR (https://github.com/facebookresearch/detr, datasets/coco.py).

    As there: flip; then by a coin a shorter side of 480 to 800 in steps of 32 with at most `longest` for the
    longer one, or a shorter side of 400, 500 or 600, a crop with sides of 384 to 600, and then the same; no
    change of colour. What is smaller than the batch is filled at the right and at the bottom.
    longest   sides and crops are in proportion to it: 1333 is DETR's, 640 has them at 0.48 of that. The
              output is longest x longest at most: ask the loader for that, or for no size and no batch
    Different: the fill is this augmentation's colour, gray, where DETR pads after normalising, and masks it
    out; `longest` other than 1333.
    """
    check_count(longest, "longest", 64)

    def scaled(pixels: int) -> int:
        return round(pixels * longest / 1333)

    sides = tuple(scaled(side) for side in range(480, 801, 32))
    to_side = ResizeShortestEdge(sides, longest)
    before = ResizeShortestEdge(tuple(scaled(side) for side in (400, 500, 600)), None)
    crop = RandomSizeCrop(scaled(384), scaled(600))
    both = SomeOf((before, crop), 2, p=0.5)
    return Augmentation((HorizontalFlip(), both, to_side, FixedSizeCrop()), resize="letterbox")


def lsj(*, scale: tuple[float, float] = (0.1, 2.0)) -> Augmentation:
    """Large-scale jitter (arXiv 2012.07177; torchvision's references call it `lsj`, detectron2 configures it
    for its new baselines): fitted into the output times 0.1 to 2, then cut or filled to it; flip.

    As there: a larger picture is cut at a random place, a smaller one stands at the upper left; objects of
    less than a pixel are dropped. The paper's milder one is `lsj(scale=(0.8, 1.25))`.
    Different: gray fill, where torchvision's is its mean colour. Needs a size of the output.
    """
    return Augmentation((ResizeScale(scale), FixedSizeCrop(), HorizontalFlip()), resize="letterbox")


PRESETS |= {one.__name__: one for one in (detr, light, lsj, ssd, ssd512, torchvision_ssd, yolo, yolox)}


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
