"""Several annotations and images that may belong together: which do, and where nothing tells.

What is certain goes first; what it leaves may then be certain too. Nothing is decided by the order of names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from annotools.sources.evidence import Claims, fitting, folder_of
from annotools.sources.names import folded_stem


class File(NamedTuple):
    """A file of a source. Its key is its location and its stem; row: that of the catalogue, if it has one."""

    key: str
    name: str
    pattern: int
    stem: str
    row: int = 0


@dataclass(slots=True)
class Match:
    """Which files belong together.

    several     for an annotation the images that fit it alike
    contested   for an image the annotations that it fits alike
    taken       for an annotation an image that fits it, and the annotation that fits the image better
    told        annotations that are taken and name the image that they do not get
    """

    pairs: list[tuple[File, File]] = field(default_factory=list)
    several: list[tuple[File, list[File]]] = field(default_factory=list)
    contested: list[tuple[File, list[File]]] = field(default_factory=list)
    taken: list[tuple[File, File, File]] = field(default_factory=list)
    told: list[File] = field(default_factory=list)


def match_rivals(xmls: Sequence[File], images: Sequence[File], claims_of: Callable[[File], Claims]) -> Match:
    """Settle what belongs together of files that share a stem, or are named by `<filename>`."""
    match = Match()
    left, free = list(xmls), {image.name: image for image in images}
    while left and free:
        meant: dict[str, list[File]] = {}
        told: set[File] = set()
        for xml in left:
            names, is_told = fitting(free, claims_of(xml), xml.name)
            if len(names) == 1:
                meant.setdefault(names[0], []).append(xml)
            if is_told:
                told.add(xml)
        found = {name: best for name, rivals in meant.items() if (best := _nearest(rivals, name))}
        if not found:
            break
        for name, best in found.items():
            match.pairs.append((best, free.pop(name)))
            # an annotation that names this image and no other does not get another one instead
            lost = [xml for xml in meant[name] if xml is not best and xml in told]
            match.told += lost
            match.taken += ((xml, match.pairs[-1][1], best) for xml in lost)
            left = [xml for xml in left if xml is not best and xml not in lost]
    contested: dict[str, list[File]] = {}
    for xml in left:
        names, _ = fitting(free, claims_of(xml), xml.name)
        if len(names) > 1:
            match.several.append((xml, [free[name] for name in names]))
        elif names:
            contested.setdefault(names[0], []).append(xml)
        elif match.pairs:
            owners = {image.name: (image, best) for best, image in match.pairs}
            image, best = owners[fitting(owners, claims_of(xml), xml.name)[0][0]]
            match.taken.append((xml, image, best))
    match.contested += ((free[name], rivals) for name, rivals in contested.items())
    return match


def _nearest(xmls: list[File], image: str) -> File | None:
    """The annotation in the folder of the image, or of its stem, if there is one and no other."""
    if len(xmls) == 1:
        return xmls[0]
    here = [xml for xml in xmls if folder_of(xml.name) == folder_of(image)]
    alike = [xml for xml in here or xmls if folded_stem(xml.name) == folded_stem(image)]
    best = alike or here
    return best[0] if len(best) == 1 else None
