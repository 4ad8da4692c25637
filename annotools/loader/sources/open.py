"""Which kind of data set a path is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.output.local import STATE
from annotools.conversion.output_formats import FORMATS, SINGLE_FILES
from annotools.errors import OutputError, RecordError
from annotools.formats import tfrecord
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.sources.parse import dialect_of, dialects
from annotools.loader.sources.record_files import Examples, RecordFiles
from annotools.loader.sources.split_choice import choose_split

StrPath = str | os.PathLike[str]


def open_examples(
    source: StrPath | Sequence[StrPath],
    split: str | None = None,
    *,
    classes: ClassMap | StrPath | None = None,
    images: StrPath | None = None,
    annotations: StrPath | None = None,
    box_origin: str = "as-written",
    on_error: str = "fail",
) -> Examples:
    """The examples of one split of whatever `source` is; arguments as for `make_dataset`."""
    class_map = classes if classes is None or isinstance(classes, ClassMap) else ClassMap.from_file(classes)
    if not isinstance(source, (str, os.PathLike)):
        return _foreign(source, split, class_map)
    path = Path(source)
    images_folder = None if images is None else os.fspath(images)
    if path.suffix.lower() in SINGLE_FILES:
        # the readers of XML, images and pickles are imported where they are needed: training from shards must
        # not wait for them
        from annotools.loader.sources.pickles import open_pickle

        return open_pickle(str(path), split, images_folder=images_folder, classes=class_map)
    if (path / manifests.NAME).is_file():
        return _converted(path, split, class_map, images_folder)
    if (path / STATE).exists():
        raise OutputError("this conversion did not finish", path=str(path), expected=manifests.NAME)
    if images is None and annotations is None and _is_tfrecord(path):
        return _foreign(source, split, class_map)
    from annotools.loader.sources.voc import open_voc
    from annotools.sources.source import open_source

    opened = open_source(path, annotations=annotations, images=images)
    return open_voc(opened, split, classes=class_map, box_origin=box_origin, on_error=on_error)


def _is_tfrecord(path: Path) -> bool:
    if path.is_dir():
        return any(tfrecord.is_shard_name(one.name) for one in path.iterdir() if one.is_file())
    return tfrecord.is_shard_name(path.name) or not path.exists()


def _converted(
    path: Path, split: str | None, classes: ClassMap | None, images_folder: str | None
) -> Examples:
    """A folder that `annotools convert` wrote: the manifest tells the shards and the most objects."""
    manifest = manifests.read(path)
    name = choose_split(split, list(manifest["splits"]), str(path))
    entry = manifest["splits"][name]
    row = FORMATS[manifest["to"]]
    if row.dialect is None:
        from annotools.loader.sources.pickles import open_pickle

        file = path / entry["shards"][0]["file"]
        known = classes or ClassMap(manifest["classes"])
        return open_pickle(str(file), None, images_folder=images_folder, classes=known)
    files = []
    for shard in entry["shards"]:
        file = path / shard["file"]
        size = file.stat().st_size if file.is_file() else None
        if size != shard["bytes"]:
            raise RecordError(
                "the shard is not the one in the manifest",
                path=str(file),
                found="no file" if size is None else f"{size} bytes",
                expected=f"{shard['bytes']} bytes",
            )
        files.append(str(file))
    known = classes or ClassMap(manifest["classes"])
    dialect = dialects()[row.dialect]
    return RecordFiles(
        path=str(path),
        index=RecordIndex.of(files),
        dialect=dialect,
        classes=known,
        boxes=entry["max_boxes"],
        trust_size=True,
        match_names=classes is not None and "names" in dialect.keys,
    )


def _foreign(source: StrPath | Sequence[StrPath], split: str | None, classes: ClassMap | None) -> Examples:
    """TFRecord files of any writer."""
    where = str(source)
    sets = dict(tfrecord.shards(source))
    name = choose_split(split, list(sets), where)
    files = sets[name]
    dialect = dialect_of(files)
    return RecordFiles(
        path=where,
        index=RecordIndex.of(files),
        dialect=dialect,
        classes=classes,
        match_names=classes is not None and "names" in dialect.keys,
    )
