"""A pair: an annotation file and the image that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from annotools.records import maker, record


@record
class Pair:
    """An annotation file and its image. `xml` or `image` is None where the source has only the other.

    id      unique in the source, the same in every run, without extension: "BloodImage_00001", "shelf/a"
    xml, image   names for `Source.read_bytes`
    split   the split that this pair was listed for, None: in no split, or the source has none
    xml_size, image_size   bytes, where the listing told them: behind a URL
    """

    id: str
    xml: str | None
    image: str | None
    split: str | None = None
    xml_size: int | None = field(default=None, compare=False, repr=False)
    image_size: int | None = field(default=None, compare=False, repr=False)

    def files(self, *kinds: str) -> Iterator[tuple[str, int | None]]:
        """(name, size) as `Source.reading_ahead` takes them, of the `kinds` "xml" and "image" in order."""
        for kind in kinds:
            if kind == "xml" and self.xml is not None:
                yield self.xml, self.xml_size
            elif kind == "image" and self.image is not None:
                yield self.image, self.image_size


make_pair = maker(Pair)
