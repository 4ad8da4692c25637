"""How a source is listed: its files are found, told apart by their folders, and paired in a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from annotools.errors import FaultyFileError, SourceError
from annotools.formats import voc
from annotools.issues import Issue
from annotools.records import record
from annotools.sources.ambiguity import Ambiguity
from annotools.sources.catalogue import BATCH, Catalogue, Pattern, Splits
from annotools.sources.evidence import Claims
from annotools.sources.file_kinds import is_image, kind_of
from annotools.sources.folder import Folder
from annotools.sources.ids import give_ids
from annotools.sources.image_sets import SplitList, find_lists
from annotools.sources.layouts import (
    Layout,
    Names,
    find_layout,
    several_data_sets,
    split_of_location,
    without_split,
)
from annotools.sources.list_report import issues_of_no_split
from annotools.sources.pairing import pair_files
from annotools.sources.split_names import split_order
from annotools.sources.storage import Storage


@record
class Scan:
    """What of a storage is the source, so that it can be listed again.

    root                  the path, for messages
    annotations, images   folders that limit where each is taken
    starts                the folders to walk; none: all of them
    only                  a single annotation, and folders in which its image may be
    """

    root: str
    annotations: str | None = None
    images: str | None = None
    starts: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


@record
class Listed:
    """What listing a source found out.

    rivals      names of images that lost their annotation to another one, or may be that of several
    ambiguous   for an annotation without image what it may have; by the name of its file
    """

    catalogue: Catalogue
    splits: Splits
    issues: tuple[Issue, ...]
    rivals: frozenset[str]
    ambiguous: dict[str, Ambiguity]


def list_source(storage: Storage, scan: Scan) -> Listed:
    """List, pair and name everything. Raises SourceError as `find_files`."""
    found = find_files(storage, scan)
    catalogue, layout, lists = found.catalogue, found.layout, found.lists
    pairing = pair_files(
        catalogue, lambda name: _read_claims(storage, name), storage.display, lone_images=not scan.only
    )
    if pairing.several:
        raise several_data_sets(scan.root, pairing.several)
    of_lists: list[Issue] = []
    splits: Splits = ()
    if lists:
        from annotools.sources.split_lists import assign_by_lists

        splits, of_lists = assign_by_lists(catalogue, lists, storage)
    is_listed = bool(splits)
    splits = splits or splits_of_folders(catalogue)
    if splits and not scan.only:
        of_lists += issues_of_no_split(catalogue, splits, storage, of_lists=is_listed)
    catalogue.finish(is_sorted=give_ids(catalogue, is_sorted=pairing.is_sorted))
    of_layout = () if scan.only else layout.issues  # of the files around a single one nobody asked
    issues = (*storage.issues(), *of_layout, *pairing.issues, *of_lists)
    return Listed(catalogue, splits, issues, frozenset(pairing.rivals), pairing.ambiguous)


def _read_claims(storage: Storage, name: str) -> Claims:
    try:
        data = storage.read_bytes(name)
    except FaultyFileError:
        return Claims()  # whoever reads the annotation reports it
    annotation, _ = voc.inspect(data, name)
    if annotation is None:
        return Claims()
    return Claims(annotation.filename or "", annotation.folder or "", annotation.path or "")


@dataclass(slots=True)
class Found:
    """The files in a catalogue that has no pairs yet, the layout of the data set, and its lists of splits."""

    catalogue: Catalogue
    layout: Layout
    lists: list[SplitList]


def find_files(storage: Storage, scan: Scan) -> Found:
    """Raises SourceError when there are no annotations, when there are several data sets, or when a folder
    of the scan does not exist."""
    files = _Files(Catalogue(has_sizes=storage.has_sizes))
    batches = files.sized_batches(storage) if storage.has_sizes else files.batches(storage, scan)
    files.catalogue.add_files(batches)
    names = files.names()
    for field, limit in (("annotations", scan.annotations), ("images", scan.images)):
        found = (*names.xmls, *names.images, *names.lists)
        if limit and not scan.starts and not any(one.startswith(f"{limit}/") for one in found):
            raise SourceError("there is no such folder in it", path=storage.root, field=field, found=limit)
    layout = find_layout(names, scan.root, annotations=scan.annotations, images=scan.images)
    lists = find_lists(storage, layout.lists, layout.tree)
    locations = (*layout.xmls.values(), *layout.images.values())
    if any(one.is_implied for one in lists) and any(map(split_of_location, locations)):
        lists = []  # folders that are splits go before files that may be lists
    have_splits = all(one.is_implied for one in lists)
    files.catalogue.set_patterns(files.patterns(layout, have_splits=have_splits))
    return Found(files.catalogue, layout, lists)


class _Files:
    """The files of a storage on their way into the catalogue.

    numbers   of patterns by folder and extension, in the order in which they came; 0: lists of splits
    counts    files by pattern
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.numbers: dict[tuple[str, str], int] = {}
        self.counts: dict[int, int] = {0: 0}
        self.lists: list[str] = []

    def batches(self, storage: Storage, scan: Scan) -> Iterator[tuple[int, list[Any]]]:
        """As `Catalogue.add_files` takes them."""
        for folder, bases in _folders(storage, scan):
            bases = iter(bases)
            while batch := list(islice(bases, BATCH)):
                by_extension = _Stems()
                for base in batch:
                    stem, _, extension = base.rpartition(".")
                    by_extension[extension].append(stem)
                for extension, stems in by_extension.items():
                    if number := self.number_of(folder, extension, len(stems)):
                        is_ascii = "".join(stems).isascii()
                        yield number, stems if is_ascii else [self.catalogue.bound(stem) for stem in stems]
                    else:
                        self.lists += (f"{folder}{stem}.{extension}" for stem in stems)

    def sized_batches(self, storage: Storage) -> Iterator[tuple[int, list[Any]]]:
        """The same where the listing tells sizes."""
        for name, size, version in storage.listed():
            start = name.rfind("/") + 1
            stem, _, extension = name[start:].rpartition(".")
            if number := self.number_of(name[:start], extension, 1):
                yield number, [(self.catalogue.bound(stem), size, version)]
            else:
                self.lists.append(name)

    def number_of(self, folder: str, extension: str, count: int) -> int:
        """The number of a pattern, of which `count` files were found; 0 for lists of splits."""
        number = self.numbers.get((folder, extension))
        if number is None:
            kind = kind_of(f"x.{extension}")
            number = 0 if kind == "txt" else len(self.counts) if kind == "image" else -len(self.counts)
            self.numbers[folder, extension] = number
        self.counts[number] = self.counts.get(number, 0) + count
        return number

    def names(self) -> Names:
        names = Names(lists=self.lists)
        for (folder, _), number in self.numbers.items():
            if number:
                folders = names.xmls if number < 0 else names.images
                folders[folder] = folders.get(folder, 0) + self.counts[number]
        return names

    def patterns(self, layout: Layout, *, have_splits: bool) -> dict[int, Pattern]:
        """Those of the data set, and the combinations of splits that their folders mean."""
        found: dict[int, Pattern] = {}
        combinations = self.catalogue.combinations
        for (folder, extension), number in self.numbers.items():
            location = (layout.xmls if number < 0 else layout.images).get(folder) if number else None
            if location is None:
                self.catalogue.has_others |= bool(number)
                continue
            split = split_of_location(location) if have_splits else None
            combination = () if split is None else (split,)
            if combination not in combinations:
                combinations.append(combination)
            splits = combinations.index(combination)
            found[number] = Pattern(folder, f".{extension}", location, without_split(location), splits)
        return found


class _Stems(dict[str, list[str]]):
    """Stems by extension."""

    def __missing__(self, extension: str) -> list[str]:
        stems = self[extension] = []
        return stems


def _folders(storage: Storage, scan: Scan) -> Iterator[tuple[str, Iterable[str]]]:
    """(folder, the files in it that can matter)"""
    if scan.only:
        assert isinstance(storage, Folder)
        xml, *folders = scan.only
        start = xml.rfind("/") + 1
        yield xml[:start], [xml[start:]]
        for folder in folders:
            yield folder, filter(is_image, storage.entries(folder)[0])
    elif scan.starts:
        assert isinstance(storage, Folder)
        yield from storage.walk(scan.starts)
    else:
        yield from storage.walk()


def splits_of_folders(catalogue: Catalogue) -> Splits:
    """The splits that the folders of the pairs mean, in order, where no lists tell them."""
    combinations = catalogue.combinations
    if len(combinations) > 1:
        used = {number for (number,) in catalogue.execute("SELECT DISTINCT splits FROM pair")}
        annotated = catalogue.execute("SELECT DISTINCT splits FROM pair WHERE xml IS NOT NULL")
        if not any(combinations[number] for (number,) in annotated):
            used = set()  # a folder of test pictures without annotations makes no split of the others
        catalogue.combinations = [one if number in used else () for number, one in enumerate(combinations)]
    return tuple(sorted({split for one in catalogue.combinations for split in one}, key=split_order))
