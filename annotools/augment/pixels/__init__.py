"""What is done to the pixels."""
