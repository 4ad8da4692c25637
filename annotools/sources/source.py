"""Sources: where annotations come from, each XML paired with its image, the same for a folder or an archive.

A source may be a VOC tree (also the devkit folder above it), a folder with images and XML beside each other
or in folders of their own, train/valid/test folders, an archive of any of these, or one .xml file. layouts.py
tells which file is what, pairing.py which belong together, image_sets.py reads the lists of splits.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterable, Iterator
from typing import Any

from annotools.errors import ImageError, SourceError
from annotools.files.urls import is_url, local_path, whole_archive
from annotools.images import header as image_headers
from annotools.issues import Issue
from annotools.records import Image
from annotools.sources.ambiguity import Ambiguity
from annotools.sources.catalogue import Catalogue
from annotools.sources.evidence import agreement, folder_of
from annotools.sources.file_kinds import split_extension
from annotools.sources.folder import Folder
from annotools.sources.image_finder import ImageFinder
from annotools.sources.layouts import is_image_folder, is_kind_folder
from annotools.sources.names import base_of, fold
from annotools.sources.outputs import refuse_output
from annotools.sources.pair import Pair as Pair
from annotools.sources.pair import make_pair
from annotools.sources.scan import Listed, Scan, list_source
from annotools.sources.storage import HEAD, Storage, fingerprint_of


class Source:
    """An opened source; picklable, and small: the catalogue of many images stays in its process.

    A copy in another process lists the source anew if `pairs`, `issues` or `image_named` is called there and
    the catalogue is large.

    root     the path, for messages
    splits   the names of its splits in order, empty when it has none. A trainval list beside train and val is
             their union and not among them, but `pairs("trainval")` works.
    """

    def __init__(self, storage: Storage, scan: Scan, listed: Listed) -> None:
        self.root = storage.root
        self.splits = listed.splits
        self.storage = storage
        self._scan = scan
        self._listed = listed
        self._finder: ImageFinder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_finder": None}

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, made again where it is lost."""
        if self._listed.catalogue.is_lost:
            self._listed = list_source(self.storage, self._scan)
        return self._listed.catalogue

    def __len__(self) -> int:
        """How many pairs there are, each counted once."""
        return len(self._listed.catalogue)

    def pairs(self, split: str | None = None) -> Iterator[Pair]:
        """The pairs of one split, or of the whole source, sorted by id and made one by one.

        Without `split` a pair that several splits list comes once for each, and one that none lists comes
        with split None. Raises SourceError for a split that does not exist.
        """
        self.check_split(split)
        return self._pairs(split)

    def check_split(self, split: str | None) -> None:
        """Raise SourceError for a split that does not exist."""
        known = set(self.splits).union(*self._listed.catalogue.combinations)
        if split is not None and split not in known:
            raise SourceError(
                "the source has no such split",
                path=self.root,
                field="split",
                found=split,
                expected=", ".join(self.splits) or "None: this source has no splits",
            )

    def _pairs(self, split: str | None) -> Iterator[Pair]:
        catalogue = self.catalogue
        splits = self.splits_of_combinations(split)
        for image_id, xml, image, combination, xml_size, image_size in catalogue.rows():
            for one in splits[combination]:
                yield make_pair(image_id, xml, image, one, xml_size, image_size)

    def splits_of_combinations(self, split: str | None) -> list[tuple[str | None, ...]]:
        """For each combination of splits in the catalogue, as which of them its pairs come."""
        combinations = self.catalogue.combinations
        if split is not None:
            return [(split,) if split in combination else () for combination in combinations]
        return [
            tuple(one for one in self.splits if one in combination) or (None,) for combination in combinations
        ]

    def unique_pairs(self, split: str | None = None) -> Iterator[Pair]:
        """`pairs(split)`, but each pair once, with the first of its splits. Raises SourceError as `pairs`."""
        last = None
        for pair in self.pairs(split):
            if pair.id != last:
                last = pair.id
                yield pair

    def read_bytes(self, name: str) -> bytes:
        """The whole file. Raises ImageError for an image that cannot be read, UnreadableError for others."""
        return self.storage.read_bytes(name)

    def read_head(self, name: str) -> bytes:
        """The first 64 KiB of a file, where an image nearly always has its header. Raises as `read_bytes`."""
        return self.storage.read_bytes(name, limit=HEAD)

    def read_header(self, name: str, *, head: bytes | None = None) -> Image:
        """The header of an image, however long it is. Raises ImageError.

        head   what `read_head` has given; more is read only for a header that it does not hold. An EXIF
               block behind the pixels, as PNG and WebP may have it, is then not seen
        """
        if head is not None:
            try:
                return image_headers.read_header(head, self.display(name))
            except ImageError:
                if len(head) < HEAD:
                    raise
        return image_headers.read_header_from(
            lambda limit: self.storage.read_bytes(name, limit), self.display(name)
        )

    @contextlib.contextmanager
    def reading_ahead(
        self, files: Iterable[tuple[str, int | None]], *, image_limit: int | None = None
    ) -> Iterator[Source]:
        """This source, with `files` fetched before they are read, if it is at a URL.

        files         (name, size or None) in the order in which they will be read; see `Pair.files`
        image_limit   of images only so many bytes are fetched
        """
        if not self.storage.is_far:
            yield self
            return
        from annotools.sources.prefetch import ReadAhead

        with ReadAhead(self.storage, files, image_limit=image_limit) as storage:
            source = copy.copy(self)
            source.storage, source._finder = storage, self._finder
            yield source
            self._finder, self._listed = source._finder, source._listed

    def size(self, name: str) -> int:
        """Bytes. Raises SourceError."""
        listed = self._listed.catalogue.file(name)
        return self.storage.size(name) if listed is None else listed[0]

    def fingerprint(self, name: str) -> str:
        """A short text that changes when the file changes. Raises SourceError."""
        listed = self._listed.catalogue.file(name)
        return self.storage.fingerprint(name) if listed is None else fingerprint_of(*listed)

    def display(self, name: str) -> str:
        """The name for messages: "data/a.xml", "data.zip!/a.xml"; on one line, whatever is in the name."""
        return self.storage.display(name)

    def issues(self) -> list[Issue]:
        """What is wrong with the source as a whole: stem-collision, annotation-missing,
        list-names-missing-image, split-overlap, outside-layout and archive-member-ignored."""
        catalogue = self.catalogue
        lone = catalogue.execute("SELECT image FROM named WHERE xml IS NULL ORDER BY number")
        missing = [
            Issue.of("annotation-missing", "the image has no annotation file", self.display(image))
            for (image,) in lone
            if image not in self._listed.rivals
        ]
        return [*self._listed.issues, *missing]

    def ambiguity(self, pair: Pair) -> Ambiguity | None:
        """Why an annotation has no image, where there are images of its name; else None."""
        return self._listed.ambiguous.get(pair.xml or "") if pair.image is None else None

    def image_named(self, pair: Pair, filename: str) -> str | None:
        """The name of an existing image other than the pair's that `filename` names, or None.

        Of `filename` the last part counts; case, Unicode normalisation and a missing extension do not. A
        folder before it counts unless it is one of some disk: "set_2/a.jpg" does not name "set_1/a.jpg".
        """
        filename = filename.replace("\\", "/").strip()
        base = base_of(filename)
        own = pair.image or ""
        own_base = own.rpartition("/")[2]
        is_own = bool(own) and fold(base) in (fold(own_base), fold(split_extension(own_base)[0]))
        if is_own and not _names_other_folder(filename, own):
            return None
        if self._finder is None or not self._finder.is_here:
            self._finder = ImageFinder(
                image
                for (image,) in self.catalogue.execute("SELECT image FROM named ORDER BY number")
                if image
            )
        found = self._finder.find(filename, near=own or pair.xml or "")
        if found is None or found == own:
            return None
        folder = folder_of(filename)
        if is_own and max(agreement(folder, found)) <= max(agreement(folder, own)):
            return None
        return found


def _names_other_folder(filename: str, image: str) -> bool:
    folder = folder_of(filename)
    parts = [part for part in folder.split("/") if part.strip(".")]
    return (
        bool(parts) and folder[0] != "/" and ":" not in folder and max(agreement(folder, image)) < len(parts)
    )


def open_source(
    path: str | os.PathLike[str],
    *,
    annotations: str | os.PathLike[str] | None = None,
    images: str | os.PathLike[str] | None = None,
) -> Source:
    """List a source. Only names are looked at, the split lists, and XML that no image has the stem of.

    path          a folder, an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz) or one .xml file; or the URL
                  of a folder or a .zip
    annotations, images   the folders that hold them, below `path` or anywhere; in an archive, below its root

    Raises SourceError when there is no such path, no annotation in it, or several data sets side by side.
    """
    name = local_path(whole_archive(os.fspath(path)))
    if is_url(name):
        from annotools.sources.remote import open_url

        return _open_inside(open_url(name), annotations, images)
    if not os.path.exists(name):
        raise SourceError("does not exist", path=name, expected="a folder, an archive or an .xml file")
    if os.path.isdir(name):
        return _open_folder(name, annotations, images)
    if name.lower().endswith(".xml"):
        return _open_file(name)
    from annotools.sources.archives import open_archive  # zipfile and tarfile would delay every other start

    return _open_inside(open_archive(name), annotations, images)


def _open_inside(
    storage: Storage, annotations: str | os.PathLike[str] | None, images: str | os.PathLike[str] | None
) -> Source:
    """A storage in which `annotations` and `images` are folders below its root."""
    limits = [None if limit is None else os.fspath(limit).strip("/") for limit in (annotations, images)]
    return _make_source(storage, Scan(storage.root, annotations=limits[0], images=limits[1]))


def _open_folder(
    path: str, annotations: str | os.PathLike[str] | None, images: str | os.PathLike[str] | None
) -> Source:
    if annotations is None and images is None:
        refuse_output(path)
        return _make_source(Folder(path), Scan(path))
    given = [_find_folder(path, annotations, "annotations"), _find_folder(path, images, "images")]
    top = os.path.abspath(path)
    common = os.path.commonpath([top, *given])
    folder = Folder(path if common == top else common)
    below = [os.path.relpath(one, common).replace(os.sep, "/") for one in (*given, top)]
    below = ["" if one == "." else one for one in below]
    starts = {
        one
        for one in below
        if not any(one != other and (not other or one.startswith(f"{other}/")) for other in below)
    }
    folders = tuple(f"{start}/" if start else "" for start in sorted(starts))
    return _make_source(folder, Scan(path, below[0], below[1], folders))


def _find_folder(path: str, given: str | os.PathLike[str] | None, field: str) -> str:
    if given is None:
        return os.path.abspath(path)
    for candidate in (os.path.join(path, given), os.fspath(given)):
        if os.path.isdir(candidate):
            return os.path.abspath(candidate)
    raise SourceError("there is no such folder", path=path, field=field, found=os.fspath(given))


def _open_file(path: str) -> Source:
    """One XML, with its image beside it or, for a file of an Annotations folder, in the folder of images."""
    parent, base = os.path.split(path)
    above, name = os.path.split(parent)
    if is_kind_folder(name):
        folder, xml = Folder(above), f"{name}/{base}"
        folders = [f"{name}/"] + [one for one in folder.entries("")[1] if is_image_folder(one[:-1])]
    else:
        folder, xml, folders = Folder(parent), base, [""]
    return _make_source(folder, Scan(path, only=(xml, *folders)))


def _make_source(storage: Storage, scan: Scan) -> Source:
    return Source(storage, scan, list_source(storage, scan))
