"""Which image belongs to which annotation file.

In this order, each step for what the steps before have left over:
1. the same stem at the same location (layouts.py);
2. the same, where only case or Unicode normalisation differ (a.XML, macOS names);
3. the same stem anywhere, if only one annotation and one free image have it;
4. the name in `<filename>`, with any image extension; where no free image has it, the same stem.
Where a step finds several of a kind, rivals.py settles which belong together by what stands in the
annotations, which are read for that (evidence.py). What nothing settles is no pair: the annotation is
ambiguous, and nothing is decided by the order of names.
Extensions never decide: a PNG called a.jpg is an image with the stem a.

The first step is one statement over the catalogue and takes no memory worth mentioning, however many there
are. The others hold the annotations that are left over, some 500 bytes each, unless no image is left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import Literal

from annotools.issues import Issue
from annotools.sources.ambiguity import Ambiguity, several_folders
from annotools.sources.catalogue import Catalogue
from annotools.sources.evidence import Claims, folder_of, twin_key
from annotools.sources.file_kinds import is_readable
from annotools.sources.ids import clean
from annotools.sources.layouts import without_split
from annotools.sources.names import base_of, fold, folded_stem, in_order
from annotools.sources.rivals import File, Match, match_rivals


@dataclass(slots=True)
class Pairing:
    """What pairing found out beside the pairs.

    rivals      names of images that lost their annotation to another one, or may be that of several
    ambiguous   for an annotation without image what it may have; by the name of its file
    several     folders of annotations that claim the same images, and alike
    is_sorted   whether the pairs are still in the order of their ids, without a gap
    """

    rivals: set[str] = field(default_factory=set)
    ambiguous: dict[str, Ambiguity] = field(default_factory=dict)
    several: tuple[str, ...] = ()
    issues: list[Issue] = field(default_factory=list)
    is_sorted: bool = True


def pair_files(
    catalogue: Catalogue,
    read_claims: Callable[[str], Claims],
    display: Callable[[str], str],
    *,
    lone_images: bool,
) -> Pairing:
    """Make the table of pairs: a row for each annotation, and for each image without one.

    Ids are those that rows have where none is like another (ids.py). Splits are those of the folders.

    read_claims     what an annotation file says of its image; nothing where it cannot be read
    display         the name of a file for messages
    lone_images     whether images without annotation get a row
    """
    matcher = _Matcher(catalogue, read_claims, display)
    _pair_keys(catalogue)
    matcher.match_several()
    matcher.match_left_over()
    matcher.find_several_data_sets()
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

_NAMESAKES = 10_000
_IMAGE_OF = """
SELECT folder || coalesce(image_stem, stem, id) || extension
FROM pair JOIN pattern ON number = image WHERE pair.rowid = ?
"""


class _Matcher:
    def __init__(
        self, catalogue: Catalogue, read_claims: Callable[[str], Claims], display: Callable[[str], str]
    ) -> None:
        self.catalogue = catalogue
        self.read_claims = read_claims
        self.display = display
        self.pairing = Pairing()
        self.unmatched: list[File] = []
        self.contested: list[list[File]] = []
        self.closed: set[str] = set()
        """Names of files that are ambiguous: nothing else may have them."""

    def match_several(self) -> None:
        """Step 1, where a key has more files than two."""
        catalogue = self.catalogue
        if not self._has(_SEVERAL):
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
        self._sort_issues()

    def _match_key(self, files: list[File]) -> None:
        xmls = [file for file in files if file.pattern < 0]
        images = [file for file in files if file.pattern > 0]
        pairs = dict(self.settle(xmls, images).pairs) if xmls and images else {}
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
        if not self._has("image IS NULL"):
            return
        has_free = self._has("xml IS NULL")
        # without free images they are asked only who has theirs
        left = islice(self.files("xml", "image IS NULL"), None if has_free else _NAMESAKES)
        unmatched = (file for file in left if file.name not in self.closed)
        self.unmatched = sorted(unmatched, key=lambda file: in_order(file.name))
        if self.unmatched and has_free:
            self.match_locations()
            self.match_stems(lambda key: key.rpartition("/")[2])
            self.match_stems(lambda key: fold(key.rpartition("/")[2]))
            self.match_filenames()
            self._sort_issues()
        self.find_namesakes()

    def _has(self, rows: str) -> bool:
        return self.catalogue.execute(f"SELECT 1 FROM pair WHERE {rows} LIMIT 1").fetchone() is not None

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

    def drop_matched(self, pairs: Iterable[tuple[File, File]]) -> None:
        matched = set()
        for xml, image in pairs:
            self.claim(xml, image)
            self.pairing.ambiguous.pop(xml.name, None)
            matched.add(xml)
        self.unmatched = [xml for xml in self.unmatched if xml not in matched and xml.name not in self.closed]

    def free_images(self, texts: set[str], text_of: Callable[[File], str]) -> dict[str, list[File]]:
        """The free images by the text that they have, of those that have one of `texts`."""
        found: dict[str, list[File]] = {}
        if texts:
            for image in self.files("image", "xml IS NULL"):
                text = text_of(image)
                if text in texts and image.name not in self.closed:
                    found.setdefault(text, []).append(image)
        for images in found.values():
            images.sort(key=lambda image: in_order(image.name))
        return found

    def match_groups(self, xmls: dict[str, list[File]], images: dict[str, list[File]]) -> None:
        self.drop_matched(
            pair for text, found in images.items() for pair in self.settle(xmls[text], found).pairs
        )

    def match_locations(self) -> None:
        xmls = _grouped(self.unmatched, lambda xml: fold(xml.key))
        self.match_groups(xmls, self.free_images(set(xmls), lambda image: fold(image.key)))

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
        if not self._has("xml IS NULL"):
            return
        named = {xml: folded_stem(base_of(self.read_claims(xml.name).filename)) for xml in self.unmatched}
        own = {xml: folded_stem(xml.name) for xml in self.unmatched}
        images = self.free_images({*named.values(), *own.values()} - {""}, lambda one: folded_stem(one.name))
        xmls = _grouped(self.unmatched, lambda xml: named[xml] if named[xml] in images else own[xml])
        self.match_groups(xmls, {text: found for text, found in images.items() if text in xmls})

    def find_namesakes(self) -> None:
        """For annotations that are still without image, who has the image of their stem."""
        left = _grouped(self.unmatched, lambda xml: folded_stem(xml.name))
        if not left:
            return
        for owner in self.files("xml", "image IS NOT NULL"):
            for xml in left.get(folded_stem(owner.name), ()):
                here, there = (self.catalogue.patterns[one.pattern].location for one in (xml, owner))
                kind: Literal["taken", "elsewhere"] = "taken" if here.startswith(there) else "elsewhere"
                image = self.catalogue.execute(_IMAGE_OF, owner.row).fetchone()[0]
                self.pairing.ambiguous.setdefault(xml.name, Ambiguity(kind, (image,), (owner.name,)))

    def settle(self, xmls: list[File], images: list[File]) -> Match:
        """What belongs together of rivals; what is said of those that lost is noted."""
        if len(xmls) == len(images) == 1:
            return Match([(xmls[0], images[0])])
        match = match_rivals(xmls, images, lambda xml: self.read_claims(xml.name))
        ambiguous = self.pairing.ambiguous
        for xml, found in match.several:
            ambiguous[xml.name] = Ambiguity("several", tuple(image.name for image in found))
            self.close([xml, *found])
        for image, rivals in match.contested:
            names = tuple(xml.name for xml in rivals)
            ambiguous |= dict.fromkeys(names, Ambiguity("contested", (image.name,), names))
            self.close([image, *rivals])
            self.contested.append(rivals)
        for xml, image, owner in match.taken:
            ambiguous[xml.name] = Ambiguity("taken", (image.name,), (owner.name,))
        self.close(match.told)
        free = {image.name for image in images}.difference(image.name for _, image in match.pairs)
        for xml, image in match.pairs:
            self._report_twins(xml, image.name, sorted(free, key=in_order))
        return match

    def close(self, files: Iterable[File]) -> None:
        for file in files:
            self.closed.add(file.name)
            if file.pattern > 0:
                self.pairing.rivals.add(file.name)

    def _report_twins(self, xml: File, image: str, free: list[str]) -> None:
        """Images that differ from the one that was chosen in their extension only."""
        twins = [other for other in free if twin_key(other) == twin_key(image)]
        if not twins:
            return
        self.pairing.rivals.update(twins)
        others = ", ".join(map(self.display, twins))
        message = f"several files have this stem: {self.display(image)} is its image, not {others}"
        issue = Issue.of("stem-collision", message, self.display(xml.name))
        if not any(map(is_readable, twins)):
            issue = replace(issue, severity="info")
        self.pairing.issues.append(issue)

    def _sort_issues(self) -> None:
        self.pairing.issues.sort(key=lambda issue: in_order(issue.path or ""))

    def find_several_data_sets(self) -> None:
        """Folders of annotations of which most claim the images that those of another folder claim."""
        if len(self.contested) > 1:
            sizes = Counter(folder_of(file.name) for file in self.files("xml", "1"))
            claims = ([xml.name for xml in rivals] for rivals in self.contested)
            self.pairing.several = several_folders(claims, sizes)


def _grouped(files: Iterable[File], text_of: Callable[[File], str]) -> dict[str, list[File]]:
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault(text_of(file), []).append(file)
    return groups
