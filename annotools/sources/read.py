"""`annotools.read`: annotations from wherever they are, VOC XML or what `annotools convert` wrote."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

from annotools.formats import pkl, tfrecord, voc
from annotools.options import check_type
from annotools.records import Annotation
from annotools.sources.source import Pair, Source, open_source
from annotools.sources.storage import HEAD


def read(
    source: str | os.PathLike[str],
    *,
    split: str | None = None,
    annotations: str | None = None,
    images: str | None = None,
    headers: bool = False,
) -> Iterator[Annotation]:
    """Annotations one by one, sorted by image id; nothing is read before it is asked for.

    source       a VOC tree, a folder, an archive, a single .xml, or a URL of the first three; or an output
                 of `convert`: a .pkl file, a folder of TFRecord shards, one shard or a pattern (these come
                 in the order of the file)
    split        one split of the source; None: everything
    annotations, images   the two folders, when they are not below `source`
    headers      also read the header of each image into `Annotation.image`

    Images without an annotation file are passed over: `validate` and `convert` count them.
    Raises ParseError at the first file that cannot be read, ImageError for a header with `headers`,
    SourceError when the source has no known layout, or no such split.
    """
    check_type("source", source, "str | os.PathLike[str]")
    for name, given in (("split", split), ("annotations", annotations), ("images", images)):
        check_type(name, given, "str | None")
    path = os.fspath(source)
    suffix = os.path.splitext(path)[1].lower()
    if annotations is None and images is None:
        if suffix in (".pkl", ".pickle", ".p"):
            return _of_split(pkl.read(path), split)
        if tfrecord.are_shards(path):
            examples = tfrecord.read(path, split=split)
            return (dataclasses.replace(e.annotation(), split=split) for e in examples)
    opened = open_source(path, annotations=annotations, images=images)
    return _from_source(opened, split, opened.pairs(split), headers)


def _from_source(
    source: Source, split: str | None, pairs: Iterator[Pair], headers: bool
) -> Iterator[Annotation]:
    with source.reading_ahead(_files(source.pairs(split), headers), image_limit=HEAD) as ahead:
        for pair in pairs:
            if pair.xml is None:
                continue
            annotation = voc.parse(ahead.read_bytes(pair.xml), source.display(pair.xml))
            image_path = image = None
            if pair.image is not None:
                image_path = source.display(pair.image)
                if headers:
                    image = ahead.read_header(pair.image)
            yield annotation.found_at(image_path, image, pair.split)


def _files(pairs: Iterator[Pair], headers: bool) -> Iterator[tuple[str, int | None]]:
    for pair in pairs:
        if pair.xml is not None:
            yield from pair.files("xml", "image") if headers else pair.files("xml")


def _of_split(annotations: Iterator[Annotation], split: str | None) -> Iterator[Annotation]:
    return (a for a in annotations if split is None or a.split == split)
