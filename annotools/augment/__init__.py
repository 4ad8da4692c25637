"""Augmentation that is planned on boxes and executed once on pixels. Needs TensorFlow."""

from annotools.augment.apply import Result, apply, make_sample
from annotools.augment.augmentation import Augmentation, as_augmentation, partners_of
from annotools.augment.chance import Schedule
from annotools.augment.color import ChannelShuffle, ColorJitter, Grayscale, apply_batch, is_linear
from annotools.augment.draft import Draft, Op
from annotools.augment.erase import Cutout, RandomErase
from annotools.augment.execute import execute
from annotools.augment.iou_crop import IoUCrop
from annotools.augment.mosaic import MixUp, Mosaic
from annotools.augment.ops import (
    CenterCrop,
    Expand,
    HorizontalFlip,
    Letterbox,
    OnPixels,
    RandomCrop,
    Resize,
    Rot90,
    Rotate,
    ScaleJitter,
    Shear,
    Translate,
    VerticalFlip,
)
from annotools.augment.plan import Plan, plan_sample
from annotools.augment.policy import DROP_REASONS, BoxPolicy
from annotools.augment.presets import PRESETS, light, ssd, torchvision_ssd, yolo
from annotools.augment.sample import Partner, Sample
from annotools.augment.seeds import example_seed

__all__ = [
    "DROP_REASONS",
    "PRESETS",
    "Augmentation",
    "BoxPolicy",
    "CenterCrop",
    "ChannelShuffle",
    "ColorJitter",
    "Cutout",
    "Draft",
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
    "is_linear",
    "light",
    "make_sample",
    "partners_of",
    "plan_sample",
    "ssd",
    "torchvision_ssd",
    "yolo",
]
