"""Pascal VOC XML: the document, its fields, two readers, the writer and the editor."""
