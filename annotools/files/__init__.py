"""Files, here or behind a URL: opened in one place; what a system lacks has a portable way beside it."""
