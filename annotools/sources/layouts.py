"""How a data set is laid out: which files are annotations, images and lists, judged by their names alone.

One rule covers the layouts in use. The location of a file is its folder without the parts that only say what
kind of file is in there (Annotations, JPEGImages, images, labels, ...). An annotation and an image belong
together when location and stem agree, so all of these are the same thing:

    a.xml a.jpg                            beside each other
    Annotations/a.xml  JPEGImages/a.jpg    VOC
    train/a.xml        train/a.jpg         Roboflow
    train/labels/a.xml train/images/a.jpg
    labels/train/a.xml images/train/a.jpg
    x/labels/a.xml     x/images/a.jpg      several folders of this kind; VOC trees are taken one at a time

A folder named like a split makes a split, unless the data set has lists. A plain name (train, valid,
val2017, ...) is the split, as the folder spells it; "training data", TestSet, val_images, and shelf_train
beside shelf_test, count as the split that they hold (split_names.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from annotools.errors import SourceError
from annotools.issues import Issue
from annotools.sources.split_names import folder_splits, is_split_name
from annotools.sources.storage import printable

_ANNOTATION_FOLDERS = frozenset({"annotations", "annotation", "annots", "labels", "label", "xmls", "xml"})
_IMAGE_FOLDERS = frozenset({"jpegimages", "pngimages", "images", "image", "imgs", "img"})
_VOC_FOLDERS = frozenset({"jpegimages", "imagesets"})  # VOC2007 beside VOC2012: their splits must not mix


Folders = dict[str, int]
"""How many files each folder has; folders are "" or "a/b/". All judging is done by folder, not by file."""

Locations = dict[str, str]
"""For each folder whose files belong to the data set, their location."""


@dataclass(slots=True)
class Names:
    """What a source has: the files of each kind by folder, and the names of its lists."""

    xmls: Folders = field(default_factory=dict)
    images: Folders = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Layout:
    """Where the files of one data set are.

    tree   the folder that holds Annotations and JPEGImages; "" is the root, None: there is no such folder
    """

    xmls: Locations
    images: Locations
    lists: list[str]
    tree: str | None = None
    issues: list[Issue] = field(default_factory=list)


def is_image_folder(folder: str) -> bool:
    """Whether a folder of this name holds images: JPEGImages, images, ..."""
    return folder.lower() in _IMAGE_FOLDERS


def is_kind_folder(folder: str) -> bool:
    """Whether a folder's name only says that annotations, or images, are in it."""
    return folder.lower() in _ANNOTATION_FOLDERS or is_image_folder(folder)


def split_of_location(location: str) -> str | None:
    """The first folder of a location that is named like a split."""
    return next((part for part in location.split("/") if is_split_name(part)), None)


def without_split(location: str) -> str:
    """The location without that folder."""
    split = split_of_location(location)
    return location if split is None else f"/{location}".replace(f"/{split}/", "/", 1)[1:]


def find_layout(
    names: Names, root: str, *, annotations: str | None = None, images: str | None = None
) -> Layout:
    """Judge the folders of a source. `annotations` and `images` are folders that limit where each is taken.

    Raises SourceError when there are no annotations, or when there are several VOC trees.
    """
    xml_folders, image_folders, lists = names.xmls, names.images, sorted(names.lists)
    issues: list[Issue] = []
    tree = None
    splits = folder_splits([*xml_folders, *image_folders])
    limits = tuple(f"{limit}/" for limit in (annotations, images) if limit)
    if annotations is not None or images is not None:
        lists = [one for one in lists if not _is_of_others(one, annotations, xml_folders)]
        xml_folders = {one: count for one, count in xml_folders.items() if _is_below(one, annotations)}
        image_folders = {one: count for one, count in image_folders.items() if _is_below(one, images)}
    else:
        tree = _only_tree(names, splits, root)
        if tree is not None:
            all_folders = xml_folders, image_folders
            xml_folders = _inside(xml_folders, tree, _ANNOTATION_FOLDERS)
            image_folders = _images_of(image_folders, tree)
            if not image_folders and names.images:
                # lists beside the annotations have made it a tree, and the images are elsewhere
                if others := names.xmls.keys() - xml_folders.keys():
                    raise several_data_sets(root, [*xml_folders, *others])
                image_folders = names.images
            issues += _left_outside(all_folders, (xml_folders, image_folders), tree, root)
    if not xml_folders:
        raise SourceError(
            "no annotation files were found",
            path=root,
            found=f"{_count(image_folders)} images and no .xml",
            expected="a VOC tree, or folders or an archive of .xml files and images",
        )
    base = f"{tree}/" if tree is not None else _common_folder(xml_folders, splits)
    xmls, images_of = (
        {folder: _location(folder, base, limits, splits) for folder in folders}
        for folders in (xml_folders, image_folders)
    )
    return Layout(xmls, images_of, lists, tree, issues)


_Splits = Mapping[str, tuple[str, ...]]
"""For each name of a folder that holds a split, what it stands for in a location."""


def _location(folder: str, base: str, limits: Iterable[str], splits: _Splits) -> str:
    """A folder counted from the limit it is under, else from `base`, without the parts that name a kind."""
    limit = max((limit for limit in limits if folder.startswith(limit)), key=len, default="")
    parts = _plain_parts(folder[len(limit) :], splits)
    above = [] if limit else _plain_parts(base, splits)
    if parts[: len(above)] == above:
        parts = parts[len(above) :]
    return "".join(f"{part}/" for part in parts)


def _plain_parts(folder: str, splits: _Splits) -> list[str]:
    parts = (part for part in folder.split("/") if part and not is_kind_folder(part))
    return [one for part in parts for one in splits.get(part, (part,))]


def _is_below(folder: str, above: str | None) -> bool:
    return not above or folder.startswith(f"{above}/")


def _trees(folders: Iterable[str], kinds: frozenset[str]) -> set[str]:
    """The folders that hold the outermost folder of a kind, for each folder that is in one."""
    trees: set[str] = set()
    for folder in folders:
        parts = folder.split("/")
        first = next((index for index, part in enumerate(parts) if part.lower() in kinds), None)
        if first is not None:
            trees.add("/".join(parts[:first]))
    return trees


def _only_tree(names: Names, splits: _Splits, root: str) -> str | None:
    """The folder with an annotation and an image folder in it, if there is one and it is no split."""
    partners = _trees(names.images, _IMAGE_FOLDERS) | _trees(names.lists, frozenset({"imagesets"}))
    trees = sorted(_trees(names.xmls, _ANNOTATION_FOLDERS) & partners)
    trees = [tree for tree in trees if not any(tree != top and _is_below(tree, top) for top in trees)]
    if all(tree.rpartition("/")[2] in splits for tree in trees):
        return None
    if len(trees) == 1:
        return trees[0]
    if not _trees([*names.images, *names.lists], _VOC_FOLDERS).isdisjoint(trees):
        raise several_data_sets(root, trees)
    return None  # parts of one: shelf1/images, shelf1/annotations, shelf2/images, ...


def several_data_sets(root: str, folders: Iterable[str]) -> SourceError:
    """The error of a source that is more than one; it names all of them."""
    tops = sorted({folder.rstrip("/") for folder in folders})
    tops = [one for one in tops if not any(one != other and _is_below(f"{one}/", other) for other in tops)]
    names = ", ".join(repr(printable(one) or ".") for one in tops)
    return SourceError(
        f"there are several data sets in it, or several annotations of the same images: {names}",
        path=root,
        expected="one of them: as the source, or by --annotations DIR --image-folder DIR; to train on all of "
        "them, convert each to an output of its own with the same --classes",
    )


def _is_of_others(name: str, annotations: str | None, xmls: Folders) -> bool:
    """Whether a list lies in a tree with annotations, and these are not the ones below `annotations`."""
    (tree,) = _trees([name], frozenset({"imagesets"})) or {""}
    if not tree or annotations is None or _is_below(f"{annotations}/", tree):
        return False
    return any(_is_below(folder, tree) for folder in xmls)


def _images_of(images: Folders, tree: str) -> Folders:
    """The folders of images of a tree; where none has a usual name, all in it (ImageNet has Data)."""
    return _inside(images, tree, _IMAGE_FOLDERS) or {
        folder: count for folder, count in images.items() if _is_below(folder, tree)
    }


def _inside(folders: Folders, tree: str, kinds: frozenset[str]) -> Folders:
    """The folders in a folder of a kind, right below the tree."""
    start = len(tree) + 1 if tree else 0
    return {
        folder: count
        for folder, count in folders.items()
        if _is_below(folder, tree) and folder[start:].partition("/")[0].lower() in kinds
    }


def _left_outside(
    found: tuple[Folders, Folders], kept: tuple[Folders, Folders], tree: str, root: str
) -> list[Issue]:
    xmls, images = (_count(one) - _count(other) for one, other in zip(found, kept, strict=True))
    if not xmls and not images:
        return []
    message = (
        f"{xmls} .xml and {images} images outside of the annotation and image folders"
        f" of {tree or 'the source'!r} are not part of the data set"
    )
    if not xmls:
        return [Issue("outside-layout", "info", message, root)]
    return [Issue.of("outside-layout", message, root)]


def _count(folders: Folders) -> int:
    return sum(folders.values())


def _common_folder(folders: Iterable[str], splits: _Splits) -> str:
    """The folder above all others, but not a split: the top folder of an archive, for example."""
    first, last = min(folders).split("/")[:-1], max(folders).split("/")[:-1]  # these differ the most
    common = []
    for one, other in zip(first, last, strict=False):
        if one != other or one in splits:
            break
        common.append(f"{one}/")
    return "".join(common)
