"""What a class file says, in any of its formats, before a ClassMap checks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from annotools.classes import label_map
from annotools.errors import ClassMapError, SourceError, shorten

BACKGROUND = "background"


class Entry(NamedTuple):
    """One class as a caller or a file gives it, not checked yet."""

    id: Any
    name: Any
    display_name: Any = None
    line: int | None = None


def read(path: str) -> list[Entry]:
    """The classes of a .txt, .json or .pbtxt file; with another extension the content tells which it is.

    ClassMapError with path and line for a malformed file, SourceError for one that cannot be read.
    """
    text = _read_text(path)
    extension = Path(path).suffix.lower()
    if extension not in (".txt", ".json", ".pbtxt"):
        extension = _sniff(text)
    if extension == ".pbtxt":
        return _label_map_entries(text, path)
    if extension == ".json":
        return _json_entries(_parse_json(text, path), path)
    return _text_entries(text, path)


def _sniff(text: str) -> str:
    if label_map.looks_like_label_map(text):
        return ".pbtxt"
    return ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"


def _read_text(path: str) -> str:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read the class file: {error.strerror}", path=path) from error
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what Notepad calls "Unicode"
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = None if utf16 else data.count(b"\n", 0, error.start) + 1
        raise ClassMapError("not UTF-8", path=path, line=line, found=data[error.start : error.end]) from None


def _text_entries(text: str, path: str) -> list[Entry]:
    # Not splitlines: that would also split at U+2028, U+0085 and form feeds.
    names = text.replace("\r\n", "\n").split("\n")
    while names and not names[-1].strip():
        names.pop()
    if not names:
        raise ClassMapError("no class names", path=path)
    for line, name in enumerate(names, start=1):
        if not name.strip():
            raise ClassMapError("a blank line between class names", path=path, line=line)
    return [Entry(line, name, line=line) for line, name in enumerate(names, start=1)]


def _parse_json(text: str, path: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json keeps the last of two equal keys, so that a class would be lost silently.
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise ClassMapError(f"{shorten(key)} is given twice", path=path)
            content[key] = value
        return content

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ClassMapError(f"malformed JSON: {error.msg}", path=path, line=error.lineno) from None
    except (RecursionError, ValueError):  # ValueError: an integer of more than 4,300 digits
        raise ClassMapError("malformed JSON: nested too deeply or a number too long", path=path) from None


def _json_entries(content: Any, path: str) -> list[Entry]:
    if isinstance(content, dict):
        for key in ("classes", "categories"):
            if isinstance(content.get(key), list | dict):
                return _json_entries(content[key], path)
        return [Entry(id, name) for name, id in content.items() if (name, id) != (BACKGROUND, 0)]
    if isinstance(content, list) and content and all(isinstance(item, str) for item in content):
        return [Entry(id, name) for id, name in enumerate(content, start=1)]
    if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        entries = [Entry(i.get("id"), i.get("name"), i.get("display_name")) for i in content]
        return [entry for entry in entries if (entry.name, entry.id) != (BACKGROUND, 0)]
    raise ClassMapError(
        "no class names",
        path=path,
        found=content,
        expected='a list of names, {name: id}, {"classes": [...]} or [{"id", "name"}, ...]',
    )


def _label_map_entries(text: str, path: str) -> list[Entry]:
    entries = []
    for item in label_map.parse(text, path):
        # object_detection/utils/label_map_util.py allows id 0 for 'background' alone, in either name.
        if item.id == 0 and BACKGROUND in (item.name, item.display_name):
            continue
        name = item.display_name if item.name is None else item.name
        if name is None:
            raise ClassMapError("an item has neither name nor display_name", path=path, line=item.line)
        entries.append(Entry(item.id, name, None if item.name is None else item.display_name, item.line))
    if not entries:
        raise ClassMapError("no class names", path=path)
    return entries
