"""Images with the same bytes, which a split by ratio must not part. Only those of equal size are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby

from annotools.conversion.splits import RatioSplit, compile_group_by
from annotools.errors import AnnotoolsError
from annotools.sources.source import Source
from annotools.sources.storage import HEAD

_SIZED = "CREATE TEMP TABLE image_size(size INTEGER, id TEXT, image TEXT)"
_OF_EQUAL_SIZE = """
SELECT size, id, image FROM temp.image_size
WHERE size IN (SELECT size FROM temp.image_size GROUP BY size HAVING count(*) > 1) ORDER BY size, id
"""


def ratio_split(
    source: Source, ratios: Sequence[tuple[str, float]], seed: int, group_by: str | None
) -> RatioSplit:
    """The split that `--split train=0.8,val=0.2` means for a source: groups that share a copy of an image are
    one group, called as the first of them."""
    split = RatioSplit(tuple(ratios), seed, compile_group_by(group_by))
    joined: dict[str, str] = {}

    def first_of(group: str) -> str:
        while group in joined:
            group = joined[group]
        return group

    for ids in copies(source):
        first, *others = sorted({first_of(split.group(image_id)) for image_id in ids})
        joined |= dict.fromkeys(others, first)
    return RatioSplit(split.ratios, seed, split.group_by, {group: first_of(group) for group in joined})


def copies(source: Source) -> Iterator[list[str]]:
    """The ids of annotated images that are equal byte for byte."""
    catalogue = source.catalogue
    catalogue.execute("DROP TABLE IF EXISTS temp.image_size")
    catalogue.execute(_SIZED)
    catalogue.insert("temp.image_size VALUES (?, ?, CAST(? AS TEXT))", _sizes(source))
    for _, rows in groupby(catalogue.execute(_OF_EQUAL_SIZE), key=lambda row: row[0]):
        alike = [(image_id, image) for _, image_id, image in rows]
        for some in _equal(source, alike, HEAD):
            yield from ([image_id for image_id, _ in same] for same in _equal(source, some, None))
    catalogue.execute("DROP TABLE temp.image_size")


def _sizes(source: Source) -> Iterator[tuple[int, str, str | bytes]]:
    catalogue = source.catalogue
    rows = catalogue.execute(
        "SELECT id, image, image_size FROM named WHERE image IS NOT NULL AND xml IS NOT NULL"
    )
    for image_id, image, size in rows:
        try:
            yield (source.storage.size(image) if size is None else size), image_id, catalogue.bound(image)
        except AnnotoolsError:
            continue  # whoever reads it reports it


def _equal(
    source: Source, images: Sequence[tuple[str, str]], limit: int | None
) -> Iterator[list[tuple[str, str]]]:
    """Those of the images (id, name) that have the same bytes, or the same first ones."""
    if len(images) < 2:
        return
    found: dict[bytes, list[tuple[str, str]]] = {}
    with source.reading_ahead(((name, None) for _, name in images), image_limit=limit) as ahead:
        for image_id, name in images:
            try:
                data = ahead.storage.read_bytes(name, limit)
            except AnnotoolsError:
                continue
            found.setdefault(hashlib.blake2b(data).digest(), []).append((image_id, name))
    yield from (same for same in found.values() if len(same) > 1)
