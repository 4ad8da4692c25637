"""Training targets of detectors: from boxes to what a net answers, and back. NumPy; `graph` is the twin.

anchors   prior boxes, the grids of SSD300, k-means anchors, sizes of feature maps
matching  which anchor looks for which box
coding    boxes as offsets from anchors, and back
ssd, yolo, roi   frozen values that `ds.map` takes: SSDTargets, YoloTargets, RoiSamples
crops     objects as a set for classification
"""

from annotools.targets.anchors import (
    SSD300_COCO,
    SSD300_KERAS,
    SSD300_VOC,
    Anchors,
    feature_size,
    grid_anchors,
    kmeans_anchors,
    mean_best_iou,
    object_shapes,
    prior_boxes,
)
from annotools.targets.coding import decode_boxes, encode_boxes
from annotools.targets.crops import Crops, make_crops
from annotools.targets.matching import match
from annotools.targets.roi import RoiSamples
from annotools.targets.ssd import SSDTargets
from annotools.targets.yolo import YoloTargets

__all__ = [
    "SSD300_COCO",
    "SSD300_KERAS",
    "SSD300_VOC",
    "Anchors",
    "Crops",
    "RoiSamples",
    "SSDTargets",
    "YoloTargets",
    "decode_boxes",
    "encode_boxes",
    "feature_size",
    "grid_anchors",
    "kmeans_anchors",
    "make_crops",
    "match",
    "mean_best_iou",
    "object_shapes",
    "prior_boxes",
]
