"""Which files of a source matter, judged by their names: annotations (.xml), images, and lists of splits.

Lists are the text files of an ImageSets or Main folder, and those that are named like a split. Hidden files,
the junk of macOS and Windows (`__MACOSX`, `._a.xml`, `Thumbs.db`) and mask folders (`SegmentationClass`, ...)
do not exist here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from annotools.sources.split_names import split_of_name

# Those that are only recognised, because TensorFlow reads no such format, are listed too: somebody who has
# a.xml and a.tif wants to hear that, not that there is no image.
_READABLE = ["jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "webp"]
_RECOGNISED = ["tif", "tiff", "heic", "heif", "avif", "jp2", "j2k", "jpx", "jxl", "tga"]
_RECOGNISED += ["ppm", "pgm", "pbm", "pnm"]
_IMAGES = frozenset(_READABLE + _RECOGNISED)
_LIST_FOLDERS = frozenset({"imagesets", "main"})
_MASK_FOLDER = re.compile(r"segmentation|.*visualization$", re.IGNORECASE)


def split_extension(name: str) -> tuple[str, str]:
    """('folder/a.b', 'jpg') for 'folder/a.b.JPG'; an extension that is neither xml nor an image is ''."""
    stem, dot, extension = name.rpartition(".")
    extension = extension.lower()
    if dot and (extension == "xml" or extension in _IMAGES):
        return stem, extension
    return name, ""


def is_image(name: str) -> bool:
    return split_extension(name)[1] in _IMAGES


def is_readable(name: str) -> bool:
    """Whether the name is that of a format which TensorFlow reads."""
    return split_extension(name)[1] in _READABLE


def matters(name: str) -> bool:
    """Whether a file of this name, relative to the root, is one that a source lists."""
    *folders, base = name.split("/")
    if base.startswith(".") or any(is_ignored_folder(folder) for folder in folders):
        return False
    kind = kind_of(base)
    return kind is not None and (kind != "txt" or is_list(base, folders))


def is_list(base: str, folders: Iterable[str]) -> bool:
    """Whether a text file in these folders, each in the next, may be a list of a split."""
    return any(folder.lower() in _LIST_FOLDERS for folder in folders) or split_of_name(base[:-4]) is not None


def is_ignored_folder(folder: str) -> bool:
    return folder.startswith(".") or folder == "__MACOSX" or bool(_MASK_FOLDER.match(folder))


def kind_of(base: str) -> str | None:
    """ "xml", "image" or "txt" by the extension of a file name, None for any other."""
    dot = base.rfind(".")
    if dot <= 0:
        return None
    extension = base[dot + 1 :]
    return _KINDS.get(extension) or _KINDS.get(extension.lower())


_KINDS = {"xml": "xml", "txt": "txt"} | dict.fromkeys(_IMAGES, "image")
