"""Batches for training: from what annotools wrote, from other TFRecords, from VOC. Needs TensorFlow.

ds = make_dataset("out", image_size=(300, 300), batch_size=32, augment=ssd(), split="train", epochs=30)
model.fit(to_keras(ds), epochs=30, steps_per_epoch=ds.steps_per_epoch)
"""

try:
    import tensorflow as _tensorflow  # noqa: F401
except ImportError:
    from annotools.errors import MissingExtraError

    raise MissingExtraError("annotools.loader", "tensorflow") from None

from annotools.loader.adapters import to_keras, to_keras_cv, to_keras_hub, to_tfod
from annotools.loader.batch import IGNORE, LEFT_OUT, PAD
from annotools.loader.dataset import make_dataset, steps_per_epoch
from annotools.loader.explain import Seen, explain
from annotools.loader.extras import EXTRAS, boxes_to_original
from annotools.loader.sampling import ClassBalanced, RepeatFactor, Weights
from annotools.loader.share import SampleCounts
from annotools.loader.sizes import ByAspect, MultiScale
from annotools.loader.sources.mix import Mix
from annotools.loader.training_set import TrainingSet, pipeline_of

__all__ = [
    "EXTRAS",
    "IGNORE",
    "LEFT_OUT",
    "PAD",
    "ByAspect",
    "ClassBalanced",
    "Mix",
    "MultiScale",
    "RepeatFactor",
    "SampleCounts",
    "Seen",
    "TrainingSet",
    "Weights",
    "boxes_to_original",
    "explain",
    "make_dataset",
    "pipeline_of",
    "steps_per_epoch",
    "to_keras",
    "to_keras_cv",
    "to_keras_hub",
    "to_tfod",
]
