"""Repaired copies of annotations, by rules that the user names."""
