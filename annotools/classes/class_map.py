"""ClassMap: which classes there are, in which order, with which ids.

    labels.txt     one name a line, ids 1, 2, 3, ...
    labels.json    ["cup", "pen"], {"cup": 1, "pen": 2}, COCO's [{"id": 1, "name": "cup"}, ...],
                   or any of these under "classes" or "categories"
    labels.pbtxt   the label map of the TF Object Detection API
    labelmap.txt   CVAT's `name:r,g,b:parts:actions`; also `0 cup`, numbers before names
    data.yaml      the `names` of YOLO

Ids start at 1, for 0 is the background. They may have gaps; `index` gives the position without gaps, from 0.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from annotools.classes import label_map, spelling
from annotools.classes.entry import Entry
from annotools.errors import ClassMapError, OptionError, OutputError, UnknownClassError, shorten
from annotools.options import check_type

MAX_ID = 2**31 - 1  # StringIntLabelMapItem.id is an int32
SHOWN_NAMES = 10


class ClassMap:
    """Class names and their ids, in id order. Immutable and hashable; equal maps give equal files.

    A label map may give a class a `display_name` beside its name (in COCO's map the name is a key such as
    "/m/01g317" and the display name "person"). `names` are the names; look-ups accept either.

    Names are not empty, have no blanks at either end and are unique, as are ids and display names;
    anything else is a ClassMapError.
    """

    __slots__ = ("_by_name", "_entries", "_ids")
    _entries: tuple[tuple[int, str, str | None], ...]
    _ids: Mapping[str, int]
    _by_name: dict[str, tuple[int, int]]  # name or display name -> (id, index)

    def __init__(
        self, ids: Mapping[str, int] | Sequence[str], display_names: Mapping[str, str] | None = None
    ) -> None:
        """`ids` by name; of a list of names the first gets 1. Raises ClassMapError, OptionError."""
        check_type("ids", ids, "Mapping[str, int] | Sequence[str]")
        check_type("display_names", display_names, "Mapping[str, str] | None")
        if not isinstance(ids, Mapping):
            ids = {entry.name: entry.id for entry in _numbered(ids)}
        shown = display_names or {}
        stray = [name for name in shown if name not in ids]
        if stray:
            raise ClassMapError("a display name for a class that is not in the map", found=stray[0])
        self._fill((Entry(id, name, shown.get(name)) for name, id in ids.items()), None)

    def _fill(self, entries: Iterable[Entry], path: str | None) -> None:
        ordered: list[tuple[int, str, str | None]] = []
        owners: dict[str | int, str] = {}
        for entry in entries:
            _check_name(entry.name, path, entry.line)
            if entry.display_name is not None:
                _check_name(entry.display_name, path, entry.line)
            _check_id(entry, path)
            for key in dict.fromkeys((entry.id, entry.name, entry.display_name)):
                if key is None:
                    continue
                if key in owners:
                    what = f"id {key}" if isinstance(key, int) else shorten(key)
                    raise ClassMapError(
                        f"{what} is given twice, to {shorten(owners[key])} and to {shorten(entry.name)}",
                        path=path,
                        line=entry.line,
                    )
                owners[key] = entry.name
            ordered.append((entry.id, entry.name, entry.display_name))
        ordered.sort()
        by_name = {}
        for index, (id, name, display_name) in enumerate(ordered):
            by_name[name] = id, index
            if display_name is not None:
                by_name[display_name] = id, index
        object.__setattr__(self, "_entries", tuple(ordered))
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_ids", MappingProxyType({name: id for id, name, _ in ordered}))

    @classmethod
    def _from_entries(cls, entries: Iterable[Entry], path: str | None) -> ClassMap:
        self = cls.__new__(cls)
        self._fill(entries, path)
        return self

    @classmethod
    def from_names(cls, names: Iterable[str]) -> ClassMap:
        """Ids 1, 2, 3, ... in the given order."""
        if isinstance(names, str):
            raise OptionError("a list of names is needed", field="names", found=names, expected="['cup']")
        check_type("names", names, "Iterable[str]")
        return cls._from_entries(_numbered(names), None)

    @classmethod
    def of(cls, classes: ClassMap | str | os.PathLike[str] | Sequence[str] | Mapping[str, int]) -> ClassMap:
        """A class map as it is, or of a class file, of names in order, of ids by name."""
        if isinstance(classes, ClassMap):
            return classes
        if isinstance(classes, str | os.PathLike):
            return cls.from_file(classes)
        return cls(classes) if isinstance(classes, Mapping) else cls.from_names(classes)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> ClassMap:
        """Read a .txt, .json, .pbtxt or .yaml file; with another extension the content tells which it is.

        UTF-8, or UTF-16 with a byte order mark. Lists that count from 0 get ids from 1, in their order.
        Raises ClassMapError with path and line, SourceError when the file cannot be read. Id 0 is refused
        unless it is that of 'background', which is left out then: it is no class.
        """
        from annotools.classes import class_files  # many maps are made of names only

        check_type("path", path, "str | os.PathLike[str]")
        where = os.fspath(path)
        return cls._from_entries(class_files.read(where), where)

    @property
    def names(self) -> tuple[str, ...]:
        """The class names, in id order."""
        return tuple(name for _, name, _ in self._entries)

    @property
    def ids(self) -> Mapping[str, int]:
        """Name -> id, in id order, without the display names."""
        return self._ids

    @property
    def display_names(self) -> Mapping[str, str]:
        """Name -> display name, for the classes that have one."""
        return MappingProxyType({name: shown for _, name, shown in self._entries if shown is not None})

    def id(self, name: str, *, path: str | None = None, line: int | None = None) -> int:
        """The label-map id of a class, from 1.

        An unknown name raises UnknownClassError, which carries the `path` and `line` where it was found and
        suggests the class that was probably meant.
        """
        return self._find(name, path, line)[0]

    def index(self, name: str, *, path: str | None = None, line: int | None = None) -> int:
        """The position of a class in id order, from 0 and without gaps; errors as for `id`."""
        return self._find(name, path, line)[1]

    def _find(self, name: str, path: str | None, line: int | None) -> tuple[int, int]:
        check_type("name", name, "str")
        found = self._by_name.get(name)
        if found is None:
            suggestion = self.suggest(name)
            hint = "" if suggestion is None else f", did you mean {suggestion!r}?"
            shown = ", ".join(map(repr, self.names[:SHOWN_NAMES]))
            more = f", ... ({len(self)} classes)" if len(self) > SHOWN_NAMES else ""
            raise UnknownClassError(
                f"unknown class{hint}",
                suggestion=suggestion,
                path=path,
                line=line,
                field="name",
                found=name,
                expected=f"one of {shown}{more}" if self.names else "nothing, for the class map is empty",
            )
        return found

    def suggest(self, name: str) -> str | None:
        """The name or display name that `name` was probably meant to be (see spelling.py), or None."""
        return spelling.nearest(name, self._by_name)

    def to_txt(self) -> str:
        """One name a line in id order. Gaps between the ids are not kept: line 1 is position 0.

        Raises ClassMapError for a name that a line cannot hold.
        """
        for name in self.names:
            if re.search(r"[\r\n]", name) or name.startswith("\ufeff"):
                raise ClassMapError("a text file has one name a line", found=name, expected=".json or .pbtxt")
        return "".join(f"{name}\n" for name in self.names)

    def to_json(self) -> str:
        """`{name: id}`, or a list of `{"id", "name", "display_name"}` when there are display names."""
        content: object = dict(self.ids)
        if self.display_names:
            content = [
                {"id": id, "name": name} | ({} if shown is None else {"display_name": shown})
                for id, name, shown in self._entries
            ]
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"

    def to_pbtxt(self) -> str:
        """A label map for the TF Object Detection API."""
        return label_map.write(self._entries)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .txt, .json or .pbtxt file in UTF-8, by the extension; what is read back is equal.

        A .txt cannot hold gaps between ids or display names: ClassMapError.
        """
        check_type("path", path, "str | os.PathLike[str]")
        extension = Path(path).suffix.lower()
        writers = {".txt": self.to_txt, ".json": self.to_json, ".pbtxt": self.to_pbtxt}
        if extension not in writers:
            raise ClassMapError(
                "no class file has this extension",
                path=os.fspath(path),
                found=extension,
                expected=", ".join(writers),
            )
        if extension == ".txt" and self != ClassMap.from_names(self.names):
            raise ClassMapError(
                "a text file holds names only, not ids with gaps or display names",
                path=os.fspath(path),
                expected=".json or .pbtxt",
            )
        text = writers[extension]()
        try:
            Path(path).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}", path=os.fspath(path)) from error

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __eq__(self, other: object) -> bool:
        return self._entries == other._entries if isinstance(other, ClassMap) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._entries)

    def __repr__(self) -> str:
        shown = f", {dict(self.display_names)!r}" if self.display_names else ""
        return f"ClassMap({dict(self.ids)!r}{shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ClassMap, (dict(self.ids), dict(self.display_names))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a ClassMap cannot be changed: {name}")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)


def _numbered(names: Iterable[str]) -> list[Entry]:
    return [Entry(id, name) for id, name in enumerate(names, start=1)]


def _check_name(name: object, path: str | None, line: int | None) -> None:
    if not isinstance(name, str):
        raise ClassMapError("a class name is not text", path=path, line=line, found=name)
    if not name or name != name.strip():
        what = "a class name has blanks at an end" if name.strip() else "an empty class name"
        raise ClassMapError(what, path=path, line=line, found=name)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ClassMapError("a class name that UTF-8 cannot hold", path=path, line=line, found=name) from None


def _check_id(entry: Entry, path: str | None) -> None:
    # bool is an int to Python, and {"cup": true} in a JSON file is a mistake.
    if not isinstance(entry.id, int) or isinstance(entry.id, bool) or not 1 <= entry.id <= MAX_ID:
        raise ClassMapError(
            f"the id of {shorten(entry.name)} is not a class id",
            path=path,
            line=entry.line,
            found=entry.id,
            expected=f"an integer from 1 (0 is the background) to {MAX_ID}",
        )
