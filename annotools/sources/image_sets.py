"""The lists of a data set: which images belong to which split.

    train.txt             one name a line, with or without extension; also `a.jpg 1` (VoTT)
    aeroplane_train.txt   one list for each class: `name 1`, `name -1` (absent), `name 0` (only difficult)

Lists are looked for in ImageSets/Main or ImageSets, then in a folder Main, then beside the data (train.txt,
val_list.txt, ...). A list for a class names the images of its whole split, so together these lists name the
split; they count only where the plain list is missing. Where there is but one class, it has lists of its own
images, and those with -1 are left out. Byte order marks, CRLF, blank lines and `# comments` are allowed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Container, Iterable, Iterator

from annotools.files.text import decode, has_wide_mark
from annotools.records import record
from annotools.sources.split_names import is_split_name, split_of_name, split_order
from annotools.sources.storage import Storage

_FLAG = re.compile(r"\s+(?:-1|[01])$")


@record
class SplitList:
    """The files that together name the images of one split.

    lone_class   the class whose lists these are, where no other class has any
    is_implied   told by the name of the file alone: it is a list if what it says is in the data set
    """

    split: str
    files: tuple[str, ...]
    lone_class: str | None = None
    is_implied: bool = False

    def lines(self, storage: Storage) -> Iterator[tuple[str, int, str]]:
        """(file, line number from 1, line without the blanks around it) of each line that is not blank."""
        for file in self.files:
            for number, raw in enumerate(_lines_of(storage.read_bytes(file)), start=1):
                if line := raw.strip():
                    yield file, number, line


def _lines_of(data: bytes) -> Iterator[str]:
    if has_wide_mark(data):
        yield from decode(data, "replace").splitlines()
        return
    # line by line, so that a list is in memory once, as bytes
    for raw in io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")):
        yield raw.decode("utf-8", "surrogateescape")


def is_absent(line: str) -> bool:
    """Whether the flag behind a name says that the image has no object of the class."""
    return line.endswith("-1") and line != without_flag(line)


def without_flag(line: str) -> str:
    """`name` of `name 1`."""
    return _FLAG.sub("", line)


def find_lists(storage: Storage, names: Iterable[str], tree: str | None) -> list[SplitList]:
    """The lists of a tree (a folder, "" for the root), or the only ones of the source when it is None.

    Lists for classes are told from plain ones by their name, `<class>_<split>`, and by the flag in their
    first line; the split is one of the usual names, or has a list of its own. Lists for
    other tasks (Layout, Segmentation, Action) are not looked at.
    """
    by_place: dict[tuple[int, str], list[str]] = {}
    beside: list[str] = []
    for name in names:
        folder = name.rpartition("/")[0]
        rank, above = _place(folder)
        if rank == _BESIDE:
            if tree is None or _is_near(folder, tree):
                beside.append(name)
        elif tree is None or above == tree:
            by_place.setdefault((rank, above), []).append(name)
    for ranks in ((_IN_MAIN, _IN_IMAGE_SETS), (_IN_BARE_MAIN,)):
        aboves = {above for rank, above in by_place if rank in ranks}
        if aboves:
            if len(aboves) > 1:
                return []
            (above,) = aboves
            return _lists(storage, next(by_place[rank, above] for rank in ranks if (rank, above) in by_place))
    return _lists_beside(beside)


_IN_MAIN, _IN_IMAGE_SETS, _IN_BARE_MAIN, _BESIDE, _OF_ANOTHER_TASK = range(5)


def _place(folder: str) -> tuple[int, str]:
    """What kind of place for lists a folder is, and the folder above it."""
    parts = folder.split("/")
    lower = folder.lower().split("/")
    if lower[-1] == "main":
        is_inside = lower[-2:-1] == ["imagesets"]
        return (_IN_MAIN, "/".join(parts[:-2])) if is_inside else (_IN_BARE_MAIN, "/".join(parts[:-1]))
    if lower[-1] == "imagesets":
        return _IN_IMAGE_SETS, "/".join(parts[:-1])
    return (_OF_ANOTHER_TASK if "imagesets" in lower else _BESIDE), folder


def _is_near(folder: str, tree: str) -> bool:
    """Whether a folder is the tree, above it, or right in it."""
    return f"{tree}/".startswith(f"{folder}/" if folder else "") or folder.rpartition("/")[0] == tree


def _lists_beside(names: list[str]) -> list[SplitList]:
    """The outermost of the files that are named like a split, if no two of them are the same one."""
    depth = min((name.count("/") for name in names), default=0)
    by_split: dict[str, list[str]] = {}
    for name in names:
        split = split_of_name(_stem(name))
        if split is not None and name.count("/") == depth:
            by_split.setdefault(split, []).append(name)
    if any(len(files) > 1 for files in by_split.values()):
        return []
    lists = (SplitList(split, tuple(files), is_implied=True) for split, files in by_split.items())
    return sorted(lists, key=lambda split_list: split_order(split_list.split))


def _stem(name: str) -> str:
    return name.rpartition("/")[2][: -len(".txt")]


def _lists(storage: Storage, files: list[str]) -> list[SplitList]:
    plain: dict[str, str] = {}
    by_class: dict[str, list[str]] = {}
    stems = {_stem(file): file for file in sorted(files)}
    classes = set()
    for stem, file in stems.items():
        split = _split_of_class_list(stem, stems)
        if split is not None and _starts_with_flag(storage, file):
            by_class.setdefault(split, []).append(file)
            classes.add(stem[: -len(split) - 1])
        else:
            plain[stem] = file
    lone = next(iter(classes)) if len(classes) == 1 else None
    lists = [SplitList(split, (file,)) for split, file in plain.items()]
    lists += [SplitList(split, tuple(files), lone) for split, files in by_class.items() if split not in plain]
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
    head = decode(storage.read_bytes(file, limit=4096), "replace").strip()
    return not head or bool(_FLAG.search(head.split("\n")[0].strip()))
