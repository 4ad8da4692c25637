"""The functions of `annotools.targets` for TensorFlow graphs and batches: same names, same conventions.

SSDTargets, YoloTargets and RoiSamples are the same values: called, they compute here.
"""

from __future__ import annotations

from annotools.errors import MissingExtraError

try:
    import tensorflow as _  # noqa: F401
except ImportError as missing:
    raise MissingExtraError("annotools.targets on batches", "tensorflow") from missing

from annotools.targets.graph.coding import decode_boxes, encode_boxes
from annotools.targets.graph.matching import match
from annotools.targets.roi import RoiSamples
from annotools.targets.ssd import SSDTargets
from annotools.targets.yolo import YoloTargets

__all__ = ["RoiSamples", "SSDTargets", "YoloTargets", "decode_boxes", "encode_boxes", "match"]
