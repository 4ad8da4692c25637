"""What may happen to a picture: one class for each op."""
