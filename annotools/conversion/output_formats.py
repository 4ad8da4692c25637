"""The output formats: one row for each value of `--to`.

A row holds what must be known before a format is loaded, and loads the format's own file in formats/ when
that is asked for something. A new format is such a file, a row here, and its name in the schema of the
manifest. The file has these functions:

    shard_name(split, index, count)             the name of a file in OUTPUT
    encode(example, classes)                    TFRecord formats: what stands before and behind the image
    write(contents, path, classes=classes)      other formats: write Examples or Annotations as they come
    write_sidecars(folder, splits, classes)     with `sidecars`: the files beside the shards
    entries(path, classes, upright)             not TFRecord: what `verify` is told of the images in a file,
    entry_of(content, classes, upright)         and of an image of the source; see formats/entry.py
    stored_classes(path)                        not TFRecord: the ids by class in the file, if it has them
    check_format(example)                       with `refuses_images`: ImageError for what no reader decodes
    beside(path)                                with `folders`: the other files that belong to a file
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from annotools.records import record

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap
    from annotools.formats.entry import Entry
    from annotools.records import Annotation, Example


@record
class OutputFormat:
    """One output format.

    name            in `--to` and in the manifest
    module          its file
    holds           what the file's `write` is given of each image
    dialect         of schemas/tf_example.json, where files are TFRecord shards of tf.Examples
    stores_pixels   whether OUTPUT holds the image files, or only speaks of them
    shards          `--shards` and `--shard-size` are "used"; or "ignored" or "refused": then a split is one
                    file, in order of ids, and what else `write` makes in its folder belongs to it
    single_file     endings of an OUTPUT that is one file, with all splits in it, and not a folder
    sidecars        the rule of `verify` for files beside the shards that the format needs; None without such
    refuses_images  whether its readers cannot decode every image
    path_keys       whether images are named by the paths of their XML, which begin with SOURCE
    drops           fields of Example for which it has no place; the manifest counts what is lost
    folders         folders in OUTPUT in which nothing else may be, for its readers take all that they find
    read_here       whether annotools reads it back; else it is for other programs
    """

    name: str
    module: str
    holds: Literal["example", "annotation"] = "example"
    dialect: str | None = None
    stores_pixels: bool = False
    shards: Literal["used", "ignored", "refused"] = "used"
    single_file: tuple[str, ...] = ()
    sidecars: str | None = None
    refuses_images: bool = False
    path_keys: bool = False
    drops: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    read_here: bool = True

    @property
    def functions(self) -> Any:
        """The file of the format, as a module."""
        return importlib.import_module(self.module)

    def shard_name(self, split: str, index: int, count: int) -> str:
        """The name of shard `index` of `count`, below OUTPUT."""
        name: str = self.functions.shard_name(split, index, count)
        return name

    def check_image(self, example: Example) -> None:
        """Raise ImageError for an image that readers of the format cannot decode."""
        if self.refuses_images:
            self.functions.check_format(example)

    def write_sidecars(
        self, folder: Path, splits: Mapping[str, Sequence[tuple[str, int, int]]], classes: ClassMap
    ) -> None:
        """Write the files beside the shards into `folder`; `splits` has (file, records, bytes) of shards.

        Raises OptionError for a class or split that has no name in the format, OutputError.
        """
        if self.sidecars is not None:
            self.functions.write_sidecars(folder, splits, classes)

    def entries(self, path: Path, classes: Mapping[str, int], *, upright: bool) -> Iterator[Entry]:
        """What `verify` is told of each image in a file; `classes` are ids by name."""
        found: Iterator[Entry] = self.functions.entries(path, classes, upright=upright)
        return found

    def entry_of(self, content: Example | Annotation, classes: Mapping[str, int], *, upright: bool) -> Entry:
        """The same for an image of a source; `content` is what the format `holds`."""
        entry: Entry = self.functions.entry_of(content, classes, upright=upright)
        return entry

    def beside(self, path: Path) -> Iterator[str]:
        """The other files, below OUTPUT, that belong to a file. ParseError, SourceError."""
        names: Iterator[str] = self.functions.beside(path)
        return names

    def stored_classes(self, path: Path) -> Mapping[str, int] | None:
        """The ids by class that a file has itself; None where it has none."""
        found: Mapping[str, int] | None = self.functions.stored_classes(path)
        return found


_PICKLES: Final = (".pkl", ".pickle", ".p")

FORMATS: Final[Mapping[str, OutputFormat]] = {
    row.name: row
    for row in (
        OutputFormat(
            "pickle",
            "annotools.formats.pkl",
            holds="annotation",
            shards="ignored",
            single_file=_PICKLES,
            path_keys=True,
        ),
        OutputFormat(
            "ssd-pickle",
            "annotools.formats.ssd_pickle",
            shards="ignored",
            single_file=_PICKLES,
            sidecars="label-map",
        ),
        OutputFormat("tfrecord", "annotools.formats.tfrecord", dialect="tfod", stores_pixels=True),
        OutputFormat(
            "tfds",
            "annotools.formats.tfds",
            dialect="tfds",
            stores_pixels=True,
            sidecars="tfds-metadata",
            refuses_images=True,
        ),
        OutputFormat(
            "coco", "annotools.formats.coco", shards="refused", folders=("annotations",), read_here=False
        ),
        OutputFormat(
            "yolo",
            "annotools.formats.yolo",
            stores_pixels=True,
            shards="refused",
            sidecars="data-yaml",
            refuses_images=True,
            drops=("difficult", "truncated", "occluded", "poses"),
            folders=("images", "labels"),
            read_here=False,
        ),
    )
}

SINGLE_FILES: Final = tuple(sorted({ending for row in FORMATS.values() for ending in row.single_file}))
"""The endings of all outputs that are one file."""
