"""Pickles that run nothing: reading, writing, and records as builtins."""
