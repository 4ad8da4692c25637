"""How a data set is laid out: which files are annotations, images and lists, judged by their names alone.

One rule covers the layouts in use. The place of a file is its folder without the parts that only say what
kind of file is in there (Annotations, JPEGImages, images, labels, ...). An annotation and an image belong
together when place and stem agree, so all of these are the same thing:

    a.xml a.jpg                            beside each other
    Annotations/a.xml  JPEGImages/a.jpg    VOC
    train/a.xml        train/a.jpg         Roboflow
    train/labels/a.xml train/images/a.jpg
    labels/train/a.xml images/train/a.jpg

A folder named like a split (train, valid, test, ...) makes a split of that name, as the folder spells it,
unless the data set has ImageSets lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from annotools.errors import SourceError
from annotools.image_sets import is_split_name
from annotools.issues import Issue
from annotools.storage import IMAGE_RANKS, split_extension

_ANNOTATION_FOLDERS = frozenset({"annotations", "annotation", "annots", "labels", "label", "xmls", "xml"})
_IMAGE_FOLDERS = frozenset({"jpegimages", "pngimages", "images", "image", "imgs", "img"})


@dataclass(slots=True)
class Layout:
    """The files of one data set, each list sorted.

    tree     the folder that holds Annotations and JPEGImages; "" is the root, None: there is no such folder
    base     the folder that holds everything, from which places count
    limits   the folders that the caller named for annotations and images
    """

    xmls: list[str]
    images: list[str]
    lists: list[str]
    tree: str | None = None
    base: str = ""
    limits: tuple[str, ...] = ()
    issues: list[Issue] = field(default_factory=list)
    _places: dict[str, str] = field(default_factory=dict)

    def place(self, name: str) -> str:
        """Where a file belongs: its folder below the base without the folders of a kind, "" or "a/b/"."""
        folder = name[: name.rfind("/") + 1]
        place = self._places.get(folder)
        if place is None:
            limit = max((limit for limit in self.limits if _is_below(folder, limit)), key=len, default="")
            parts = _plain_parts(folder[len(limit) :])
            above = [] if limit else _plain_parts(self.base)
            if parts[: len(above)] == above:
                parts = parts[len(above) :]
            place = self._places[folder] = "".join(f"{part}/" for part in parts)
        return place


def _plain_parts(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part and not is_kind_folder(part)]


def is_image_folder(folder: str) -> bool:
    """Whether a folder of this name holds images: JPEGImages, images, ..."""
    return folder.lower() in _IMAGE_FOLDERS


def is_kind_folder(folder: str) -> bool:
    """Whether a folder's name only says that annotations, or images, are in it."""
    return folder.lower() in _ANNOTATION_FOLDERS or is_image_folder(folder)


def split_of_place(place: str) -> str | None:
    """The first folder of a place that is named like a split."""
    return next((part for part in place.split("/") if is_split_name(part)), None)


def without_split(place: str) -> str:
    """The place without that folder."""
    split = split_of_place(place)
    return place if split is None else f"/{place}".replace(f"/{split}/", "/", 1)[1:]


def find_layout(
    names: Iterable[str], root: str, *, annotations: str | None = None, images: str | None = None
) -> Layout:
    """Sort the files of a source. `annotations` and `images` are folder names that limit where each is taken.

    Raises SourceError when there are no annotations, or when there are several VOC trees.
    """
    all_xmls: list[str] = []
    all_images: list[str] = []
    lists: list[str] = []
    for name in names:
        extension = split_extension(name)[1]
        (all_xmls if extension == "xml" else all_images if extension in IMAGE_RANKS else lists).append(name)
    layout = Layout(all_xmls, all_images, lists)
    if annotations is not None or images is not None:
        layout.xmls = [name for name in all_xmls if _is_below(name, annotations)]
        layout.images = [name for name in all_images if _is_below(name, images)]
        layout.limits = tuple(folder for folder in (annotations, images) if folder)
    else:
        layout.tree = _only_tree(all_xmls, all_images, lists, root)
        if layout.tree is not None:
            _keep_tree(layout, layout.tree, root)
    if not layout.xmls:
        raise SourceError(
            "no annotation files were found",
            path=root,
            found=f"{len(layout.images)} images and no .xml",
            expected="a VOC tree, or folders or an archive of .xml files and images",
        )
    layout.base = layout.tree if layout.tree is not None else _common_folder(layout.xmls)
    return layout


def _is_below(name: str, folder: str | None) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _trees(names: Iterable[str], kinds: frozenset[str]) -> set[str]:
    """The folders that hold the outermost folder of a kind, for each file that lies in one."""
    trees: set[str] = set()
    for folder in {name.rpartition("/")[0] for name in names}:
        parts = folder.split("/")
        first = next((index for index, part in enumerate(parts) if part.lower() in kinds), None)
        if first is not None:
            trees.add("/".join(parts[:first]))
    return trees


def _only_tree(xmls: list[str], images: list[str], lists: list[str], root: str) -> str | None:
    """The folder with an annotation and an image folder in it, if there is one and it is no split."""
    partners = _trees(images, _IMAGE_FOLDERS) | _trees(lists, frozenset({"imagesets"}))
    trees = sorted(_trees(xmls, _ANNOTATION_FOLDERS) & partners)
    trees = [tree for tree in trees if not any(tree != top and _is_below(tree, top) for top in trees)]
    if all(is_split_name(tree.rpartition("/")[2]) for tree in trees):
        return None
    if len(trees) > 1:
        raise SourceError(
            "there are several data sets in it",
            path=root,
            found=", ".join(trees),
            expected="one of them as the source",
        )
    return trees[0]


def _keep_tree(layout: Layout, tree: str, root: str) -> None:
    """Take annotations from the annotation folders of the tree and images from its image folders, only."""

    def inside(name: str, kinds: frozenset[str]) -> bool:
        if not _is_below(name, tree):
            return False
        folder = name[len(tree) + 1 if tree else 0 :].rpartition("/")[0].partition("/")[0]
        return folder.lower() in kinds

    kept_xmls = [name for name in layout.xmls if inside(name, _ANNOTATION_FOLDERS)]
    kept_images = [name for name in layout.images if inside(name, _IMAGE_FOLDERS)]
    xmls, images = len(layout.xmls) - len(kept_xmls), len(layout.images) - len(kept_images)
    if xmls or images:
        layout.issues.append(
            Issue(
                "outside-layout",
                "warning" if xmls else "info",
                f"{xmls} .xml and {images} images outside of the annotation and image folders"
                f" of {tree or 'the source'!r} are not part of the data set",
                root,
            )
        )
    layout.xmls, layout.images = kept_xmls, kept_images


def _common_folder(xmls: list[str]) -> str:
    """The folder above all annotations, but not a split folder: the top folder of an archive, for example."""
    first, last = xmls[0].split("/")[:-1], xmls[-1].split("/")[:-1]  # sorted, so these differ the most
    common = []
    for one, other in zip(first, last, strict=False):
        if one != other or is_split_name(one):
            break
        common.append(one)
    return "/".join(common)
