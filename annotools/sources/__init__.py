"""Where annotations and images are, and which image belongs to which annotation."""
