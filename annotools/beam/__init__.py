"""Apache Beam: transforms for pipelines of your own (needs the extra `beam`).

from annotools.beam import ReadExamples, ReadVoc, Validate, WriteTFRecord
"""

from annotools.beam.transforms import ISSUES, ReadExamples, ReadVoc, Validate, WriteTFRecord

__all__ = ["ISSUES", "ReadExamples", "ReadVoc", "Validate", "WriteTFRecord"]
