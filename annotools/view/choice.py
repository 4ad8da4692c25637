"""Which images of a source are shown."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from annotools.errors import OptionError
from annotools.issues import Issue
from annotools.sources.storage import printable
from annotools.validation.validate import validate
from annotools.view.options import ShowOptions
from annotools.view.pictures import Album, Entry, Picture, SourceAlbum


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures, and how they were chosen.

    found   images that fit; None where nobody counted them all
    how     in words
    """

    pictures: tuple[Picture, ...]
    found: int | None
    how: str

    def sentence(self, path: str) -> str:
        """`25 of 364 images of data, the first ones`."""
        of = "" if self.found is None else f" of {self.found}"
        return f"{len(self.pictures)}{of} images of {printable(path)}, {self.how}"


def choose(album: Album, options: ShowOptions) -> Chosen:
    """The pictures that `options` ask for. OptionError for a name that is neither a class nor an image."""
    fitting = album.entries(options.split)
    told = []
    if options.names:
        fitting = _named(fitting, album, options)
        told.append(f"with {', '.join(map(printable, options.names))}")
    if options.problems:
        fitting = _with_problems(fitting, album, options)
        told.append("with problems")
    if options.detections is not None:
        told.append(f"detections with a score of {options.min_score:g} or more")
    counter = _Counter(fitting)
    if options.random is None:
        entries = list(islice(counter, options.count))
        more = next(counter, None) is not None
        told.append("the first ones" if more else "all")
        found = None if more else counter.count
    else:
        entries = at_random(counter, options.random, options.seed)
        told.append(f"at random (seed {options.seed})")
        found = counter.count
    return Chosen(tuple(entry.picture() for entry in entries), found, ", ".join(told))


class _Counter(Iterator[Entry]):
    """Entries as they come, counted."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self.count = 0

    def __next__(self) -> Entry:
        entry = next(self._entries)
        self.count += 1
        return entry


def lot(entry_id: str, seed: int) -> bytes:
    """What chance says of an image: a hash, the same wherever the image stands in the source."""
    return hashlib.sha256(f"{seed}\n{entry_id}".encode("utf-8", "surrogateescape")).digest()


def at_random(entries: Iterable[Entry], count: int, seed: int) -> list[Entry]:
    """`count` entries with the smallest lots, in their own order. Of the others nothing is kept."""
    numbered = enumerate(entries)
    drawn = heapq.nsmallest(count, numbered, key=lambda one: (lot(one[1].id, seed), one[0]))
    return [entry for _, entry in sorted(drawn, key=lambda one: one[0])]


def _named(entries: Iterable[Entry], album: Album, options: ShowOptions) -> Iterator[Entry]:
    """Those with an object of a class that is named, and the images whose id is."""
    classes = {name for name in options.names if name in album.classes}
    ids = set(options.names) - classes
    seen = set()
    for entry in entries:
        if entry.id in ids or (classes and not classes.isdisjoint(entry.names())):
            seen.add(entry.id)
            yield entry
    if unknown := sorted(ids - seen):
        known = ", ".join(map(printable, list(album.classes)[:20]))
        raise OptionError(
            "neither a class nor an image", path=album.path, field="--only", found=unknown[0],
            expected=f"the id of an image, or one of {known}",
        )  # fmt: skip


def _with_problems(entries: Iterable[Entry], album: Album, options: ShowOptions) -> Iterator[Entry]:
    """Those with an error or a warning; of a source the rules for the whole set count too."""
    if not isinstance(album, SourceAlbum):
        yield from (entry for entry in entries if any(map(_matters, entry.picture().issues)))
        return
    by_path: dict[str, list[Issue]] = {}
    for issue in validate(album.source, split=options.split, classes=album.class_map):
        if issue.path is not None and _matters(issue):
            by_path.setdefault(issue.path, []).append(issue)
    for entry in entries:
        issues = [issue for path in entry.paths for issue in by_path.get(path, ())]
        if issues:
            yield replace(entry, picture=partial(_with_issues, entry, tuple(issues)))


def _matters(issue: Issue) -> bool:
    return issue.severity != "info"


def _with_issues(entry: Entry, issues: tuple[Issue, ...]) -> Picture:
    return replace(entry.picture(), issues=issues)
