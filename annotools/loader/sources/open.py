"""Which kind of data set a path is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.output.place import STATE
from annotools.conversion.output_formats import FORMATS, SINGLE_FILES
from annotools.errors import OptionError, OutputError, RecordError, SourceError
from annotools.formats import tfrecord
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.options import SourceOptions, StrPath
from annotools.loader.sources.examples import Examples
from annotools.loader.sources.mix import Mix
from annotools.loader.sources.parse import RecordForm, dialect_of, dialects, names_repeat
from annotools.loader.sources.record_files import RecordFiles
from annotools.loader.sources.split_choice import choose_split


def open_examples(source: StrPath | Sequence[StrPath] | Mix, options: SourceOptions) -> Examples:
    """The examples of one split of whatever `source` is."""
    if isinstance(source, Mix):
        return source.open(lambda path: open_examples(path, options))
    if not isinstance(source, (str, os.PathLike)):
        return _foreign(source, options)
    path = Path(source)
    if path.suffix.lower() in SINGLE_FILES:
        # the readers of XML, images and pickles are imported where they are needed: training from shards must
        # not wait for them
        from annotools.loader.sources.pickles import open_pickle

        return open_pickle(str(path), options.split, images_folder=options.images, classes=options.class_map)
    if (path / manifests.NAME).is_file():
        return _converted(path, options)
    if (path / STATE).exists():
        raise OutputError("this conversion did not finish", path=str(path), expected=manifests.NAME)
    if options.images is None and options.annotations is None and _is_tfrecord(path):
        return _foreign(source, options)
    from annotools.loader.sources.voc import open_voc
    from annotools.sources.source import open_source

    return open_voc(open_source(path, annotations=options.annotations, images=options.images), options)


def _is_tfrecord(path: Path) -> bool:
    if path.is_dir():
        return any(tfrecord.is_shard_name(one.name) for one in path.iterdir() if one.is_file())
    return tfrecord.is_shard_name(path.name) or not path.exists()


def _converted(path: Path, options: SourceOptions) -> Examples:
    """A folder that `annotools convert` wrote: the manifest tells the shards and the most objects."""
    manifest = manifests.read(path)
    row = FORMATS[manifest.to]
    if not row.read_here:
        raise SourceError(
            "for other programs: annotools does not read it back",
            path=str(path),
            found=f"--to {manifest.to}",
            expected="what it was made from, or an output --to tfrecord, tfds, pickle or ssd-pickle",
        )
    name = choose_split(options.split, list(manifest.splits), str(path))
    entry = manifest.splits[name]
    classes = options.class_map
    known = classes or ClassMap(manifest.classes)
    if row.dialect is None:
        from annotools.loader.sources.pickles import open_pickle

        file = path / entry.shards[0].file
        return open_pickle(str(file), None, images_folder=options.images, classes=known)
    files = []
    for shard in entry.shards:
        file = path / shard.file
        size = file.stat().st_size if file.is_file() else None
        if size != shard.bytes:
            raise RecordError(
                "the shard is not the one in the manifest",
                path=str(file),
                found="no file" if size is None else f"{size} bytes",
                expected=f"{shard.bytes} bytes",
            )
        files.append(str(file))
    dialect = dialects()[row.dialect]
    named = classes is not None and "names" in dialect.keys
    form = RecordForm(dialect, known, trust_size=True, match_names=named)
    return RecordFiles(str(path), RecordIndex.of(files), form, boxes=entry.max_boxes)


def _foreign(source: StrPath | Sequence[StrPath], options: SourceOptions) -> Examples:
    """TFRecord files of any writer."""
    if not isinstance(source, (str, os.PathLike)) and not source:
        raise OptionError("an empty list of files", field="source", found=source, expected="TFRecord files")
    where = str(source)
    sets = dict(tfrecord.shards(source))
    files = sets[choose_split(options.split, list(sets), where)]
    dialect, classes = dialect_of(files), options.class_map
    form = RecordForm(
        dialect,
        classes,
        match_names=classes is not None and "names" in dialect.keys,
        number_names=names_repeat(files, dialect),
    )
    return RecordFiles(where, RecordIndex.of(files), form)
