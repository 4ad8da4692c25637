"""The lists of an ImageSets folder: which images belong to which split.

    train.txt             one name a line, with or without extension; also `a.jpg 1` (VoTT)
    aeroplane_train.txt   one list for each class: `name 1`, `name -1` (absent), `name 0` (only difficult)

A list for a class names the images of its whole split, so together these lists name the split; they count
only where the plain list is missing. Byte order marks, CRLF, blank lines and `# comments` are allowed.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Container, Iterable, Iterator

from annotools.records import record
from annotools.sources.storage import Storage

_SPLIT_NAMES = ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "trainval"]
_SPLIT = re.compile(rf"({'|'.join(_SPLIT_NAMES)})(\d{{4}})?", re.IGNORECASE)
_FLAG = re.compile(r"\s+(?:-1|[01])$")


@record
class SplitList:
    """The files that together name the images of one split."""

    split: str
    files: tuple[str, ...]

    def lines(self, storage: Storage) -> Iterator[tuple[str, int, str]]:
        """(file, line number from 1, line without the blanks around it) of each line that is not blank."""
        for file in self.files:
            # line by line, so that a list is in memory once, as bytes
            lines = io.BytesIO(storage.read_bytes(file).removeprefix(codecs.BOM_UTF8))
            for number, raw in enumerate(lines, start=1):
                if line := raw.decode("utf-8", "surrogateescape").strip():
                    yield file, number, line


def is_split_name(name: str) -> bool:
    """Whether a folder of this name is a split: train, valid, test, ..., also with a year (train2017)."""
    return bool(_SPLIT.fullmatch(name))


def split_order(split: str) -> tuple[int, str]:
    """Sort key: train before val before test, others behind them by name."""
    match = _SPLIT.fullmatch(split)
    rank = _SPLIT_NAMES.index(match[1].lower()) if match else len(_SPLIT_NAMES)
    return rank, split


def without_flag(line: str) -> str:
    """`name` of `name 1`."""
    return _FLAG.sub("", line)


def find_lists(storage: Storage, names: Iterable[str], tree: str | None) -> list[SplitList]:
    """The lists of a tree (a folder, "" for the root), or of the only ImageSets folder when it is None.

    Lists for classes are told from plain ones by their name, `<class>_<split>`, and by the flag in their
    first line; the split is one of the usual names, or has a list of its own. Lists for
    other tasks (Layout, Segmentation, Action) are not looked at.
    """
    by_folder: dict[tuple[str, bool], list[str]] = {}
    for name in names:
        folder, _, _ = name.rpartition("/")
        parts = folder.lower().split("/")
        in_main = parts[-1] == "main"
        if parts[-2 if in_main else -1 :][0] == "imagesets":
            depth = 2 if in_main else 1
            above = "/".join(folder.split("/")[:-depth])
            if tree is None or above == tree:
                by_folder.setdefault((above, in_main), []).append(name)
    if len({above for above, _ in by_folder}) != 1:
        return []
    (above,) = {above for above, _ in by_folder}
    return _lists(storage, by_folder.get((above, True)) or by_folder[above, False])


def _lists(storage: Storage, files: list[str]) -> list[SplitList]:
    plain: dict[str, str] = {}
    by_class: dict[str, list[str]] = {}
    stems = {file.rpartition("/")[2][: -len(".txt")]: file for file in sorted(files)}
    for stem, file in stems.items():
        split = _split_of_class_list(stem, stems)
        if split is not None and _starts_with_flag(storage, file):
            by_class.setdefault(split, []).append(file)
        else:
            plain[stem] = file
    lists = [SplitList(split, (file,)) for split, file in plain.items()]
    lists += [SplitList(split, tuple(files)) for split, files in by_class.items() if split not in plain]
    return sorted(lists, key=lambda split_list: split_order(split_list.split))


def _split_of_class_list(stem: str, stems: Container[str]) -> str | None:
    """The split in `<class>_<split>`: a usual name, or that of another list (CVAT: cat_default, default)."""
    parts = stem.split("_")
    for start in range(len(parts) - 1, 0, -1):
        split = "_".join(parts[start:])
        if is_split_name(split) or split in stems:
            return split
    return None


def _starts_with_flag(storage: Storage, file: str) -> bool:
    # A name and a flag are short; a class may also have an empty list.
    head = storage.read_bytes(file, limit=4096).decode("utf-8-sig", "surrogateescape").strip()
    return not head or bool(_FLAG.search(head.split("\n")[0].strip()))


def default_splits(lists: Iterable[SplitList]) -> tuple[str, ...]:
    """The splits of the lists, without trainval where it is the union of two others."""
    names = [split_list.split for split_list in lists]
    if "train" in names and "val" in names:
        names = [name for name in names if name != "trainval"]
    return tuple(names)
