"""Augmentation that is planned on boxes and executed once on pixels. Needs TensorFlow."""
