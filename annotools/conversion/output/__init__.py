"""The output folder: its files, its journal, and how a finished shard gets its name."""
