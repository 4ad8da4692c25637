"""The files beside the shards: the label map, what the format needs, and the manifest."""

from __future__ import annotations

from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.conversion.manifest import Manifest, to_bytes
from annotools.conversion.output.place import Place
from annotools.conversion.output_formats import FORMATS


def write_sidecars(folder: Path, place: Place, manifest: Manifest, classes: ClassMap) -> None:
    """Write them into `folder`, under the names that they have at `place`. OptionError, OutputError."""
    classes.save(folder / place.label_map)
    write_sidecars_of_format(folder, manifest, classes)
    (folder / place.manifest).write_bytes(to_bytes(manifest))


def write_sidecars_of_format(folder: Path, manifest: Manifest, classes: ClassMap) -> None:
    """Write only those that the format needs. OptionError for a name that it cannot have, OutputError."""
    splits = {
        name: [(shard.file, shard.records, shard.bytes) for shard in split.shards]
        for name, split in manifest.splits.items()
    }
    FORMATS[manifest.to].write_sidecars(folder, splits, classes)
