"""Checks on annotations and images: pure rules, run over a source, reported."""
