"""The listing of a source: one row for each annotation or lone image, with its id and its splits, kept small.

A row takes about 80 bytes and 10 more, not the 500 of Python objects, because the listing stays in memory for
the whole of a conversion and goes to every worker.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from annotools.image_sets import SplitList, split_order, without_flag
from annotools.issues import Issue
from annotools.layouts import Layout, place_of, split_of_place, without_split
from annotools.pairing import Pairing, fold
from annotools.storage import Storage, split_extension


@dataclass(slots=True)
class Rows:
    """The annotations with their images, then the images that have none; parallel lists.

    keys    place and stem of the annotation, else of the image
    """

    xmls: list[str]
    images: list[str]
    keys: list[str]
    image_keys: list[str]

    def __len__(self) -> int:
        return len(self.keys)


def make_rows(layout: Layout, pairing: Pairing, *, lone_images: bool) -> Rows:
    """`lone_images`: also list images without annotation."""
    # An extra entry at the end is what NOTHING, -1, leads to.
    images, image_keys = [*layout.images.names, ""], [*layout.images.keys, ""]
    rows = Rows(
        layout.xmls.names[:],
        [images[index] for index in pairing.partners],
        layout.xmls.keys[:],
        [image_keys[index] for index in pairing.partners],
    )
    if lone_images:
        paired = set(pairing.partners)
        lone = [index for index in range(len(layout.images.names)) if index not in paired]
        rows.xmls += [""] * len(lone)
        rows.images += [images[index] for index in lone]
        rows.keys += [image_keys[index] for index in lone]
        rows.image_keys += [image_keys[index] for index in lone]
    return rows


class Listing:
    """Rows sorted by id, as one block of bytes. Reading a row makes it anew."""

    def __init__(self, ids: Sequence[str], rows: Rows, splits: Sequence[tuple[str, ...]]) -> None:
        self.combinations = list(dict.fromkeys(splits))
        codes = {combination: code for code, combination in enumerate(self.combinations)}
        order = sorted(range(len(rows)), key=ids.__getitem__)
        self._codes = array("H", [codes[splits[index]] for index in order])
        self._text = bytearray()
        self._ends = array("Q")
        for index in order:
            # surrogatepass, because file names that are not UTF-8 hold lone surrogates
            text = f"{ids[index]}\0{rows.xmls[index]}\0{rows.images[index]}"
            self._text += text.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[tuple[str, str | None, str | None, tuple[str, ...]]]:
        """(id, XML or None, image or None, splits)"""
        start = 0
        for end, code in zip(self._ends, self._codes, strict=True):
            name, xml, image = self._text[start:end].decode("utf-8", "surrogatepass").split("\0")
            yield name, xml or None, image or None, self.combinations[code]
            start = end


def make_ids(rows: Rows) -> list[str]:
    """A different id for each row, the same in every run: as short as it can be without a clash.

    The stem with its place in the data set but without the split folder ("shelf/a" of train/shelf/a.xml);
    where two rows would share that, the place with the split, then the whole name, then with its extension.
    Annotations choose before images that have none. Ids are in Unicode form NFC; bytes of a name that are
    not UTF-8 become escapes.
    """
    short_places = {place: without_split(place) for place in set(map(place_of, rows.keys))}

    def candidate(index: int, length: int) -> str:
        key = rows.keys[index]
        if length == 0:
            place = place_of(key)
            text = short_places[place] + key[len(place) :]
        elif length == 1:
            text = key
        else:
            name = rows.xmls[index] or rows.images[index]
            text = split_extension(name)[0] if length == 2 else name
        if text.isascii():
            return text
        return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode("utf-8")

    ids = [""] * len(rows)
    taken: set[str] = set()
    for lone in (False, True):
        left = [index for index, xml in enumerate(rows.xmls) if (not xml) is lone]
        for length in range(4):
            wanted = [candidate(index, length) for index in left]
            if not taken and len(left) == len(rows) == len(set(wanted)):
                return wanted
            counts = Counter(wanted)
            again = []
            for index, text in zip(left, wanted, strict=True):
                if counts[text] == 1 and text not in taken:
                    ids[index] = text
                    taken.add(text)
                else:
                    again.append(index)
            left = again
        for index in left:  # names that differ in Unicode normalisation only
            text = candidate(index, 3)
            while text in taken:
                text += "~"
            ids[index] = text
            taken.add(text)
    return ids


@dataclass(slots=True)
class Splits:
    """The splits of each row, those of the source in order, and what is wrong with the lists."""

    of_rows: list[tuple[str, ...]]
    names: tuple[str, ...]
    issues: list[Issue] = field(default_factory=list)


def splits_by_folder(rows: Rows) -> Splits:
    """The split of a row is the first folder of its place, or of that of its image, with such a name."""
    places = {place_of(key) for keys in (rows.keys, rows.image_keys) for key in keys}
    by_place = {place: split for place in places if (split := split_of_place(place)) is not None}
    if not by_place:
        return Splits([()] * len(rows), ())
    of_rows: list[tuple[str, ...]] = []
    for key, image_key in zip(rows.keys, rows.image_keys, strict=True):
        split = by_place.get(place_of(key)) or by_place.get(place_of(image_key))
        of_rows.append((split,) if split else ())
    return Splits(of_rows, tuple(sorted({name for names in of_rows for name in names}, key=split_order)))


def splits_by_lists(
    rows: Rows, lists: Sequence[SplitList], names: tuple[str, ...], storage: Storage
) -> Splits:
    """The splits whose lists name a row. `names` are the splits to report, the others exist on request."""
    find = _RowFinder(rows)
    members: dict[str, set[int]] = {}
    issues = []
    for split_list in lists:
        here = members.setdefault(split_list.split, set())
        missing = set()
        for file, number, line in split_list.lines(storage):
            index = find(line)
            if index is not None and index != _SEVERAL:
                here.add(index)
            elif (name := without_flag(line)) not in missing:
                missing.add(name)
                message = f"the list names {name!r}, but there is neither such an image nor an annotation"
                if index == _SEVERAL:
                    message = f"the list names {name!r}, which several files are called; give the folder too"
                issues.append(
                    Issue("list-names-missing-image", "error", message, storage.display(file), number)
                )
    issues += _overlaps({name: members[name] for name in names}, lists, storage)
    of_rows: list[tuple[str, ...]] = [()] * len(rows)
    for split, indices in members.items():
        for index in indices:
            of_rows[index] += (split,)
    return Splits(of_rows, names, issues)


def _overlaps(members: dict[str, set[int]], lists: Sequence[SplitList], storage: Storage) -> Iterator[Issue]:
    files = {split_list.split: split_list.files[0] for split_list in lists}
    names = list(members)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            if shared := len(members[one] & members[other]):
                yield Issue(
                    "split-overlap",
                    "warning",
                    f"{shared} images are in the split {one!r} and in {other!r}",
                    storage.display(files[other]),
                )


_SEVERAL = -1


class _RowFinder:
    """Finds the row that a line of a list names: a stem, a file name or a path, exactly or folded."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        # Backwards, so that of two equal keys the first counts: that of an annotation, not of a lone image.
        self._by_key = {rows.keys[index]: index for index in range(len(rows) - 1, -1, -1)}
        self._by_name: dict[str, int] | None = None
        self._folded: dict[str, int] = {}

    def __call__(self, line: str) -> int | None:
        index = self._by_key.get(line)
        if index is not None:
            return index
        if self._by_name is None:
            self._by_name = self._index_names()
            self._folded = {fold(name): index for name, index in self._by_name.items()}
        for text in (line, without_flag(line)):
            path = text.replace("\\", "/").lstrip("./")
            stem = split_extension(path)[0]
            for name in (path, stem, path.rpartition("/")[2], stem.rpartition("/")[2]):
                index = self._by_name.get(name)
                if index is not None:
                    return index
        return self._folded.get(fold(split_extension(without_flag(line))[0]))

    def _index_names(self) -> dict[str, int]:
        """Rows by all that a line may call them."""
        by_name: dict[str, int] = {}
        rows = self._rows
        for index, (xml, image, key) in enumerate(zip(rows.xmls, rows.images, rows.keys, strict=True)):
            names = {key, key.rpartition("/")[2], rows.image_keys[index], image, image.rpartition("/")[2]}
            for name in (xml, image):
                stem = split_extension(name)[0]
                names |= {stem, stem.rpartition("/")[2]}
            for name in names:
                # An image without annotation has no say against one with, and comes later.
                if xml or name not in by_name:
                    by_name[name] = _SEVERAL if name in by_name else index
        by_name.pop("", None)
        return by_name
