"""From a source to an output folder."""
