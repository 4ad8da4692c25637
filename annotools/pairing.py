"""Which image belongs to which annotation file.

In this order, each step for what the steps before have left over:
1. the same stem at the same place (layouts.py), or in the very same folder where several qualify;
2. the same, where only case or Unicode normalisation differ (a.XML, macOS names);
3. the same stem anywhere, if only one annotation and one free image have it;
4. the name in `<filename>`, which is read for these files only; then its stem with any image extension.
Extensions never decide: a PNG called a.jpg is an image with the stem a.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from annotools.issues import Issue
from annotools.layouts import Layout
from annotools.storage import IMAGE_RANKS, split_extension

NOTHING = -1


@dataclass(slots=True)
class Pairing:
    """`partners[i]` is the index of the image of the annotation i of the layout, or NOTHING.

    rivals   indices of images that lost their annotation to an image of the same stem
    """

    partners: list[int]
    rivals: set[int] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


def fold(name: str) -> str:
    """What names have in common that differ in case or Unicode normalisation only."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def base_of(name: str) -> str:
    """The last part of a path, whichever kind of slash it has: `<filename>` never leads out of a folder."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def pair_files(
    layout: Layout, read_filename: Callable[[str], str | None], display: Callable[[str], str]
) -> Pairing:
    """Pair the annotations of a layout with its images.

    read_filename   the `<filename>` of an annotation file, None when it has none or cannot be read
    display         the name of a file for messages
    """
    return _Matcher(layout, read_filename, display).run()


class _Matcher:
    def __init__(
        self, layout: Layout, read_filename: Callable[[str], str | None], display: Callable[[str], str]
    ) -> None:
        self.xmls = layout.xmls
        self.images = layout.images
        self.read_filename = read_filename
        self.display = display
        self.pairing = Pairing([NOTHING] * len(layout.xmls.names))
        self.free = bytearray(b"\x01") * len(layout.images.names)

    def run(self) -> Pairing:
        if not self.match_distinct_keys():
            self.match_places(lambda key: key)
        if self.unmatched():
            self.match_places(fold)
        if self.unmatched():
            self.match_stems(lambda key: key)
            self.match_stems(fold)
        if self.unmatched():
            self.match_filenames()
        return self.pairing

    def unmatched(self) -> list[int]:
        return [index for index, partner in enumerate(self.pairing.partners) if partner == NOTHING]

    def free_keys(self) -> Iterator[tuple[int, str]]:
        return ((index, key) for index, key in enumerate(self.images.keys) if self.free[index])

    def claim(self, xml: int, image: int) -> None:
        self.pairing.partners[xml] = image
        self.free[image] = 0

    def match_distinct_keys(self) -> bool:
        """What `match_places` does, in a fifth of its time, for a source in which no key comes twice."""
        by_key = {key: index for index, key in enumerate(self.images.keys)}
        if len(by_key) < len(self.images.keys) or len(set(self.xmls.keys)) < len(self.xmls.keys):
            return False
        self.pairing.partners = [by_key.get(key, NOTHING) for key in self.xmls.keys]
        for image in self.pairing.partners:
            if image != NOTHING:
                self.free[image] = 0
        return True

    def match_places(self, form: Callable[[str], str]) -> None:
        names = self.images.names
        by_key = _index((form(key), index) for index, key in self.free_keys())
        xmls = _index((form(self.xmls.keys[index]), index) for index in self.unmatched())
        for key, rivals in xmls.items():
            images = by_key.get(key)
            if images is None:
                continue
            if isinstance(rivals, int) and isinstance(images, int):
                self.claim(rivals, images)
                continue
            # Several of a kind: those that lie in one folder belong together.
            left = list(_many(images))
            for xml in sorted(_many(rivals), key=lambda xml: not self.beside(xml, _many(images))):
                near = [image for image in left if self.beside(xml, [image])] or left
                if not near:
                    self.report(xml, f"{self.display(names[_many(images)[0]])} has an annotation already")
                    continue
                image = near[0] if len(near) == 1 else self.choose(xml, near)
                self.claim(xml, image)
                left = [other for other in left if other not in near]

    def beside(self, xml: int, images: Iterable[int]) -> bool:
        folder = self.xmls.names[xml].rpartition("/")[0]
        return any(self.images.names[image].rpartition("/")[0] == folder for image in images)

    def choose(self, xml: int, images: list[int]) -> int:
        """One of several images of one stem: the one that `<filename>` names, else by extension."""
        names = self.images.names
        named = fold(base_of(self.read_filename(self.xmls.names[xml]) or ""))
        ranked = sorted(
            images,
            key=lambda image: (
                fold(base_of(names[image])) != named,
                IMAGE_RANKS[split_extension(names[image])[1]],
                names[image],
            ),
        )
        self.pairing.rivals.update(ranked[1:])
        others = ", ".join(self.display(names[image]) for image in ranked[1:])
        self.report(xml, f"{self.display(names[ranked[0]])} is its image, not {others}")
        return ranked[0]

    def report(self, xml: int, message: str) -> None:
        path = self.display(self.xmls.names[xml])
        self.pairing.issues.append(
            Issue("stem-collision", "warning", f"several files have this stem: {message}", path)
        )

    def match_stems(self, form: Callable[[str], str]) -> None:
        def stem(key: str) -> str:
            return form(key.rpartition("/")[2])

        images = _index((stem(key), index) for index, key in self.free_keys())
        xmls = _index((stem(key), index) for index, key in enumerate(self.xmls.keys))
        for index in self.unmatched():
            text = stem(self.xmls.keys[index])
            image = images.get(text)
            if isinstance(image, int) and isinstance(xmls[text], int):
                self.claim(index, image)

    def match_filenames(self) -> None:
        finder = ImageFinder(self.images.names)
        for index in self.unmatched():
            name = self.xmls.names[index]
            image = finder.find(self.read_filename(name) or "", near=name, free=self.free)
            if image is not None:
                self.claim(index, image)


class ImageFinder:
    """Finds images by the last part of a path."""

    def __init__(self, images: list[str]) -> None:
        self.images = images
        self._by_stem = _index((_folded_stem(name), index) for index, name in enumerate(images))

    def find(self, filename: str, *, near: str, free: bytearray | None = None) -> int | None:
        """The index of the image that `filename` names, else of one with the same stem; None without either.

        An exact name goes before one that only folds to the same, and that before another extension; then
        one in the folder of the file `near` before others, and the first of these. With `free`, only images
        marked there are candidates.
        """
        base = base_of(filename)
        if not base:
            return None
        folder = near.rpartition("/")[0]
        candidates = [i for i in _many(self._by_stem.get(_folded_stem(base))) if free is None or free[i]]

        def distance(index: int) -> tuple[bool, bool, bool]:
            found_folder, _, found = self.images[index].rpartition("/")
            return found != base, fold(found) != fold(base), found_folder != folder

        return min(candidates, key=distance, default=None)


def _folded_stem(name: str) -> str:
    return fold(split_extension(name.rpartition("/")[2])[0])


def _index(items: Iterable[tuple[str, int]]) -> dict[str, int | list[int]]:
    """Numbers by key; a list only where a key occurs twice, which keeps the index small."""
    index: dict[str, int | list[int]] = {}
    for key, number in items:
        if key in index:
            index[key] = [*_many(index[key]), number]
        else:
            index[key] = number
    return index


def _many(found: int | list[int] | None) -> list[int]:
    if found is None:
        return []
    return [found] if isinstance(found, int) else found
