"""The listing of a source: one row for each annotation or lone image, with its id and its splits, kept small.

A row takes about 80 bytes and 10 more, not the 500 of Python objects, because the listing stays in memory for
the whole of a conversion and goes to every worker.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from annotools.image_sets import SplitList, split_order, without_flag
from annotools.issues import Issue
from annotools.layouts import Layout, split_of_place, without_split
from annotools.pairing import fold
from annotools.storage import Storage, split_extension

Row = tuple[str | None, str | None]
"""(XML or None, image or None); one of them is there."""


class Listing:
    """Rows sorted by id, as one block of bytes. Reading a row makes it anew."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Row], splits: Sequence[tuple[str, ...]]) -> None:
        self.combinations = list(dict.fromkeys(splits))
        codes = {combination: code for code, combination in enumerate(self.combinations)}
        self._codes = array("H")
        self._ends = array("Q")
        text = bytearray()
        for index in sorted(range(len(rows)), key=ids.__getitem__):
            xml, image = rows[index]
            # surrogatepass, because file names that are not UTF-8 hold lone surrogates
            text += "\0".join((ids[index], xml or "", image or "")).encode("utf-8", "surrogatepass")
            self._ends.append(len(text))
            self._codes.append(codes[splits[index]])
        self._text = bytes(text)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[tuple[str, str | None, str | None, tuple[str, ...]]]:
        """(id, XML or None, image or None, splits)"""
        start = 0
        for end, code in zip(self._ends, self._codes, strict=True):
            name, xml, image = self._text[start:end].decode("utf-8", "surrogatepass").split("\0")
            yield name, xml or None, image or None, self.combinations[code]
            start = end


def make_ids(rows: Sequence[Row], layout: Layout) -> list[str]:
    """A different id for each row, the same in every run: as short as it can be without a clash.

    The stem with its place in the data set but without the split folder ("shelf/a" of train/shelf/a.xml);
    where two rows would share that, the place with the split, then the whole name, then with its extension.
    Annotations choose before images that have none. Ids are in Unicode form NFC; bytes of a name that are
    not UTF-8 become escapes.
    """
    ids = [""] * len(rows)
    taken: set[str] = set()

    def candidate(row: Row, length: int) -> str:
        name = row[0] or row[1] or ""
        stem = split_extension(name)[0]
        base = stem.rpartition("/")[2]
        if length == 0:
            text = without_split(layout.place(name)) + base
        elif length == 1:
            text = layout.place(name) + base
        else:
            text = stem if length == 2 else name
        if text.isascii():
            return text
        return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode("utf-8")

    for lone in (False, True):
        left = [index for index, (xml, _) in enumerate(rows) if (xml is None) is lone]
        for length in range(4):
            wanted = [candidate(rows[index], length) for index in left]
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
            text = candidate(rows[index], 3)
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


def splits_by_folder(rows: Iterable[Row], layout: Layout) -> Splits:
    """The split of a row is the first folder of its image (else of its XML) that is named like a split."""
    of_rows: list[tuple[str, ...]] = []
    for xml, image in rows:
        names = (split_of_place(layout.place(name)) for name in (image, xml) if name)
        split = next((name for name in names if name), None)
        of_rows.append((split,) if split else ())
    return Splits(of_rows, tuple(sorted({name for names in of_rows for name in names}, key=split_order)))


def splits_by_lists(
    rows: Sequence[Row], layout: Layout, lists: Sequence[SplitList], names: tuple[str, ...], storage: Storage
) -> Splits:
    """The splits whose lists name a row. `names` are the splits to report, the others exist on request."""
    find = _RowFinder(rows, layout)
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

    def __init__(self, rows: Sequence[Row], layout: Layout) -> None:
        self._rows: dict[str, int] = {}
        self._folded: dict[str, int] | None = None
        for index, (xml, image) in enumerate(rows):
            keys = {image.rpartition("/")[2]} if image else set()
            for name in (xml, image):
                if name:
                    stem = split_extension(name)[0]
                    base = stem.rpartition("/")[2]
                    keys |= {stem, layout.place(name) + base, base}
            for key in keys:
                # An image without annotation has no say against one with (rows come in this order).
                if xml is not None or key not in self._rows:
                    self._rows[key] = _SEVERAL if key in self._rows else index

    def __call__(self, line: str) -> int | None:
        for text in (line, without_flag(line)):
            path = text.replace("\\", "/").lstrip("./")
            stem = split_extension(path)[0]
            for key in (path, stem, path.rpartition("/")[2], stem.rpartition("/")[2]):
                index = self._rows.get(key)
                if index is not None:
                    return index
        if self._folded is None:
            self._folded = {fold(key): index for key, index in self._rows.items()}
        return self._folded.get(fold(split_extension(without_flag(line))[0]))
