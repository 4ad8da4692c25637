"""Augmentations as text and as JSON, and back."""
