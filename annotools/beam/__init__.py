"""PTransforms for Apache Beam pipelines of your own (needs the extra `beam`).

    from annotools.beam import ReadExamples, ReadVoc, Validate, WriteTFRecord

    with beam.Pipeline() as pipeline:
        examples = pipeline | ReadExamples("VOC2007", classes="classes.txt", split="train")
        large = examples | beam.Filter(lambda example: example.width >= 300)
        large | WriteTFRecord("out", classes="classes.txt", shards=8)

A source is listed while the pipeline is built, so that a wrong path fails at once; its list of files is then
a part of the pipeline. Files are read by the workers, which must reach the source under the same name, and
collections come in no order. For a plain conversion use `annotools convert --runner beam`.
"""

from annotools.beam.over_source import ISSUES
from annotools.beam.read_examples import ReadExamples
from annotools.beam.read_voc import ReadVoc
from annotools.beam.validate import Validate
from annotools.beam.writer import WriteTFRecord

__all__ = ["ISSUES", "ReadExamples", "ReadVoc", "Validate", "WriteTFRecord"]
