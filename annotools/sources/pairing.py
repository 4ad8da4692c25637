"""Which image belongs to which annotation file.

In this order, each step for what the steps before have left over:
1. the same stem at the same place (layouts.py), or in the very same folder where several qualify;
2. the same, where only case or Unicode normalisation differ (a.XML, macOS names);
3. the same stem anywhere, if only one annotation and one free image have it;
4. the name in `<filename>`, which is read for these files only; then its stem with any image extension.
Extensions never decide: a PNG called a.jpg is an image with the stem a.

The first step is a merge of sorted names and takes no memory worth mentioning, however many there are. The
others hold the annotations that are left over, some 500 bytes each, unless no image is left over.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from annotools.issues import Issue
from annotools.sources.spool import SortedSpool, Sorter, Spool, decode, encode, groups
from annotools.sources.storage import IMAGE_RANKS, split_extension

XML, IMAGE = b"x", b"y"
"""With which the second field of a file's record begins, before its name; the first field is its key."""


class File(NamedTuple):
    """A file of a source; its key is its place and its stem."""

    key: str
    name: str


@dataclass(slots=True)
class Pairing:
    """The annotations with their images, then the images that have none.

    rows     fields: key of the annotation, else of the image; key of the image, empty if it is the same;
             name of the annotation or nothing; name of the image or nothing
    rivals   names of images that lost their annotation to an image of the same stem
    """

    rows: Spool = field(default_factory=Spool)
    rivals: set[str] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


def fold(name: str) -> str:
    """What names have in common that differ in case or Unicode normalisation only."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def base_of(name: str) -> str:
    """The last part of a path, whichever kind of slash it has: `<filename>` never leads out of a folder."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def in_order(name: str) -> tuple[str, str]:
    """Sort key: folder by folder, and in a folder by name. Where only order decides, it is this one."""
    start = name.rfind("/") + 1
    return name[:start], name[start:]


def pair_files(
    files: Iterable[bytes],
    read_filename: Callable[[str], str | None],
    display: Callable[[str], str],
    *,
    lone_images: bool,
) -> Pairing:
    """Pair annotations with images.

    files           in order; fields: key, XML or IMAGE with the name
    read_filename   the `<filename>` of an annotation file, None when it has none or cannot be read
    display         the name of a file for messages
    lone_images     whether images without annotation get a row
    """
    matcher = _Matcher(read_filename, display)
    matcher.match_keys(files)
    matcher.match_left_over()
    return matcher.finish(lone_images=lone_images)


class _Matcher:
    def __init__(self, read_filename: Callable[[str], str | None], display: Callable[[str], str]) -> None:
        self.read_filename = read_filename
        self.display = display
        self.pairing = Pairing()
        self.left_over = Spool()
        self.free = Spool()
        self.unmatched: list[File] = []
        self.claimed: set[str] = set()
        self.reports: list[tuple[tuple[str, str], Issue]] = []

    def match_keys(self, files: Iterable[bytes]) -> None:
        """Step 1."""
        self.pairing.rows.extend(self._rows_of_keys(files))
        self._sort_reports()

    def _rows_of_keys(self, files: Iterable[bytes]) -> Iterator[bytes]:
        for key, found in groups(files):
            if len(found) == 2 and found[0][:1] == XML and found[1][:1] == IMAGE:
                yield b"%b\0\0%b\0%b" % (key, found[0][1:], found[1][1:])
                continue
            xmls = [one[1:] for one in found if one[:1] == XML]
            images = [one[1:] for one in found if one[:1] == IMAGE]
            if xmls and images:
                yield from self._rows_of_rivals(decode(key), xmls, images)
            else:
                self.left_over.extend(b"%b\0%b" % (key, name) for name in xmls)
                self.free.extend(b"%b\0%b" % (key, name) for name in images)

    def _rows_of_rivals(self, key: str, xmls: list[bytes], images: list[bytes]) -> Iterator[bytes]:
        ours, theirs = ([File(key, decode(name)) for name in names] for names in (xmls, images))
        pairs = dict(self.match_rivals(ours, theirs))
        for xml in ours:
            if xml in pairs:
                yield _row(xml, pairs[xml])
            else:
                self.left_over.append(encode(f"{key}\0{xml.name}"))
        taken = set(pairs.values())
        self.free.extend(encode(f"{key}\0{image.name}") for image in theirs if image not in taken)

    def match_left_over(self) -> None:
        """Steps 2, 3 and 4."""
        if not len(self.left_over) or not len(self.free):
            return
        self.unmatched = sorted(map(_file, self.left_over), key=lambda file: in_order(file.name))
        self.left_over = Spool()
        self.match_places()
        self._sort_reports()
        self.match_stems(lambda key: key.rpartition("/")[2])
        self.match_stems(lambda key: fold(key.rpartition("/")[2]))
        self.match_filenames()

    def finish(self, *, lone_images: bool) -> Pairing:
        rows = self.pairing.rows
        rows.extend(_row(xml, None) for xml in self.unmatched)
        rows.extend(b"%b\0\0%b\0" % tuple(one.split(b"\0")) for one in self.left_over)
        if lone_images:
            claimed = {encode(name) for name in self.claimed}
            lone = (one.split(b"\0") for one in self.free)
            rows.extend(b"%b\0\0\0%b" % (key, name) for key, name in lone if name not in claimed)
        return self.pairing

    def claim(self, xml: File, image: File) -> None:
        self.claimed.add(image.name)
        self.pairing.rows.append(_row(xml, image))

    def drop_matched(self, pairs: Iterable[tuple[File, File]]) -> None:
        matched = set()
        for xml, image in pairs:
            self.claim(xml, image)
            matched.add(xml)
        self.unmatched = [xml for xml in self.unmatched if xml not in matched]

    def free_images(self, texts: set[str], text_of: Callable[[File], str]) -> dict[str, list[File]]:
        """The free images by the text that they have, of those that have one of `texts`."""
        found: dict[str, list[File]] = {}
        if texts:
            for image in map(_file, self.free):
                text = text_of(image)
                if text in texts and image.name not in self.claimed:
                    found.setdefault(text, []).append(image)
        for images in found.values():
            images.sort(key=lambda image: in_order(image.name))
        return found

    def match_places(self) -> None:
        xmls: dict[str, list[File]] = {}
        for xml in self.unmatched:
            xmls.setdefault(fold(xml.key), []).append(xml)
        images = self.free_images(set(xmls), lambda image: fold(image.key))
        self.drop_matched(
            pair for text, found in images.items() for pair in self.match_rivals(xmls[text], found)
        )

    def match_rivals(self, xmls: list[File], images: list[File]) -> Iterator[tuple[File, File]]:
        """Of several of a kind, those that lie in one folder belong together."""
        if len(xmls) == len(images) == 1:
            yield xmls[0], images[0]
            return
        xmls, images = (sorted(files, key=lambda file: in_order(file.name)) for files in (xmls, images))
        place = in_order(xmls[0].name)
        left = images
        for xml in sorted(xmls, key=lambda xml: not _beside(xml, images)):
            near = _beside(xml, left) or left
            if not near:
                self.report(xml, f"{self.display(images[0].name)} has an annotation already", place)
                continue
            yield xml, near[0] if len(near) == 1 else self.choose(xml, near, place)
            left = [other for other in left if other not in near]

    def choose(self, xml: File, images: list[File], place: tuple[str, str]) -> File:
        """One of several images of one stem: the one that `<filename>` names, else by extension."""
        named = fold(base_of(self.read_filename(xml.name) or ""))
        ranked = sorted(
            images,
            key=lambda image: (
                fold(base_of(image.name)) != named,
                IMAGE_RANKS[split_extension(image.name)[1]],
                image.name,
            ),
        )
        self.pairing.rivals.update(image.name for image in ranked[1:])
        others = ", ".join(self.display(image.name) for image in ranked[1:])
        self.report(xml, f"{self.display(ranked[0].name)} is its image, not {others}", place)
        return ranked[0]

    def report(self, xml: File, message: str, place: tuple[str, str]) -> None:
        path = self.display(xml.name)
        issue = Issue("stem-collision", "warning", f"several files have this stem: {message}", path)
        self.reports.append((place, issue))

    def _sort_reports(self) -> None:
        self.pairing.issues += [issue for _, issue in sorted(self.reports, key=lambda report: report[0])]
        self.reports.clear()

    def match_stems(self, stem: Callable[[str], str]) -> None:
        texts = {stem(xml.key) for xml in self.unmatched}
        images = self.free_images(texts, lambda image: stem(image.key))
        texts = {text for text, found in images.items() if len(found) == 1}
        if not texts:
            return
        counts = Counter(stem(xml.key) for xml in self.unmatched)
        counts.update(
            text for row in self.pairing.rows if (text := stem(decode(row.partition(b"\0")[0]))) in texts
        )
        self.drop_matched(
            (xml, images[text][0])
            for xml in self.unmatched
            if (text := stem(xml.key)) in texts and counts[text] == 1
        )

    def match_filenames(self) -> None:
        if len(self.claimed) == len(self.free):
            return
        named = {xml: base_of(self.read_filename(xml.name) or "") for xml in self.unmatched}
        stems = {_folded_stem(base) for base in named.values() if base}
        images = self.free_images(stems, lambda image: _folded_stem(image.name))
        left = []
        for xml, base in named.items():
            candidates = [one for one in images.get(_folded_stem(base), ()) if one.name not in self.claimed]
            if base and candidates:
                self.claim(xml, min(candidates, key=lambda image: _distance(image.name, base, xml.name)))
            else:
                left.append(xml)
        self.unmatched = left


def _file(record: bytes) -> File:
    key, name = decode(record).split("\0")
    return File(key, name)


def _row(xml: File, image: File | None) -> bytes:
    if image is None:
        return encode(f"{xml.key}\0\0{xml.name}\0")
    return encode(f"{xml.key}\0{'' if image.key == xml.key else image.key}\0{xml.name}\0{image.name}")


def _beside(xml: File, images: Iterable[File]) -> list[File]:
    folder = in_order(xml.name)[0]
    return [image for image in images if in_order(image.name)[0] == folder]


class ImageFinder:
    """Finds images by the last part of a path. Many of them are on disk, sorted."""

    def __init__(self, images: Iterable[str]) -> None:
        records = (
            encode(f"{_folded_stem(name)}\0{number:012}\0{name}") for number, name in enumerate(images)
        )
        self._images = SortedSpool(Sorter(records))

    def find(self, filename: str, *, near: str) -> str | None:
        """The image that `filename` names, else one with the same stem; None without either.

        An exact name goes before one that only folds to the same, and that before another extension; then
        one in the folder of the file `near` before others, and the first of these.
        """
        base = base_of(filename)
        if not base:
            return None
        start = encode(f"{_folded_stem(base)}\0")
        candidates = (decode(record).split("\0")[2] for record in self._images.starting_with(start))
        return min(candidates, key=lambda image: _distance(image, base, near), default=None)


def _distance(image: str, base: str, near: str) -> tuple[bool, bool, bool]:
    folder, _, found = image.rpartition("/")
    return found != base, fold(found) != fold(base), folder != near.rpartition("/")[0]


def _folded_stem(name: str) -> str:
    return fold(split_extension(name.rpartition("/")[2])[0])
