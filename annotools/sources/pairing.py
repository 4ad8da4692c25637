"""Which image belongs to which annotation file.

In this order, each step for what the steps before have left over:
1. the same stem at the same location (layouts.py), or in the very same folder where several qualify;
2. the same, where only case or Unicode normalisation differ (a.XML, macOS names);
3. the same stem anywhere, if only one annotation and one free image have it;
4. the name in `<filename>`, which is read for these files only; then its stem with any image extension.
Extensions never decide: a PNG called a.jpg is an image with the stem a.

The first step is one statement over the catalogue and takes no memory worth mentioning, however many there
are. The others hold the annotations that are left over, some 500 bytes each, unless no image is left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from annotools.issues import Issue
from annotools.sources.catalogue import Catalogue
from annotools.sources.file_kinds import IMAGE_RANKS, split_extension
from annotools.sources.ids import clean
from annotools.sources.layouts import without_split
from annotools.sources.names import base_of, distance, fold, folded_stem, in_order


class File(NamedTuple):
    """A file of a source. Its key is its location and its stem; row: that of the catalogue, if it has one."""

    key: str
    name: str
    pattern: int
    stem: str
    row: int = 0


@dataclass(slots=True)
class Pairing:
    """What pairing found out beside the pairs.

    rivals      names of images that lost their annotation to an image of the same stem
    is_sorted   whether the pairs are still in the order of their ids, without a gap
    """

    rivals: set[str] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    is_sorted: bool = True


def pair_files(
    catalogue: Catalogue,
    read_filename: Callable[[str], str | None],
    display: Callable[[str], str],
    *,
    lone_images: bool,
) -> Pairing:
    """Make the table of pairs: a row for each annotation, and for each image without one.

    Ids are those that rows have where none is like another (ids.py). Splits are those of the folders.

    read_filename   the `<filename>` of an annotation file, None when it has none or cannot be read
    display         the name of a file for messages
    lone_images     whether images without annotation get a row
    """
    matcher = _Matcher(catalogue, read_filename, display)
    _pair_keys(catalogue)
    matcher.match_several()
    matcher.match_left_over()
    if not lone_images:
        matcher.remove("xml IS NULL")
    catalogue.name_pairs()
    return matcher.pairing


# A row for each key: its annotation and its image, if it has no more; the others are done one by one.
_KEYS = """
CREATE TABLE pair AS
SELECT {id} AS id, CASE WHEN min(pattern) < 0 THEN min(pattern) END AS xml,
    CASE WHEN max(pattern) > 0 THEN max(pattern) END AS image,
    {stem} AS stem, NULL AS image_stem, {splits} AS splits, count(*) AS files
FROM {files} GROUP BY {key}
"""
_SEVERAL = "files > (xml IS NOT NULL) + (image IS NOT NULL)"


def _pair_keys(catalogue: Catalogue) -> None:
    """Step 1, where a key has one annotation and one image, or one of them."""
    patterns = catalogue.patterns.values()
    (location, *others) = {one.location for one in patterns}
    if not (others or without_split(location) or catalogue.has_others) and catalogue.is_ascii:
        splits = next(one.splits for one in patterns)
        catalogue.execute(_KEYS.format(id="stem", stem="NULL", splits=splits, files="file", key="stem"))
        return
    made = "short || file.stem"
    if not catalogue.is_ascii:
        catalogue.connection.create_function("clean", 1, clean, deterministic=True)
        made = f"clean(CAST({made} AS BLOB))"
    joined = "file JOIN pattern ON number = pattern"
    # with a LIMIT, or each place where `made` stands would call `clean` again
    files = f"(SELECT {made} AS made, pattern, stem, location, splits FROM {joined} LIMIT -1)"
    key = "made, location, stem"
    catalogue.execute(
        _KEYS.format(id="made", stem="nullif(stem, made)", splits="splits", files=files, key=key)
    )


_FILES_OF_SEVERAL = """
SELECT pattern.location || file.stem AS key, folder || file.stem || extension AS name, pattern, file.stem, 0
FROM file CROSS JOIN pattern ON number = pattern
    CROSS JOIN several ON several.location = pattern.location AND several.stem = file.stem
ORDER BY key, name
"""


class _Matcher:
    def __init__(
        self,
        catalogue: Catalogue,
        read_filename: Callable[[str], str | None],
        display: Callable[[str], str],
    ) -> None:
        self.catalogue = catalogue
        self.read_filename = read_filename
        self.display = display
        self.pairing = Pairing()
        self.unmatched: list[File] = []
        self.claimed: set[str] = set()
        self.reports: list[tuple[tuple[str, str], Issue]] = []

    def match_several(self) -> None:
        """Step 1, where a key has more files than two."""
        catalogue = self.catalogue
        if catalogue.execute(f"SELECT 1 FROM pair WHERE {_SEVERAL} LIMIT 1").fetchone() is None:
            return
        catalogue.execute(
            "CREATE TABLE several AS SELECT location, coalesce(stem, id) AS stem"
            f" FROM pair JOIN pattern ON number = coalesce(xml, image) WHERE {_SEVERAL}"
        )
        catalogue.execute("CREATE INDEX several_key ON several(location, stem)")
        self.remove(_SEVERAL)
        files = map(File._make, catalogue.execute(_FILES_OF_SEVERAL))
        for _, found in groupby(files, lambda file: file.key):
            self._match_key(list(found))
        catalogue.execute("DROP TABLE several")
        self._sort_reports()

    def _match_key(self, files: list[File]) -> None:
        xmls = [file for file in files if file.pattern < 0]
        images = [file for file in files if file.pattern > 0]
        pairs = dict(self.match_rivals(xmls, images)) if xmls and images else {}
        for xml in xmls:
            self.add(xml, pairs.get(xml))
        taken = set(pairs.values())
        for image in images:
            if image not in taken:
                self.add(None, image)

    def add(self, xml: File | None, image: File | None) -> None:
        """A row of its own."""
        first = xml or image
        assert first is not None
        pattern = self.catalogue.patterns[first.pattern]
        self.catalogue.execute(
            "INSERT INTO pair VALUES (?, ?, ?, CAST(? AS TEXT), NULL, ?, 1)",
            clean(pattern.short + first.stem),
            xml and xml.pattern,
            image and image.pattern,
            self.catalogue.bound(first.stem),
            pattern.splits,
        )

    def remove(self, rows: str) -> None:
        if self.catalogue.execute(f"DELETE FROM pair WHERE {rows}").rowcount:
            self.pairing.is_sorted = False

    def match_left_over(self) -> None:
        """Steps 2, 3 and 4."""
        if self._is_none("image IS NULL") or self._is_none("xml IS NULL"):
            return
        left = self.files("xml", "image IS NULL")
        self.unmatched = sorted(left, key=lambda file: in_order(file.name))
        self.match_locations()
        self._sort_reports()
        self.match_stems(lambda key: key.rpartition("/")[2])
        self.match_stems(lambda key: fold(key.rpartition("/")[2]))
        self.match_filenames()

    def _is_none(self, rows: str) -> bool:
        return self.catalogue.execute(f"SELECT 1 FROM pair WHERE {rows} LIMIT 1").fetchone() is None

    def files(self, kind: str, rows: str) -> Iterator[File]:
        """The annotations ("xml") or images ("image") of some rows."""
        found = self.catalogue.execute(
            "SELECT location || coalesce(stem, id), folder || coalesce(stem, id) || extension,"
            " number, coalesce(stem, id), pair.rowid"
            f" FROM pair JOIN pattern ON number = {kind} WHERE {rows}"
        )
        return map(File._make, found)

    def claim(self, xml: File, image: File) -> None:
        """Put an image without annotation into the row of an annotation without image."""
        ours, theirs = (self.catalogue.patterns[one.pattern].splits for one in (xml, image))
        stem = None if image.stem == xml.stem else self.catalogue.bound(image.stem)
        self.catalogue.execute(
            "UPDATE pair SET image = ?, image_stem = CAST(? AS TEXT), splits = ? WHERE rowid = ?",
            *(image.pattern, stem, ours or theirs, xml.row),
        )
        self.remove(f"rowid = {image.row}")
        self.claimed.add(image.name)

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
            for image in self.files("image", "xml IS NULL"):
                text = text_of(image)
                if text in texts:
                    found.setdefault(text, []).append(image)
        for images in found.values():
            images.sort(key=lambda image: in_order(image.name))
        return found

    def match_locations(self) -> None:
        xmls: dict[str, list[File]] = {}
        for xml in self.unmatched:
            xmls.setdefault(fold(xml.key), []).append(xml)
        images = self.free_images(set(xmls), lambda image: fold(image.key))
        self.drop_matched(
            pair for text, found in images.items() for pair in self.match_rivals(xmls[text], found)
        )

    def match_rivals(self, xmls: list[File], images: list[File]) -> Iterator[tuple[File, File]]:
        """Of several of a kind, those in one folder belong together."""
        if len(xmls) == len(images) == 1:
            yield xmls[0], images[0]
            return
        xmls, images = (sorted(files, key=lambda file: in_order(file.name)) for files in (xmls, images))
        position = in_order(xmls[0].name)
        left = images
        for xml in sorted(xmls, key=lambda xml: not _beside(xml, images)):
            near = _beside(xml, left) or left
            if not near:
                self.report(xml, f"{self.display(images[0].name)} has an annotation already", position)
                continue
            yield xml, near[0] if len(near) == 1 else self.choose(xml, near, position)
            left = [other for other in left if other not in near]

    def choose(self, xml: File, images: list[File], position: tuple[str, str]) -> File:
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
        self.report(xml, f"{self.display(ranked[0].name)} is its image, not {others}", position)
        return ranked[0]

    def report(self, xml: File, message: str, position: tuple[str, str]) -> None:
        path = self.display(xml.name)
        issue = Issue.of("stem-collision", f"several files have this stem: {message}", path)
        self.reports.append((position, issue))

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
        paired = self.files("xml", "image IS NOT NULL")
        counts.update(text for xml in paired if (text := stem(xml.key)) in texts)
        self.drop_matched(
            (xml, images[text][0])
            for xml in self.unmatched
            if (text := stem(xml.key)) in texts and counts[text] == 1
        )

    def match_filenames(self) -> None:
        if self._is_none("xml IS NULL"):
            return
        named = {xml: base_of(self.read_filename(xml.name) or "") for xml in self.unmatched}
        stems = {folded_stem(base) for base in named.values() if base}
        images = self.free_images(stems, lambda image: folded_stem(image.name))
        left = []
        for xml, base in named.items():
            candidates = [one for one in images.get(folded_stem(base), ()) if one.name not in self.claimed]
            if base and candidates:
                self.claim(xml, min(candidates, key=lambda image: distance(image.name, base, xml.name)))
            else:
                left.append(xml)
        self.unmatched = left


def _beside(xml: File, images: Iterable[File]) -> list[File]:
    folder = in_order(xml.name)[0]
    return [image for image in images if in_order(image.name)[0] == folder]
