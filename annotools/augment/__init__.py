"""Augmentation that is planned on boxes and executed once on pixels. Needs TensorFlow."""

from typing import TYPE_CHECKING

try:
    import tensorflow as tf
except ImportError:
    from annotools.errors import MissingExtraError

    raise MissingExtraError("annotools.augment", "tensorflow") from None

from annotools.augment.apply import Result as Result
from annotools.augment.apply import apply as apply
from annotools.augment.apply import make_sample as make_sample
from annotools.augment.augmenter import Augmenter as Augmenter
from annotools.augment.graph.seeds import Draws as Draws
from annotools.augment.graph.seeds import example_seed as example_seed
from annotools.augment.ops import *
from annotools.augment.ops.probability import Schedule as Schedule
from annotools.augment.pixels.color import apply_batch as apply_batch
from annotools.augment.plan.box_policy import DROP_REASONS as DROP_REASONS
from annotools.augment.plan.box_policy import BoxPolicy as BoxPolicy
from annotools.augment.plan.draft import Draft as Draft
from annotools.augment.plan.draft import Op as Op
from annotools.augment.plan.plan import Plan as Plan
from annotools.augment.plan.sample import PADDING as PADDING
from annotools.augment.plan.sample import Partner as Partner
from annotools.augment.plan.sample import Sample as Sample
from annotools.augment.presets import PRESETS as PRESETS
from annotools.augment.presets import as_augmentation as as_augmentation
from annotools.augment.presets import detr as detr
from annotools.augment.presets import light as light
from annotools.augment.presets import lsj as lsj
from annotools.augment.presets import ssd as ssd
from annotools.augment.presets import ssd512 as ssd512
from annotools.augment.presets import torchvision_ssd as torchvision_ssd
from annotools.augment.presets import yolo as yolo
from annotools.augment.presets import yolox as yolox
from annotools.augment.recipe import Augmentation as Augmentation
from annotools.augment.text.reader import from_json as from_json
from annotools.augment.text.reader import from_text as from_text

if not TYPE_CHECKING:  # which sees the imports above
    __all__ = sorted(
        name
        for name, value in globals().items()
        if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(value, type(tf))
    )
