"""The files of a source: found, told apart by their folders, and sorted by what pairs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from annotools.errors import SourceError
from annotools.sources.layouts import Layout, Names, find_layout
from annotools.sources.pairing import IMAGE, XML
from annotools.sources.spool import Sorter, Spool, encode
from annotools.sources.storage import Folder, Storage, is_image, kind_of


@dataclass(frozen=True, slots=True)
class Scope:
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


def list_files(storage: Storage, scope: Scope) -> tuple[Layout, Sorter]:
    """The layout of the data set and its files as `pair_files` takes them.

    Raises SourceError when there are no annotations, when there are several data sets, or when a folder of
    the scope does not exist.
    """
    names = Names()
    listed = Spool(_sorted_out(_names(storage, scope), names))
    for field, limit in (("annotations", scope.annotations), ("images", scope.images)):
        found = (*names.xmls, *names.images, *names.lists)
        if limit and not scope.starts and not any(one.startswith(f"{limit}/") for one in found):
            raise SourceError("there is no such folder in it", path=storage.root, field=field, found=limit)
    layout = find_layout(names, scope.root, annotations=scope.annotations, images=scope.images)
    return layout, Sorter(_keyed(listed, layout))


def _names(storage: Storage, scope: Scope) -> Iterator[str]:
    if scope.only:
        assert isinstance(storage, Folder)
        xml, *folders = scope.only
        yield xml
        for folder in folders:
            yield from filter(is_image, storage.entries(folder)[0])
    elif scope.starts:
        assert isinstance(storage, Folder)
        yield from storage.walk(scope.starts)
    else:
        yield from storage.walk()


def _sorted_out(found: Iterable[str], names: Names) -> Iterator[bytes]:
    """The annotations and images among the names, each with its kind before it, while folders are counted."""
    xmls, images = names.xmls, names.images
    for name in found:
        kind = kind_of(name)
        if kind == "txt":
            names.lists.append(name)
            continue
        mark, folders = ("x", xmls) if kind == "xml" else ("y", images)
        folder = name[: name.rfind("/") + 1]
        folders[folder] = folders.get(folder, 0) + 1
        yield (mark + name).encode("utf-8", "surrogatepass")


def _keyed(listed: Iterable[bytes], layout: Layout) -> Iterator[bytes]:
    """The files of the data set as `pair_files` takes them."""
    places = {
        kind + encode(folder): encode(place)
        for kind, folders in ((XML, layout.xmls), (IMAGE, layout.images))
        for folder, place in folders.items()
    }
    for name in listed:
        start = name.rfind(b"/") + 1 or 1
        place = places.get(name[:start])
        if place is not None:
            yield b"%b%b\0%b" % (place, name[start : name.rindex(b".")], name)
