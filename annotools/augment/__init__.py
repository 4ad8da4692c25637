"""Augmentation that is planned on boxes and executed once on pixels. Needs TensorFlow."""

from annotools.augment.apply import Result, apply, make_sample
from annotools.augment.augmenter import Augmenter, execute, plan_sample
from annotools.augment.graph.seeds import Draws, example_seed
from annotools.augment.ops.color import ChannelShuffle, ColorJitter, Grayscale, apply_batch
from annotools.augment.ops.erase import Cutout, RandomErase
from annotools.augment.ops.fit import CenterCrop, Letterbox, Resize
from annotools.augment.ops.geometry import (
    Expand,
    HorizontalFlip,
    OnPixels,
    RandomCrop,
    Rot90,
    Rotate,
    ScaleJitter,
    Shear,
    Translate,
    VerticalFlip,
)
from annotools.augment.ops.iou_crop import IoUCrop
from annotools.augment.ops.mosaic import MixUp, Mosaic
from annotools.augment.ops.probability import Schedule
from annotools.augment.plan.box_policy import DROP_REASONS, BoxPolicy
from annotools.augment.plan.draft import Draft, Op
from annotools.augment.plan.plan import Plan
from annotools.augment.plan.sample import PADDING, Partner, Sample
from annotools.augment.presets import PRESETS, light, ssd, torchvision_ssd, yolo
from annotools.augment.recipe import (
    Augmentation,
    as_augmentation,
    has_color,
    is_linear,
    partners_of,
)

__all__ = [
    "DROP_REASONS",
    "PADDING",
    "PRESETS",
    "Augmentation",
    "Augmenter",
    "BoxPolicy",
    "CenterCrop",
    "ChannelShuffle",
    "ColorJitter",
    "Cutout",
    "Draft",
    "Draws",
    "Expand",
    "Grayscale",
    "HorizontalFlip",
    "IoUCrop",
    "Letterbox",
    "MixUp",
    "Mosaic",
    "OnPixels",
    "Op",
    "Partner",
    "Plan",
    "RandomCrop",
    "RandomErase",
    "Resize",
    "Result",
    "Rot90",
    "Rotate",
    "Sample",
    "ScaleJitter",
    "Schedule",
    "Shear",
    "Translate",
    "VerticalFlip",
    "apply",
    "apply_batch",
    "as_augmentation",
    "example_seed",
    "execute",
    "has_color",
    "is_linear",
    "light",
    "make_sample",
    "partners_of",
    "plan_sample",
    "ssd",
    "torchvision_ssd",
    "yolo",
]
