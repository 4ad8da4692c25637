"""One format per file, each with `read` and `write`; none knows another."""
