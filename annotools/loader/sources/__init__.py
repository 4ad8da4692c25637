"""Where the loader's examples come from."""
