"""What a class file says, in any of its formats, before a ClassMap checks it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from annotools.classes import label_map
from annotools.classes.data_yaml import YAML_NAMES, names_in_yaml
from annotools.classes.entry import Entry
from annotools.errors import ClassMapError, SourceError, shorten
from annotools.files.text import decode

BACKGROUND = "background"
_CVAT_HEAD = "# label:color_rgb:parts:actions"


def read(path: str) -> list[Entry]:
    """The classes of a .txt, .json, .pbtxt or .yaml file; with another extension the content tells.

    ClassMapError with path and line for a malformed file, SourceError for one that cannot be read.
    """
    text = _read_text(path)
    extension = Path(path).suffix.lower()
    if extension not in (".txt", ".json", ".pbtxt", ".yaml", ".yml"):
        extension = _sniff(text)
    if extension == ".pbtxt":
        return _label_map_entries(text, path)
    if extension == ".json":
        return _json_entries(_parse_json(text, path), path)
    if extension in (".yaml", ".yml"):
        found = names_in_yaml(text, path)
        return [Entry(id, name, line=line) for id, (line, name) in enumerate(found, start=1)]
    return _text_entries(text, path)


def _sniff(text: str) -> str:
    if label_map.looks_like_label_map(text):
        return ".pbtxt"
    if YAML_NAMES.search(text):
        return ".yaml"
    return ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"


def _read_text(path: str) -> str:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read the class file: {error.strerror}", path=path) from error
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1 if error.encoding == "utf-8" else None
        found = error.object[error.start : error.end]
        raise ClassMapError(f"not {error.encoding.upper()}", path=path, line=line, found=found) from None


def _text_entries(text: str, path: str) -> list[Entry]:
    # Not splitlines: that would also split at U+2028, U+0085 and form feeds.
    names = text.replace("\r\n", "\n").split("\n")
    while names and not names[-1].strip():
        names.pop()
    if not names:
        raise ClassMapError("no class names", path=path)
    if names[0].startswith(_CVAT_HEAD):
        return _cvat_entries(names, path)
    for line, name in enumerate(names, start=1):
        if not name.strip():
            raise ClassMapError("a blank line between class names", path=path, line=line)
    return _numbered_entries(names) or [Entry(line, name, line=line) for line, name in enumerate(names, 1)]


def _cvat_entries(lines: list[str], path: str) -> list[Entry]:
    """`name:r,g,b:parts:actions`, a line each, as CVAT and Datumaro write it beside VOC files."""
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.rsplit(":", 3)
        if len(fields) != 4:
            raise ClassMapError(
                "not a line of CVAT's label map", path=path, line=number, found=line, expected=_CVAT_HEAD
            )
        if fields[0] != BACKGROUND:
            entries.append(Entry(len(entries) + 1, fields[0], line=number))
    if not entries:
        raise ClassMapError("no class names", path=path)
    return entries


def _numbered_entries(lines: list[str]) -> list[Entry]:
    """`0 cup`, `1 pen`: numbers that count from 0 or 1, before names that differ. Ids start at 1."""
    found = [re.fullmatch(r"(\d+)[ \t]*[ \t:,;][ \t]*(\S.*?)[ \t]*", line) for line in lines]
    numbered = [(int(match[1]), match[2]) for match in found if match]
    numbers, names = [number for number, _ in numbered], [name for _, name in numbered]
    first = numbers[0] if numbers else 0
    counts = len(numbered) == len(lines) > 1 and first in (0, 1)
    if not counts or numbers != list(range(first, first + len(lines))) or len(set(names)) < len(names):
        return []
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
