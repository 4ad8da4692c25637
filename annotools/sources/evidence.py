"""Which of several images an annotation means, by what stands in it.

In this order, each kind of evidence for what the kinds before it have left over:
1. of images of one name in one folder those that TensorFlow may read: `a.png`, not `a.tif`
2. the folder in `<filename>`, as far as it agrees with the folder of an image, counted from its end
3. the name in `<filename>`, with its extension
4. `<folder>`, as far as it agrees
5. the folders of `<path>`, as far as they agree
6. the folder of the annotation file itself
7. images that TensorFlow may read, whatever their folder
Size is no evidence: it changes when images are scaled, and most images of a set share theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from annotools.sources.file_kinds import is_readable
from annotools.sources.layouts import is_kind_folder
from annotools.sources.names import base_of, fold, folded_stem


class Claims(NamedTuple):
    """What an annotation file says of its image: the texts of `<filename>`, `<folder>` and `<path>`."""

    filename: str = ""
    folder: str = ""
    path: str = ""


def fitting(images: Iterable[str], claims: Claims, xml: str) -> tuple[list[str], bool]:
    """The images that may be meant, and whether what stands in the annotation has told them apart.

    images   names of files that all have the stem of the annotation, or that of its `<filename>`
    xml      the name of the annotation file
    """
    left = list(images)
    if len(left) > 1:
        left = _without_unreadable_twins(left)
    is_told = False
    for score in _scores(claims):
        if len(left) > 1:
            kept = _best(left, score)
            is_told |= len(kept) < len(left)
            left = kept
    if len(left) > 1:
        here = folder_of(xml)
        left = [image for image in left if folder_of(image) == here] or left
    if len(left) > 1:
        left = [image for image in left if is_readable(image)] or left
    return left, is_told


def folder_of(name: str) -> str:
    """The folder of a file, "" or "a/b/"."""
    return name[: name.rfind("/") + 1]


def agreement(folder: str, image: str) -> tuple[int, int]:
    """How many parts of two folders agree, counted from the end: without, and with folders like `images`."""
    ours, theirs = (_parts(text) for text in (folder, folder_of(image)))
    bare = ([part for part in parts if not is_kind_folder(part)] for parts in (ours, theirs))
    return _common_end(*bare), _common_end(ours, theirs)


def _scores(claims: Claims) -> Iterable[Callable[[str], object]]:
    filename = claims.filename.replace("\\", "/")
    base = fold(base_of(filename))
    yield lambda image: agreement(folder_of(filename), image)
    yield lambda image: bool(base) and fold(image.rpartition("/")[2]) == base
    yield lambda image: agreement(claims.folder, image)
    yield lambda image: agreement(folder_of(claims.path.replace("\\", "/")), image)


def _best(images: list[str], score: Callable[[str], object]) -> list[str]:
    scores: list[object] = [score(image) for image in images]
    best = max(scores)  # type: ignore[type-var]
    return [image for image, one in zip(images, scores, strict=True) if one == best]


def _without_unreadable_twins(images: list[str]) -> list[str]:
    readable = {twin_key(image) for image in images if is_readable(image)}
    return [image for image in images if is_readable(image) or twin_key(image) not in readable]


def twin_key(image: str) -> tuple[str, str]:
    """What images have in common that differ in their extension, or in case, only."""
    return folder_of(image), folded_stem(image)


def _parts(folder: str) -> list[str]:
    return [fold(part.strip()) for part in folder.replace("\\", "/").split("/") if part.strip(" .")]


def _common_end(ours: list[str], theirs: list[str]) -> int:
    count = 0
    while count < min(len(ours), len(theirs)) and ours[-1 - count] == theirs[-1 - count]:
        count += 1
    return count
