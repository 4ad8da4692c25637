"""Examples of any Beam pipeline to a folder of TFRecord shards, as `annotools convert` writes it.

Examples are grouped by shard, put in order and written to the staging folder of OUTPUT; when all shards are
there, one worker gives them their names and writes the manifest. A step that is done twice does no harm.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.json_records import from_json, to_json
from annotools.conversion.options import ConvertOptions, Options, make_options
from annotools.conversion.output import journal as journals
from annotools.conversion.output.publish import Publisher
from annotools.conversion.plan import hash_of, shard_of
from annotools.conversion.sidecars import write_sidecars
from annotools.conversion.statistics import ShardResult, Statistics, WrittenFile
from annotools.errors import AnnotoolsError, MissingExtraError
from annotools.formats import tfrecord
from annotools.formats.example import tf_example
from annotools.formats.example.framing_writer import Writer
from annotools.formats.example.offsets import index_file, write_offsets
from annotools.ledger import Ledger
from annotools.records import Example

try:
    import apache_beam as beam
    from apache_beam.transforms.window import GlobalWindows
except ImportError as missing:
    raise MissingExtraError("Apache Beam", "beam") from missing


@contextlib.contextmanager
def errors_in_full() -> Iterator[None]:
    """Beam makes a worker's exception anew from its text alone: the text then has file and line in it."""
    try:
        yield
    except AnnotoolsError as error:
        whole = type(error).__new__(type(error))
        AnnotoolsError.__init__(whole, str(error))
        raise whole from error


Row = tuple[str, bytes, int, tuple[str, ...]]
"""id, tf.Example, bytes of the image, class of each object"""


class WriteTFRecord(beam.PTransform[Any, Any]):
    """PCollection[Example] -> PCollection[dict], the one manifest, when everything is in place.

    output     a folder or URL that every worker reaches under this name
    classes    a ClassMap or class file, written beside the shards
    shards     how many files; each is sorted in the memory of one worker: a few hundred MiB are enough
    split      the name of the split; another split goes into another folder
    overwrite  replace an earlier output of annotools

    Shard and place of an example come from a hash of its id, as in `annotools.convert`: the same examples
    give the same bytes, in whatever order they come. The manifest is written last.

    Raises OutputError, OptionError and ClassMapError while the pipeline is built, RecordError in a worker for
    an example that cannot be written.
    """

    def __init__(
        self,
        output: str | os.PathLike[str],
        *,
        classes: ClassMap | str | os.PathLike[str],
        shards: int,
        split: str = "train",
        overwrite: bool = False,
    ) -> None:
        super().__init__()
        class_map = classes if isinstance(classes, ClassMap) else ClassMap.from_file(classes)
        asked = ConvertOptions(to="tfrecord", split=split, shards=shards)
        self.options = make_options(asked, class_map)
        self.publisher = Publisher.at(output, "tfrecord")
        self.overwrite = overwrite

    def expand(self, examples: Any) -> Any:
        former = self.publisher.former(overwrite=self.overwrite)
        header = journals.header_of("a pipeline of Apache Beam", self.options)
        self.publisher.begin(header, former, overwrite=self.overwrite)
        shards = self.options.shards or 1
        every_shard = examples.pipeline | "EveryShard" >> beam.Create([(i, None) for i in range(shards)])
        rows = (
            examples | "OneWindow" >> beam.WindowInto(GlobalWindows()) | "Encode" >> beam.Map(_keyed, shards)
        )
        return (
            (rows, every_shard)
            | "WithEmptyShards" >> beam.Flatten()
            | "ByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.options, self.publisher))
            | "All" >> beam.GroupByKey()
            | "Publish" >> beam.ParDo(_Publish(self.options, self.publisher))
        )

    def display_data(self) -> dict[str, Any]:
        return {
            "output": self.publisher.place.path,
            "split": self.options.split,
            "shards": self.options.shards,
        }


def _keyed(example: Example, shards: int) -> tuple[int, Row]:
    with errors_in_full():
        head, tail = tf_example.encode(example)
    row = (example.id, head + example.encoded + tail, len(example.encoded), example.names)
    return shard_of(hash_of(example.id), shards), row


class _WriteShard(beam.DoFn):
    """(index, rows) -> (None, the ShardResult as JSON data)"""

    def __init__(self, options: Options, publisher: Publisher) -> None:
        self.options, self.publisher = options, publisher

    def process(self, element: tuple[int, Iterable[Row | None]]) -> Iterable[tuple[None, dict[str, Any]]]:
        with errors_in_full():
            yield None, self._finish(*element)

    def _finish(self, index: int, rows: Iterable[Row | None]) -> dict[str, Any]:
        split, count = self.options.split or "", self.options.shards or 1
        journal = self.publisher.journal
        output, file = journal.output, tfrecord.shard_name(split, index, count)
        with output.scratch() as scratch:
            ordered = sorted((row for row in rows if row is not None), key=_order)
            written, statistics = self._write(ordered, scratch / file)
            output.remove(journal.entry_of_staged(file))
            output.put(scratch / index_file(file), journal.staged(index_file(file)))
            output.put(scratch / file, journal.staged(file))
        result = ShardResult.of((split, index, count), file, written, statistics)
        journal.write_entry(file, journals.Entry("", result))
        content: dict[str, Any] = to_json(result)
        return content

    def _write(self, rows: list[Row], path: Path) -> tuple[WrittenFile, Statistics]:
        offsets, statistics = [], Statistics()
        with Writer(path) as writer:
            for _, record, image_bytes, names in rows:
                offsets.append(writer.write(record))
                statistics.add_written(image_bytes, names)
        images, objects = statistics.ledger.images, statistics.ledger.objects
        images.found = images.written = statistics.records
        objects.found = objects.written = statistics.classes.total()
        write_offsets(path, offsets)
        return WrittenFile(writer.size, writer.sha256(), has_index=True), statistics


def _order(row: Row) -> tuple[int, str, bytes]:
    return hash_of(row[0]), row[0], row[1]


class _Publish(beam.DoFn):
    """(None, the results of all shards) -> the manifest"""

    def __init__(self, options: Options, publisher: Publisher) -> None:
        self.options, self.publisher = options, publisher

    def process(self, element: tuple[None, Iterable[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
        read = (from_json(ShardResult, content)[0] for content in element[1])
        results: list[ShardResult] = sorted(read, key=lambda result: result.index)
        ledger = Ledger()
        for result in results:
            ledger.add(result.ledger)
        manifest = manifests.build(self.options, results, ledger)
        with errors_in_full(), self.publisher.journal.output.scratch() as sidecars:
            write_sidecars(sidecars, self.publisher.place, manifest, self.options.classes)
            self.publisher.publish({result.file: result.beside for result in results}, sidecars)
        yield to_json(manifest)
