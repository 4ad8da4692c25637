"""From a source to an output folder: plan, shard, run."""
