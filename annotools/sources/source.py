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
from dataclasses import dataclass
from typing import Any

from annotools.errors import ImageError, SourceError, UnavailableError
from annotools.files.urls import is_url, local_path, whole_archive
from annotools.formats import voc
from annotools.images import header as image_headers
from annotools.issues import Issue
from annotools.records import Image
from annotools.sources.image_sets import default_splits, find_lists
from annotools.sources.layouts import is_image_folder, is_kind_folder
from annotools.sources.listing import Listing, assign_by_folder, make_listing
from annotools.sources.pairing import ImageFinder, base_of, fold, pair_files
from annotools.sources.scan import Scope, list_files
from annotools.sources.storage import HEAD, Folder, Storage, split_extension


@dataclass(frozen=True, slots=True)
class Pair:
    """An annotation file and its image. `xml` or `image` is None where the source has only the other.

    id      unique in the source, the same in every run, without extension: "BloodImage_00001", "shelf/a"
    xml, image   names for `Source.read_bytes`
    split   the split that this pair was listed for, None: in no split, or the source has none
    """

    id: str
    xml: str | None
    image: str | None
    split: str | None = None


class Source:
    """An opened source; picklable, and small: the listing of many images is in a temporary file.

    A copy in another process of this machine reads the same file while this process lives; anywhere else it
    lists the source anew, and only if `pairs`, `issues` or `image_named` is called there.

    root     the path, for messages
    splits   the names of its splits in order, empty when it has none. A trainval list beside train and val is
             their union and not among them, but `pairs("trainval")` works.
    """

    def __init__(
        self,
        storage: Storage,
        listing: Listing,
        *,
        scope: Scope,
        splits: tuple[str, ...] = (),
        issues: tuple[Issue, ...] = (),
        rivals: frozenset[str] = frozenset(),
    ) -> None:
        self.root = storage.root
        self.splits = splits
        self.storage = storage
        self._scope = scope
        self._listing = listing
        self._issues = issues
        self._rivals = rivals
        self._finder: ImageFinder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_finder": None}

    def _rows(self) -> Listing:
        if self._listing.rows.is_lost():
            self._listing = _make_source(self.storage, self._scope)._listing
        return self._listing

    def __len__(self) -> int:
        """How many pairs there are, each counted once."""
        return len(self._listing)

    def pairs(self, split: str | None = None) -> Iterator[Pair]:
        """The pairs of one split, or of the whole source, sorted by id and made one by one.

        Without `split` a pair that several splits list comes once for each, and one that none lists comes
        with split None. Raises SourceError for a split that does not exist.
        """
        known = set(self.splits).union(*self._listing.combinations)
        if split is not None and split not in known:
            raise SourceError(
                "the source has no such split",
                path=self.root,
                field="split",
                found=split,
                expected=", ".join(self.splits) or "None: this source has no splits",
            )
        return self._pairs(split)

    def _pairs(self, split: str | None) -> Iterator[Pair]:
        rows = self._rows()
        ways: dict[tuple[str, ...], tuple[str | None, ...]] = {}  # for each combination of splits
        for combination in rows.combinations:
            if split is None:
                ways[combination] = tuple(one for one in self.splits if one in combination) or (None,)
            else:
                ways[combination] = (split,) if split in combination else ()
        for name, xml, image, splits in rows:
            for one in ways[splits]:
                yield Pair(name, xml, image, one)

    def read_bytes(self, name: str) -> bytes:
        """The whole file. Raises ImageError for an image that cannot be read, SourceError for any other."""
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
    def reading_ahead(self, names: Iterable[str], *, image_limit: int | None = None) -> Iterator[Source]:
        """This source, with the files `names` fetched before they are read, if it is at a URL.

        names         in the order in which they will be read
        image_limit   of images only so many bytes are fetched
        """
        if not getattr(self.storage, "far", False):
            yield self
            return
        from annotools.sources.prefetch import ReadAhead

        with ReadAhead(self.storage, names, image_limit=image_limit) as storage:
            source = copy.copy(self)
            source.storage, source._finder = storage, self._finder
            yield source
            self._finder = source._finder

    def size(self, name: str) -> int:
        """Bytes. Raises SourceError."""
        return self.storage.size(name)

    def stamp(self, name: str) -> str:
        """A short text that changes when the file changes. Raises SourceError."""
        return self.storage.stamp(name)

    def display(self, name: str) -> str:
        """The name for messages: "data/a.xml", "data.zip!/a.xml"; on one line, whatever is in the name."""
        return self.storage.display(name)

    def issues(self) -> list[Issue]:
        """What is wrong with the source as a whole: stem-collision, annotation-missing,
        list-names-missing-image, split-overlap, outside-layout and archive-member-ignored."""
        missing = [
            Issue("annotation-missing", "warning", "the image has no annotation file", self.display(image))
            for _, xml, image, _ in self._rows()
            if xml is None and image is not None and image not in self._rivals
        ]
        return [*self._issues, *missing]

    def image_named(self, pair: Pair, filename: str) -> str | None:
        """The name of an existing image other than the pair's that `filename` names, or None.

        Only the last part of `filename` counts; case, Unicode normalisation and a missing extension do not.
        """
        base = base_of(filename)
        if pair.image is not None:
            own = pair.image.rpartition("/")[2]
            if base == own or fold(base) in (fold(own), fold(split_extension(own)[0])):
                return None
        if self._finder is None:
            self._finder = ImageFinder(image for _, _, image, _ in self._rows() if image)
        found = self._finder.find(base, near=pair.image or pair.xml or "")
        return None if found == pair.image else found


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
    return _make_source(storage, Scope(storage.root, annotations=limits[0], images=limits[1]))


def _open_folder(
    path: str, annotations: str | os.PathLike[str] | None, images: str | os.PathLike[str] | None
) -> Source:
    if annotations is None and images is None:
        return _make_source(Folder(path), Scope(path))
    places = [_find_folder(path, annotations, "annotations"), _find_folder(path, images, "images")]
    top = os.path.abspath(path)
    common = os.path.commonpath([top, *places])
    folder = Folder(path if common == top else common)
    below = [os.path.relpath(place, common).replace(os.sep, "/") for place in (*places, top)]
    below = ["" if place == "." else place for place in below]
    starts = {
        place
        for place in below
        if not any(place != other and (not other or place.startswith(f"{other}/")) for other in below)
    }
    folders = tuple(f"{start}/" if start else "" for start in sorted(starts))
    return _make_source(folder, Scope(path, below[0], below[1], folders))


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
    return _make_source(folder, Scope(path, only=(xml, *folders)))


def _make_source(storage: Storage, scope: Scope) -> Source:
    layout, files = list_files(storage, scope)
    pairing = pair_files(
        files, lambda name: _read_filename(storage, name), storage.display, lone_images=not scope.only
    )
    del files
    lists = find_lists(storage, layout.lists, layout.tree)
    if lists:
        from annotools.sources.split_lists import assign_by_lists

        assigned = assign_by_lists(pairing.rows, lists, default_splits(lists), storage)
    else:
        assigned = assign_by_folder(pairing.rows)
    listing = make_listing(assigned)
    of_layout = () if scope.only else layout.issues  # of the files around a single one nobody asked
    return Source(
        storage,
        listing,
        scope=scope,
        splits=assigned.names,
        issues=(*storage.issues(), *of_layout, *pairing.issues, *assigned.issues),
        rivals=frozenset(pairing.rivals),
    )


def _read_filename(storage: Storage, name: str) -> str | None:
    try:
        data = storage.read_bytes(name)
    except UnavailableError:
        raise
    except SourceError:
        return None  # whoever reads the annotation reports it
    annotation, _ = voc.inspect(data, name)
    return None if annotation is None else annotation.filename
