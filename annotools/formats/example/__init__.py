"""TFRecord files of tf.train.Example: the record, its wire format, the frame around it, the index."""
