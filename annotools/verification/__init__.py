"""Checks of an output, against itself and against its source."""
