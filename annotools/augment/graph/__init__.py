"""Small TensorFlow graph operations, boxes and stateless seeds."""
