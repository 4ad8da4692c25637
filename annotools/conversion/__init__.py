"""From a source to an output folder: plan, shards, output."""
