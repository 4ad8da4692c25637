"""Detections against ground truth: average precision as the VOC devkit and COCO have it, and errors by kind.

`annotools.evaluation.evaluate.evaluate` is the front door. NumPy alone.
"""
