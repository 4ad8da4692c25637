"""Which kind of data set a path is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from annotools.classes import ClassMap
from annotools.convert import manifest as manifests
from annotools.errors import OptionError, RecordError
from annotools.formats import tfrecord
from annotools.loader.examples import Examples, RecordFiles
from annotools.loader.index import RecordIndex
from annotools.loader.parse import dialect_of, dialects

StrPath = str | os.PathLike[str]


def open_examples(
    source: StrPath | Sequence[StrPath],
    split: str | None,
    *,
    classes: ClassMap | StrPath | None = None,
) -> Examples:
    """The examples of one split of whatever `source` is."""
    class_map = classes if classes is None or isinstance(classes, ClassMap) else ClassMap.from_file(classes)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if (path / manifests.NAME).is_file():
            return _converted(path, split, class_map)
    return _foreign(source, split, class_map)


def _converted(path: Path, split: str | None, classes: ClassMap | None) -> Examples:
    """A folder that `annotools convert` wrote: the manifest tells the shards and the most objects."""
    manifest = manifests.read(path)
    name = choose_split(split, list(manifest["splits"]), str(path))
    entry = manifest["splits"][name]
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
    return RecordFiles(
        path=str(path),
        index=RecordIndex.of(files),
        dialect=dialects()["tfds" if manifest["to"] == "tfds" else "tfod"],
        classes=known,
        boxes=entry["max_boxes"],
        trust_size=True,
        match_names=classes is not None and manifest["to"] == "tfrecord",
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


def choose_split(split: str | None, known: Sequence[str], where: str) -> str:
    """The only split, the one of that name, or that whose name ends in it (`train`: `voc_2007_train`)."""
    if split is None and len(known) == 1:
        return known[0]
    if split is not None and split in known:
        return split
    ending = [name for name in known if split and name.endswith((f"_{split}", f"-{split}", f".{split}"))]
    if len(ending) == 1:
        return ending[0]
    raise OptionError(
        "which split?" if split is None else "no such split",
        path=where,
        field="split",
        found=split,
        expected=", ".join(known),
    )
