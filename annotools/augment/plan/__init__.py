"""What will happen to a picture, in numbers."""
