"""Batches for training: from what annotools wrote, from other TFRecords, from VOC. Needs TensorFlow.

ds = make_dataset("out", split="train", image_size=(300, 300), batch_size=32, augment=ssd(), seed=0)
model.fit(ds)
"""

try:
    import tensorflow as _tensorflow  # noqa: F401
except ImportError:
    from annotools.errors import MissingExtraError

    raise MissingExtraError("annotools.loader", "tensorflow") from None

from annotools.loader.adapters import to_keras_cv, to_keras_hub, to_tfod
from annotools.loader.batch import IGNORE, LEFT_OUT, PAD
from annotools.loader.dataset import make_dataset, pipeline_of, steps_per_epoch
from annotools.loader.explain import Seen, explain

__all__ = [
    "IGNORE",
    "LEFT_OUT",
    "PAD",
    "Seen",
    "explain",
    "make_dataset",
    "pipeline_of",
    "steps_per_epoch",
    "to_keras_cv",
    "to_keras_hub",
    "to_tfod",
]
